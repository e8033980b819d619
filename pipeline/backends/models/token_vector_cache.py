"""A cache of token vectors: a passage that was reranked for one question is not encoded again for the next.

Passages repeat: popular ones for many questions, and all of them when a collection is evaluated. Encoding 50 passages
takes seconds on two cores, comparing cached token vectors takes milliseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.ports import Matrix, TokenVectors


class TokenVectorCache:
    """A `TokenVectors` that caches the vectors of another one, least recently used first out."""

    def __init__(self, vectors: TokenVectors, *, max_bytes: int) -> None:
        """Create an empty cache.

        Args:
            vectors: The model.
            max_bytes: Memory limit; 0 caches nothing.
        """
        self._vectors = vectors
        self._max_bytes = max_bytes
        self._cached: OrderedDict[str, npt.NDArray[np.float16]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def cached_bytes(self) -> int:
        """Memory that the cached vectors use."""
        return self._bytes

    def encode_tokens(self, texts: Sequence[str]) -> Sequence[Matrix]:
        """Return the token vectors of texts, encoding only those that are not cached."""
        with self._lock:
            known = {text: self._cached[text] for text in texts if text in self._cached}
            for text in known:
                self._cached.move_to_end(text)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        encoded = dict(zip(missing, self._vectors.encode_tokens(missing), strict=True)) if missing else {}
        for text, matrix in encoded.items():
            self._add(text, matrix)
        return [encoded[text] if text in encoded else known[text].astype(np.float32) for text in texts]

    def _add(self, text: str, matrix: Matrix) -> None:
        # Half precision: at length 1 a cosine changes by less than 0.001, and twice as many passages fit.
        small = matrix.astype(np.float16)
        with self._lock:
            if text in self._cached or small.nbytes > self._max_bytes:
                return
            self._cached[text] = small
            self._bytes += small.nbytes
            while self._bytes > self._max_bytes:
                _, dropped = self._cached.popitem(last=False)
                self._bytes -= dropped.nbytes
