"""Sentence-transformers models: vectors of texts, vectors of tokens and token counts from one loaded model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.backends.models.model_files import (
    FIX_HINT,
    ModelFiles,
    build_profile,
    first_line,
    read_model_shape,
    resolve_files,
    resolve_model,
)
from pipeline.backends.models.vocabulary import Units, build_unit_finder
from pipeline.errors import MissingExtra, ModelUnavailable, ProfileMismatch
from pipeline.ports import Matrix
from pipeline.types import EmbeddingProfile, Pooling

MAX_WORD_CHARS = 64
"""Texts up to this length are words to the counter, and their counts are remembered."""
DEFAULT_MAX_TOKENS = 512
"""What a model is said to read that names no limit."""
LANGUAGE_MODEL_FIX_HINT = "Name a folder that holds it, or its name at the hub (owner/model)."


class SentenceTransformerEmbedder:
    """Fills the ports `Embedder`, `Tokenizer`, `Vocabulary` and `TokenVectors` from one model in memory."""

    def __init__(
        self,
        profile: EmbeddingProfile,
        *,
        threads: int = 0,
        batch_size: int = 32,
        token_limit: int = 256,
        device: str | None = None,
    ) -> None:
        """Load the profile's model; `token_limit` is where passages are cut for token vectors."""
        self._profile = profile
        self._batch_size = batch_size
        self._token_limit = token_limit
        self._model = load_model(profile, threads=threads, device=device)
        dimensions = self._model.get_embedding_dimension()
        if dimensions != profile.dimensions:
            raise ProfileMismatch(
                f"The model {profile.model} gives vectors of {dimensions} dimensions, the profile {profile.name} has "
                f"{profile.dimensions}; add a profile for this model instead."
            )
        self._tokenizer = self._model.tokenizer
        self._count = _counter(self._tokenizer)
        self._known_units = build_unit_finder(self._tokenizer)
        # Splitting asks for the same words again and again, across documents.
        self._count_word = lru_cache(maxsize=100_000)(self._count)
        # Static embeddings and the like have a bare tokenizer and no token vectors; the library runs those by itself.
        self._is_transformer = hasattr(self._tokenizer, "pad")

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile whose vectors it writes."""
        return self._profile

    @property
    def device(self) -> str:
        """Where the model computes, e.g. `cpu`."""
        return str(self._model.device)

    def count(self, text: str) -> int:
        """Count the tokens of one text, special tokens not included; safe beside `encode` on another thread."""
        return self._count_word(text) if len(text) <= MAX_WORD_CHARS else self._count(text)

    def known_units(self, text: str) -> Units:
        """Give start and end of every unit of the vocabulary in a text; what it does not know is left out."""
        return self._known_units(text)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts as they are: shape (texts, dimensions), float32, rows of length 1 if the profile says so."""
        import torch

        vectors = np.zeros((len(texts), self._profile.dimensions), dtype=np.float32)
        if not self._is_transformer:
            if texts:
                vectors[:] = self._model.encode(
                    list(texts), normalize_embeddings=self._profile.normalize, show_progress_bar=False
                )
            return vectors
        with torch.inference_mode():
            for rows, features in self._batches(texts, self._model.max_seq_length):
                pooled = self._model(features)["sentence_embedding"].float()
                if self._profile.normalize:
                    pooled = torch.nn.functional.normalize(pooled, p=2, dim=1)
                vectors[rows] = pooled.cpu().numpy()
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[Matrix]:
        """Embed the tokens of texts: for each an array (tokens, dimensions), rows of length 1.

        Special tokens are left out, the one for unknown words among them: it would match every other unknown word.
        """
        import torch

        if not self._is_transformer:
            raise ModelUnavailable(
                f"The embedding model {self._profile.model} has no token vectors; ask with another reranker."
            )
        found: list[Matrix] = [np.zeros((0, 0), dtype=np.float32)] * len(texts)
        limit = min(self._token_limit, self._model.max_seq_length or self._token_limit)
        special = torch.tensor(sorted(self._tokenizer.all_special_ids))
        with torch.inference_mode():
            for rows, features in self._batches(texts, limit):
                kept = features["attention_mask"].bool().cpu() & ~torch.isin(features["input_ids"].cpu(), special)
                hidden = self._model[0](features)["token_embeddings"].float()
                hidden = torch.nn.functional.normalize(hidden, p=2, dim=2).cpu()
                for row, vectors, mask in zip(rows, hidden, kept, strict=True):
                    found[row] = vectors[mask].numpy()
        return found

    def _batches(self, texts: Sequence[str], limit: int | None) -> Iterator[tuple[list[int], dict[str, Any]]]:
        # Tokenised once without padding and sorted by token count, so that a batch holds equally long texts: with short
        # notes among long ones most of an unsorted batch is padding.
        if not texts:
            return
        encoded = self._tokenizer(
            list(texts), padding=False, truncation=limit is not None, max_length=limit, verbose=False
        )
        order = sorted(range(len(texts)), key=lambda row: len(encoded["input_ids"][row]), reverse=True)
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            batch = {name: [values[row] for row in rows] for name, values in encoded.items()}
            features = self._tokenizer.pad(batch, padding=True, return_tensors="pt", verbose=False)
            yield rows, {name: tensor.to(self._model.device) for name, tensor in features.items()}


