"""Token vectors remembered: a passage that one question had reranked is not read again for the next.

Passages come back: popular ones for many questions, and all of them when a collection is evaluated. Reading 50 passages
takes seconds on two cores, comparing token vectors that are there takes milliseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.ports import Matrix, TokenVectors


class TokenVectorCache:
    """Fills the port `TokenVectors` from another one, and keeps what was used last within a limit of memory."""

    def __init__(self, vectors: TokenVectors, *, max_bytes: int) -> None:
        """Take the model and the limit; 0 remembers nothing."""
        self._vectors = vectors
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, npt.NDArray[np.float16]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Memory in use for vectors."""
        return self._bytes

    def encode_tokens(self, texts: Sequence[str]) -> Sequence[Matrix]:
        """Give the token vectors of texts, reading only those that are not remembered."""
        with self._lock:
            known = {text: self._held[text] for text in texts if text in self._held}
            for text in known:
                self._held.move_to_end(text)
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        read = dict(zip(fresh, self._vectors.encode_tokens(fresh), strict=True)) if fresh else {}
        for text, matrix in read.items():
            self._keep(text, matrix)
        return [read[text] if text in read else known[text].astype(np.float32) for text in texts]

    def _keep(self, text: str, matrix: Matrix) -> None:
        # Half precision: at length 1 a cosine changes by less than 0.001, and twice as many passages fit.
        small = matrix.astype(np.float16)
        with self._lock:
            if text in self._held or small.nbytes > self._max_bytes:
                return
            self._held[text] = small
            self._bytes += small.nbytes
            while self._bytes > self._max_bytes:
                _, dropped = self._held.popitem(last=False)
                self._bytes -= dropped.nbytes
