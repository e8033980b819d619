"""Embedding models: what settings and people ask for becomes a profile, and a profile an embedder."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from config.settings import Settings
from pipeline.errors import InvalidInput, RefdeskError
from pipeline.ports import Embedder, Tokenizer
from pipeline.types import EmbeddingProfile, Pooling


def describe_configured_profile(settings: Settings) -> EmbeddingProfile:
    """Describe the configured embedding model: the first profile of an empty store."""
    wanted = ProfileRequest(
        name="",
        model=settings.embedding.model,
        base_url=settings.embedding.base_url,
        pooling=settings.embedding.pooling,
        dimensions=settings.embedding.dimensions,
    )
    return describe_profile(settings, wanted)


def find_configured_model(settings: Settings, known: Collection[str]) -> str:
    """Name the model that is set by hand, as profiles name it (`known`: theirs); empty when none is.

    A model may have several names: with and without its owner, a folder with and without a slash at its end.
    """
    wanted = settings.embedding.model
    if "model" not in settings.embedding.model_fields_set:
        return ""
    if wanted in known:
        return wanted
    try:
        return describe_configured_profile(settings).model
    except RefdeskError:
        return wanted


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """An embedding profile as a person asks for it; what is left out is found out from the model."""

    name: str
    model: str
    base_url: str = ""
    pooling: Pooling = ""
    dimensions: int = 0
    query_prefix: str | None = None
    passage_prefix: str | None = None


def describe_profile(settings: Settings, wanted: ProfileRequest) -> EmbeddingProfile:
    """Describe a profile that is not stored yet (id 0), with what its model says of itself.

    An endpoint is asked for one vector, a language model is loaded, another model only where its files do not say.
    """
    described = _describe(settings, wanted)
    if wanted.dimensions not in (0, described.dimensions):
        raise InvalidInput(
            f"{wanted.model} gives vectors of {described.dimensions} dimensions, not {wanted.dimensions}; only an"
            " endpoint can be asked for fewer."
        )
    return replace(
        described,
        name=wanted.name or described.name,
        query_prefix=described.query_prefix if wanted.query_prefix is None else wanted.query_prefix,
        passage_prefix=described.passage_prefix if wanted.passage_prefix is None else wanted.passage_prefix,
    )


def _describe(settings: Settings, wanted: ProfileRequest) -> EmbeddingProfile:
    from pipeline.backends.endpoints.openai_embeddings import MAX_TOKENS, describe_endpoint
    from pipeline.backends.models.model_files import build_profile
    from pipeline.backends.models.sentence_transformer import describe_hidden_states, describe_model

    if wanted.base_url and wanted.pooling:
        raise InvalidInput("An endpoint pools by itself; give either an address or a pooling.")
    if wanted.base_url:
        _require_no_secret(wanted.base_url)
        asked = build_profile(wanted.model, wanted.dimensions, MAX_TOKENS)
        asked = replace(asked, backend="openai", base_url=wanted.base_url)
        return describe_endpoint(asked, api_key=reveal_secret(settings.embedding.api_key))
    if wanted.pooling:
        return describe_hidden_states(wanted.model, wanted.pooling)
    return describe_model(wanted.model)


def _require_no_secret(base_url: str) -> None:
    """Refuse an address that holds a password: a profile is shown to everybody who may look into the store."""
    parts = urlsplit(base_url)
    if parts.username or parts.password or parts.query:
        raise InvalidInput(
            "The address of an embedding endpoint is kept and shown; give it without user name, password and query, and"
            " set the key in REFDESK_EMBEDDING_API_KEY."
        )


class CountingEmbedder(Embedder, Tokenizer, Protocol):
    """An embedder that counts tokens too."""


def build_embedder(settings: Settings, profile: EmbeddingProfile) -> CountingEmbedder:
    """Load the profile's model, or build the client of its endpoint."""
    from pipeline.backends.endpoints.openai_embeddings import OpenAIEmbeddings
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder

    if profile.backend == "openai":
        return OpenAIEmbeddings(
            profile, api_key=reveal_secret(settings.embedding.api_key), batch_size=settings.embedding.request_size
        )
    return SentenceTransformerEmbedder(
        profile, threads=settings.models.threads or (os.cpu_count() or 1), batch_size=settings.embedding.batch_size
    )


def reveal_secret(key: SecretStr | None) -> str:
    """Give a secret as it is sent; empty when there is none."""
    return key.get_secret_value() if key else ""
