"""Sentence-transformers models: embeddings, token vectors and token counts from one loaded model."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.backends.models.loading import prepare_library, report_load_errors, require_dimensions
from pipeline.backends.models.model_files import (
    FIX_HINT,
    ModelFiles,
    build_profile,
    read_model_shape,
    resolve_files,
    resolve_model,
    select_source,
)
from pipeline.backends.models.tokenization import Units, build_text_units
from pipeline.backends.models.turns import torch_turns
from pipeline.errors import ModelUnavailable
from pipeline.ports import Matrix
from pipeline.types import EmbeddingProfile, Pooling

DEFAULT_MAX_TOKENS = 512
"""Longest input of a model that names no limit."""
PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
"""Short names of torch's data types."""
LANGUAGE_MODEL_FIX_HINT = "Use the folder of a language model, or its name at the hub (owner/model)."


class SentenceTransformerEmbedder:
    """An `Embedder`, `Tokenizer`, `Vocabulary`, `TokenVectors` and `TokenSpans` from one model in memory."""

    def __init__(
        self,
        profile: EmbeddingProfile,
        folder: Path,
        *,
        threads: int = 0,
        batch_size: int = 32,
        token_limit: int = 256,
        device: str | None = None,
    ) -> None:
        """Load the profile's model.

        Args:
            profile: Model and dimensions.
            folder: Folder of the saved models, which a packaged model is converted into.
            threads: Threads for computing; 0 keeps the library's default.
            batch_size: Texts per batch.
            token_limit: Passages are cut to this many tokens for token vectors.
            device: For example `cpu`; None lets the library choose.

        Raises:
            ModelUnavailable: The model cannot be found or loaded.
            ProfileMismatch: The model has other dimensions than the profile.
        """
        self._profile = profile
        self._batch_size = batch_size
        self._token_limit = token_limit
        self._model = load_model(profile, folder, threads=threads, device=device)
        require_dimensions(profile, int(self._model.get_embedding_dimension()))
        self._tokenizer = self._model.tokenizer
        self._tokenizing = threading.Lock()
        self._units = build_text_units(self._tokenizer)
        # Models with static embeddings have no such tokenizer and no token vectors; the library batches for them.
        self._is_transformer = hasattr(self._tokenizer, "pad")

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile of the vectors."""
        return self._profile

    @property
    def runtime(self) -> str:
        """What runs the model, its precision and its device."""
        dtype = str(next(self._model.parameters()).dtype).removeprefix("torch.")
        return f"torch, {PRECISIONS.get(dtype, dtype)} on {self._model.device}"

    def count(self, text: str) -> int:
        """Count the tokens of a text without special tokens; safe while another thread runs `encode`."""
        return self._units.count(text)

    def known_units(self, text: str) -> Units:
        """Return start and end of every unit of the vocabulary in a text, without unknown parts."""
        return self._units.known_units(text)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts (prefixes already applied).

        Returns:
            Shape (texts, dimensions), float32; rows of length 1 if the profile normalises.
        """
        import torch

        vectors = np.zeros((len(texts), self._profile.dimensions), dtype=np.float32)
        if not self._is_transformer:
            if texts:
                with torch_turns.take(short=len(texts) == 1):
                    vectors[:] = self._model.encode(
                        list(texts), normalize_embeddings=self._profile.normalize, show_progress_bar=False
                    )
            return vectors
        with torch.inference_mode():
            for rows, features in self._batches(texts, self._model.max_seq_length):
                with torch_turns.take(short=len(texts) == 1):
                    pooled = self._model(features)["sentence_embedding"].float()
                if self._profile.normalize:
                    pooled = torch.nn.functional.normalize(pooled, p=2, dim=1)
                vectors[rows] = pooled.cpu().numpy()
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[Matrix]:
        """Embed the tokens of texts.

        Special tokens are left out. The one for unknown words is one of them: it would match every other unknown word.

        Returns:
            For each text an array (tokens, dimensions), rows of length 1.

        Raises:
            ModelUnavailable: The model has no token vectors.
        """
        import torch

        if not self._is_transformer:
            raise ModelUnavailable(
                f"The embedding model {self._profile.model} has no token vectors. Choose another reranker."
            )
        matrices: list[Matrix] = [np.zeros((0, 0), dtype=np.float32)] * len(texts)
        special = torch.tensor(sorted(self._tokenizer.all_special_ids))
        with torch.inference_mode():
            for rows, features in self._batches(texts, self._token_vector_limit):
                content_tokens = features["attention_mask"].bool().cpu() & ~torch.isin(
                    features["input_ids"].cpu(), special
                )
                with torch_turns.take(short=len(texts) == 1):
                    hidden = self._model[0](features)["token_embeddings"].float()
                hidden = torch.nn.functional.normalize(hidden, p=2, dim=2).cpu()
                for row, vectors, mask in zip(rows, hidden, content_tokens, strict=True):
                    matrices[row] = vectors[mask].numpy()
        return matrices

    def token_spans(self, texts: Sequence[str]) -> list[Units]:
        """Return start and end of the token of each row that `encode_tokens` returns; empty for a slow tokenizer."""
        if not getattr(self._tokenizer, "is_fast", False):
            return [[] for _ in texts]
        special = frozenset(self._tokenizer.all_special_ids)
        with self._tokenizing:
            encoded = self._tokenizer(
                list(texts),
                padding=False,
                truncation=True,
                max_length=self._token_vector_limit,
                return_offsets_mapping=True,
                verbose=False,
            )
        return [
            [span for span, token in zip(offsets, ids, strict=True) if token not in special]
            for offsets, ids in zip(encoded["offset_mapping"], encoded["input_ids"], strict=True)
        ]

    @property
    def _token_vector_limit(self) -> int:
        return min(self._token_limit, self._model.max_seq_length or self._token_limit)

    def _batches(self, texts: Sequence[str], limit: int | None) -> Iterator[tuple[list[int], dict[str, Any]]]:
        # Texts are tokenised once without padding and sorted by token count, so that the texts of a batch have similar
        # lengths: with short texts among long ones, most of an unsorted batch is padding.
        if not texts:
            return
        # The limit is state of the tokenizer, so that threads with different limits must not use it concurrently.
        with self._tokenizing:
            encoded = self._tokenizer(
                list(texts), padding=False, truncation=limit is not None, max_length=limit, verbose=False
            )
        order = sorted(range(len(texts)), key=lambda row: len(encoded["input_ids"][row]), reverse=True)
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            batch = {name: [values[row] for row in rows] for name, values in encoded.items()}
            features = self._tokenizer.pad(batch, padding=True, return_tensors="pt", verbose=False)
            yield rows, {name: tensor.to(self._model.device) for name, tensor in features.items()}


