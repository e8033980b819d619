"""The size of batches of small documents, which depends on how fast this worker reads at the moment."""

from __future__ import annotations

from db.job_batches import MAX_JOBS

BATCH_S = 1.0
"""Seconds of work per batch, as far as known: the documents of others wait for the batch before them."""
MIN_SIZE = 16
"""A batch has the same cost as a few documents, so smaller ones would make a slow worker slower."""


class BatchSizer:
    """Chooses the number of documents in the next batch: about `BATCH_S` of work at the speed of the last batch.

    A worker has low priority, so that reading takes many times longer on a busy machine.
    """

    def __init__(self) -> None:
        """Start with a small batch."""
        self.size = MIN_SIZE
        """Maximum documents in the next batch."""

    def record(self, documents: int, seconds: float) -> None:
        """Record the last batch."""
        fitting = int(BATCH_S * documents / seconds) if seconds else MAX_JOBS
        self.size = max(MIN_SIZE, min(fitting, MAX_JOBS))