def _counter(tokenizer: Any) -> Callable[[str], int]:
    # Static embeddings hold the fast tokenizer itself, transformers wrap it, and a slow one has none.
    fast = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(fast, "no_truncation"):
        return lambda text: len(tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False))
    # A copy: the tokenizer keeps its truncation as state and panics when two threads set it at once.
    copy = deepcopy(fast)
    copy.no_truncation()
    copy.no_padding()
    return lambda text: len(copy.encode(text, add_special_tokens=False).ids)


def load_sentence_transformer(files: ModelFiles, *, threads: int = 0, device: str | None = None) -> Any:
    """Load a model; every failure becomes one sentence with what to do."""
    try:
        import torch
        import transformers
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtra(
            "The model library is not installed here; install it with `pip install 'refdesk[worker]'`."
        ) from error
    if threads:
        torch.set_num_threads(threads)
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            files.location,
            device=device,
            local_files_only=files.local_only,
            model_kwargs={"dtype": torch.float32},
        )
    except Exception as error:  # the library raises nearly anything for a folder that holds no model
        raise ModelUnavailable(
            f"The embedding model {files.name} cannot be loaded: {first_line(error)} {FIX_HINT}"
        ) from error
    model.eval()
    return model


def load_model(profile: EmbeddingProfile, *, threads: int = 0, device: str | None = None) -> Any:
    """Load what a profile's vectors come from: the model as it is, or a language model with a pooling on top."""
    if profile.backend != "hidden-states":
        return load_sentence_transformer(resolve_model(profile.model), threads=threads, device=device)
    files = resolve_files(profile.model, kind="language model", fix_hint=LANGUAGE_MODEL_FIX_HINT)
    return load_hidden_states(files, profile.pooling or "mean", threads=threads, device=device)


def load_hidden_states(files: ModelFiles, pooling: Pooling, *, threads: int = 0, device: str | None = None) -> Any:
    """Load a language model so that the states of its last layer, pooled, are the vector of a text.

    `mean` averages over the tokens; `last` takes the last token, the only one that has read all others in a causal
    model (both as in Wang et al., "Improving Text Embeddings with Large Language Models", 2024, sec. 3).
    """
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule
        from sentence_transformers.sentence_transformer.modules import Transformer
    except ImportError as error:
        raise MissingExtra(
            "The model library is not installed here; install it with `pip install 'refdesk[worker]'`."
        ) from error
    if threads:
        torch.set_num_threads(threads)
    local = {"local_files_only": files.local_only}
    try:
        # As the weights are stored: a language model in single precision may not fit.
        states = Transformer(
            files.location, model_kwargs={"dtype": "auto", **local}, processor_kwargs=local, config_kwargs=local
        )
        width = states.get_embedding_dimension()
        mode = "lasttoken" if pooling == "last" else "mean"
        model = SentenceTransformer(modules=[states, PoolingModule(width, pooling_mode=mode)], device=device)
    except Exception as error:  # the library raises nearly anything for a folder that holds no model
        raise ModelUnavailable(
            f"The language model {files.name} cannot be loaded: {first_line(error)} {LANGUAGE_MODEL_FIX_HINT}"
        ) from error
    if model.tokenizer.pad_token is None:  # causal models are trained without one; what it stands for is masked
        model.tokenizer.pad_token = model.tokenizer.eos_token
    # Padding on the right leaves positions and, in a causal model, all states before it as they are.
    model.tokenizer.padding_side = "right"
    model.eval()
    return model


def describe_hidden_states(name: str, pooling: Pooling) -> EmbeddingProfile:
    """Describe a language model's states as a profile that is not stored yet (id 0); loads the weights."""
    files = resolve_files(name, kind="language model", fix_hint=LANGUAGE_MODEL_FIX_HINT)
    model = load_hidden_states(files, pooling)
    described = build_profile(name, int(model.get_embedding_dimension()), _longest_input(model))
    return replace(described, backend="hidden-states", pooling=pooling)


def describe_model(name: str) -> EmbeddingProfile:
    """Describe a model as a profile that is not stored yet (id 0): dimensions, longest input, prefixes.

    Reads the model's small files; loads the weights only when those do not say.
    """
    files = resolve_model(name)
    shape = read_model_shape(Path(files.location)) if Path(files.location).is_dir() else None
    if shape is None:
        model = load_sentence_transformer(files)
        shape = int(model.get_embedding_dimension()), _longest_input(model)
    return build_profile(files.name, *shape)


def _longest_input(model: Any) -> int:
    """Say how many tokens a model reads; one of static embeddings names no limit, or an infinite one."""
    length = model.max_seq_length
    return int(length) if length and math.isfinite(length) else DEFAULT_MAX_TOKENS