def load_sentence_transformer(files: ModelFiles, *, threads: int = 0, device: str | None = None) -> Any:
    """Load a sentence-transformers model.

    Raises:
        ModelUnavailable: The files contain no such model.
        MissingExtra: The model library is not installed.
    """
    prepare_library(threads)
    import torch
    from sentence_transformers import SentenceTransformer

    with report_load_errors("embedding model", files.name, FIX_HINT):
        model = SentenceTransformer(
            files.location,
            device=device,
            local_files_only=files.local_only,
            model_kwargs={"dtype": torch.float32},
        )
    model.eval()
    return model


def load_model(profile: EmbeddingProfile, folder: Path, *, threads: int = 0, device: str | None = None) -> Any:
    """Load the model of a profile: a sentence-transformers model, or a language model with pooling."""
    if profile.backend != "hidden-states":
        return load_sentence_transformer(resolve_model(profile.model, folder), threads=threads, device=device)
    files = resolve_files(profile.model, kind="language model", fix_hint=LANGUAGE_MODEL_FIX_HINT)
    return load_hidden_states(files, profile.pooling or "mean", threads=threads, device=device)


def load_hidden_states(files: ModelFiles, pooling: Pooling, *, threads: int = 0, device: str | None = None) -> Any:
    """Load a language model whose pooled last hidden states are the vector of a text.

    `mean` averages over the tokens. `last` uses the last token, the only one that attends to all others in a causal
    model (both as in Wang et al., "Improving Text Embeddings with Large Language Models", 2024, sec. 3).

    Raises:
        ModelUnavailable: The files contain no such model.
        MissingExtra: The model library is not installed.
    """
    prepare_library(threads)
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule
    from sentence_transformers.sentence_transformer.modules import Transformer

    local = {"local_files_only": files.local_only}
    with report_load_errors("language model", files.name, LANGUAGE_MODEL_FIX_HINT):
        # The stored precision is kept: a language model in single precision may not fit into memory.
        states = Transformer(
            files.location, model_kwargs={"dtype": "auto", **local}, processor_kwargs=local, config_kwargs=local
        )
        width = states.get_embedding_dimension()
        mode = "lasttoken" if pooling == "last" else "mean"
        model = SentenceTransformer(modules=[states, PoolingModule(width, pooling_mode=mode)], device=device)
    if model.tokenizer.pad_token is None:  # causal models are trained without one; padded positions are masked
        model.tokenizer.pad_token = model.tokenizer.eos_token
    # Padding on the right does not change positions and, in a causal model, the states before it.
    model.tokenizer.padding_side = "right"
    model.eval()
    return model


def describe_hidden_states(name: str, pooling: Pooling) -> EmbeddingProfile:
    """Build the profile of a language model's hidden states, not stored yet (id 0). Loads the weights."""
    files = resolve_files(name, kind="language model", fix_hint=LANGUAGE_MODEL_FIX_HINT)
    model = load_hidden_states(files, pooling)
    described = build_profile(name, int(model.get_embedding_dimension()), _longest_input(model))
    return replace(described, backend="hidden-states", pooling=pooling)


def describe_model(name: str, folder: Path) -> EmbeddingProfile:
    """Build the profile of a model, not stored yet (id 0): dimensions, longest input, prefixes.

    Loads the weights only if the model's small files do not contain these values.

    Args:
        name: The configured name.
        folder: Folder of the saved models, which a packaged model is converted into.
    """
    files = resolve_model(select_source(name, folder), folder)
    shape = read_model_shape(Path(files.location)) if Path(files.location).is_dir() else None
    if shape is None:
        model = load_sentence_transformer(files)
        shape = int(model.get_embedding_dimension()), _longest_input(model)
    return build_profile(files.name, *shape)


def _longest_input(model: Any) -> int:
    """Return the most tokens that a model reads. Static embeddings name no limit, or an infinite one."""
    length = model.max_seq_length
    return int(length) if length and math.isfinite(length) else DEFAULT_MAX_TOKENS
