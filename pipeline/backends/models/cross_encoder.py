"""Cross-encoders of sentence-transformers as `PairScorer`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.backends.models.model_files import ModelFiles, first_line, resolve_files
from pipeline.errors import MissingExtra, ModelUnavailable

FIX_HINT = "Set REFDESK_CROSS_ENCODER_MODEL to a folder that holds one, or ask with the reranker late-interaction."


class SentenceTransformersCrossEncoder:
    """Any CrossEncoder that gives one score for a pair; scores are logits, whatever activation its files name."""

    def __init__(self, name: str, *, threads: int = 0, batch_size: int = 16, device: str | None = None) -> None:
        """Load the model from a folder, the cache or the hub; `ModelUnavailable` says what to do without it."""
        self._name = name
        self._batch_size = batch_size
        self._model = _load(locate_cross_encoder(name), threads=threads, device=device)
        if self._model.num_labels != 1:
            raise ModelUnavailable(
                f"The cross-encoder {name} gives {self._model.num_labels} scores for a pair, but a reranker needs one. "
                f"{FIX_HINT}"
            )

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Give one logit per passage, larger is better."""
        import torch

        if not passages:
            return []
        # Identity, because models differ in the activation they were saved with: the sigmoid is applied later, once.
        logits = self._model.predict(
            [(question, passage) for passage in passages],
            batch_size=self._batch_size,
            activation_fn=torch.nn.Identity(),
            show_progress_bar=False,
        )
        return [float(logit) for logit in logits]


def locate_cross_encoder(name: str) -> ModelFiles:
    """Find a cross-encoder's files without loading it; `ModelUnavailable` says what to do without them."""
    return resolve_files(name, kind="cross-encoder", fix_hint=FIX_HINT)


def _load(files: ModelFiles, *, threads: int, device: str | None) -> Any:
    try:
        import torch
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtra(
            "The model library is not installed here; install it with `pip install 'refdesk[worker]'`."
        ) from error
    if threads:
        torch.set_num_threads(threads)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return CrossEncoder(
            files.location, device=device, local_files_only=files.local_only, model_kwargs={"dtype": torch.float32}
        )
    except Exception as error:  # the library raises nearly anything for a folder that holds no model
        raise ModelUnavailable(
            f"The cross-encoder {files.name} cannot be loaded: {first_line(error)} {FIX_HINT}"
        ) from error
