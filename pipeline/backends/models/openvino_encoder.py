"""Embeddings, token vectors and token counts from a saved model on OpenVINO, without torch and transformers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.backends.models.loading import require_dimensions
from pipeline.backends.models.openvino_model import OpenVinoModel, SavedPooling, load_tokenizer
from pipeline.backends.models.tokenization import TextUnits, Units
from pipeline.ports import Matrix
from pipeline.tracing import span
from pipeline.types import EmbeddingProfile

if TYPE_CHECKING:
    from tokenizers import Encoding

Mask = npt.NDArray[np.int64]


class OpenVinoEmbedder:
    """An `Embedder`, `Tokenizer`, `Vocabulary`, `TokenVectors` and `TokenSpans`; safe for several threads."""

    def __init__(
        self,
        profile: EmbeddingProfile,
        folder: Path,
        *,
        threads: int = 0,
        batch_size: int = 32,
        token_limit: int = 256,
    ) -> None:
        """Load a saved model.

        Args:
            profile: Model and dimensions.
            folder: Folder of the saved model.
            threads: Threads for computing; 0 uses all cores.
            batch_size: Maximum texts per inference.
            token_limit: Passages are cut to this many tokens for token vectors.

        Raises:
            RuntimeError: OpenVINO cannot read the model.
            ValueError: The tokenizer or the description is damaged.
            ProfileMismatch: The model has other dimensions than the profile.
        """
        self._profile = profile
        self._batch_size = batch_size
        self._model = OpenVinoModel(folder, threads=threads)
        saved = self._model.saved
        require_dimensions(profile, saved.dimensions)
        self._limit = saved.max_tokens
        self._token_limit = min(token_limit, saved.max_tokens or token_limit)
        self._special = np.array(saved.special_ids, dtype=np.int64)
        # Truncation is state of a tokenizer that threads must not change, so texts are cut after tokenisation.
        self._tokenizer = load_tokenizer(folder)
        self._added = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._units = TextUnits(self._tokenizer, saved.unknown_ids)

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile of the vectors."""
        return self._profile

    @property
    def runtime(self) -> str:
        """What runs the model, and its precision."""
        return f"OpenVINO, {self._profile.quantization or self._model.precision}"

    @property
    def has_bf16(self) -> bool:
        """Whether the CPU computes in bf16."""
        return self._model.precision == "bf16"

    def count(self, text: str) -> int:
        """Count the tokens of a text without special tokens."""
        return self._units.count(text)

    def known_units(self, text: str) -> Units:
        """Return start and end of every unit of the vocabulary in a text, without unknown parts."""
        return self._units.known_units(text)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts (prefixes already applied).

        Returns:
            Shape (texts, dimensions), float32; rows of length 1 if the profile normalises.
        """
        vectors = np.zeros((len(texts), self._profile.dimensions), dtype=np.float32)
        pool = POOLINGS[self._model.saved.pooling]
        with span("embedding model", model=self._profile.model, texts=len(texts)):
            for batch in self._model.run(self._encode_texts(texts, self._limit), batch_size=self._batch_size):
                vectors[batch.rows] = pool(batch.output, batch.mask)
        if self._profile.normalize or self._model.saved.normalize:
            _normalize(vectors)
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[Matrix]:
        """Embed the tokens of texts.

        Special tokens are left out. The one for unknown words is one of them: it would match every other unknown word.

        Returns:
            For each text an array (tokens, dimensions), rows of length 1.
        """
        empty = np.zeros((0, self._profile.dimensions), dtype=np.float32)
        matrices: list[Matrix] = [empty] * len(texts)
        for batch in self._model.run(self._encode_texts(texts, self._token_limit), batch_size=self._batch_size):
            content = (batch.mask == 1) & ~np.isin(batch.ids, self._special)
            for row, states, mask in zip(batch.rows, batch.output, content, strict=True):
                matrices[row] = _normalize(states[mask])
        return matrices

    def token_spans(self, texts: Sequence[str]) -> list[Units]:
        """Return start and end of the token of each row that `encode_tokens` returns."""
        special = frozenset(self._special.tolist())
        return [
            [span for span, token in zip(encoding.offsets, encoding.ids, strict=True) if token not in special]
            for encoding in self._encode_texts(texts, self._token_limit)
        ]

    def _encode_texts(self, texts: Sequence[str], limit: int | None) -> list[Encoding]:
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        for encoding in encodings:
            if limit is not None:
                encoding.truncate(max(0, limit - self._added))
        return [self._tokenizer.post_process(encoding) for encoding in encodings]


def _sum(states: Matrix, mask: Mask) -> Matrix:
    total: Matrix = np.einsum("btd,bt->bd", states, mask.astype(np.float32))
    return total


def _pool_mean(states: Matrix, mask: Mask) -> Matrix:
    mean: Matrix = _sum(states, mask) / mask.sum(axis=1, keepdims=True).astype(np.float32)
    return mean


def _pool_mean_sqrt(states: Matrix, mask: Mask) -> Matrix:
    mean: Matrix = _sum(states, mask) / np.sqrt(mask.sum(axis=1, keepdims=True).astype(np.float32))
    return mean


def _pool_last(states: Matrix, mask: Mask) -> Matrix:
    last: Matrix = states[np.arange(len(states)), mask.sum(axis=1) - 1]
    return last


def _pool_max(states: Matrix, mask: Mask) -> Matrix:
    highest: Matrix = np.where(mask[:, :, None] == 1, states, -np.inf).max(axis=1)
    return highest


POOLINGS: Mapping[SavedPooling, Callable[[Matrix, Mask], Matrix]] = {
    "mean": _pool_mean,
    "mean_sqrt_len_tokens": _pool_mean_sqrt,
    "cls": lambda states, _: states[:, 0],
    "lasttoken": _pool_last,
    "max": _pool_max,
}
"""How token vectors become the vector of a text, as in sentence-transformers; padding is on the right."""


def _normalize(vectors: Matrix) -> Matrix:
    """Scale rows to length 1, in place; rows of zeros stay."""
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors
