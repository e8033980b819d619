"""Embedding models: describe profiles from settings and requests, and build the embedder of a profile."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from config.settings import Settings
from pipeline.errors import InvalidInput, RefdeskError
from pipeline.ports import Embedder, Tokenizer
from pipeline.types import EmbeddingProfile, Pooling, Quantization

if TYPE_CHECKING:
    from pipeline.backends.models.encoders import EncoderOptions
    from pipeline.backends.models.inspection import EncoderReport


def describe_configured_profile(settings: Settings) -> EmbeddingProfile:
    """Describe the configured embedding model, which becomes the first profile of an empty store."""
    request = ProfileRequest(
        name="",
        model=settings.embedding.model,
        base_url=settings.embedding.base_url,
        pooling=settings.embedding.pooling,
        dimensions=settings.embedding.dimensions,
        quantization=settings.embedding.quantization,
    )
    return describe_profile(settings, request)


def find_configured_model(settings: Settings, known: Collection[str]) -> str:
    """Return the model that REFDESK_EMBEDDING_MODEL sets, by the name that profiles use; empty when it is not set.

    A model can have several names: with and without its owner, or a folder with and without a trailing slash.

    Args:
        settings: The settings.
        known: The models of all profiles.
    """
    from pipeline.backends.models.model_files import list_names

    configured = settings.embedding.model
    if "model" not in settings.embedding.model_fields_set:
        return ""
    for name in (configured, *list_names(configured)):
        if name in known:
            return name
    try:
        return describe_configured_profile(settings).model
    except RefdeskError:
        return configured


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """The options of a new embedding profile; missing ones are read from the model."""

    name: str
    model: str
    base_url: str = ""
    pooling: Pooling = ""
    dimensions: int = 0
    query_prefix: str | None = None
    passage_prefix: str | None = None
    quantization: Quantization = ""


def describe_profile(settings: Settings, request: ProfileRequest) -> EmbeddingProfile:
    """Describe a profile that is not stored yet (ID 0), with the properties of its model.

    Sends one text to an endpoint and loads a language model; other models are loaded only if their files do not
    contain the properties.
    """
    described = _describe(settings, request)
    if request.dimensions not in (0, described.dimensions):
        raise InvalidInput(
            f"{request.model} returns vectors of {described.dimensions} dimensions, not {request.dimensions}. Only an"
            " endpoint can return fewer; leave out the dimensions."
        )
    return replace(
        described,
        name=request.name or described.name,
        query_prefix=described.query_prefix if request.query_prefix is None else request.query_prefix,
        passage_prefix=described.passage_prefix if request.passage_prefix is None else request.passage_prefix,
        quantization=request.quantization,
    )


def _describe(settings: Settings, request: ProfileRequest) -> EmbeddingProfile:
    from pipeline.backends.models.model_files import build_profile
    from pipeline.backends.models.sentence_transformer import describe_hidden_states, describe_model

    if request.base_url and request.pooling:
        raise InvalidInput(
            "An endpoint does its own pooling. Set either the URL of an endpoint or a pooling, not both."
        )
    if request.quantization and (request.base_url or request.pooling):
        raise InvalidInput(
            "Only local sentence-transformers models can be quantized. Leave out the quantization, or the URL and the"
            " pooling."
        )
    if request.base_url:
        from pipeline.backends.endpoints.openai_embeddings import MAX_TOKENS, describe_endpoint

        _require_no_secret(request.base_url)
        profile = build_profile(request.model, request.dimensions, MAX_TOKENS)
        profile = replace(profile, backend="openai", base_url=request.base_url)
        return describe_endpoint(profile, api_key=reveal_secret(settings.embedding.api_key))
    if request.pooling:
        return describe_hidden_states(request.model, request.pooling)
    return describe_model(request.model, find_models_folder(settings))


def check_profile(settings: Settings, profile: EmbeddingProfile) -> None:
    """Check that the model or endpoint of a stored profile still returns its vectors, without loading a language model.

    Raises:
        ModelUnavailable: There is no such model.
        ProfileMismatch: It returns vectors of other dimensions.
        LlmError: The endpoint fails.
    """
    from pipeline.backends.models.loading import require_dimensions
    from pipeline.backends.models.sentence_transformer import describe_model

    if profile.backend == "openai":
        from pipeline.backends.endpoints.openai_embeddings import describe_endpoint

        describe_endpoint(profile, api_key=reveal_secret(settings.embedding.api_key))
    elif profile.backend == "sentence-transformers":
        require_dimensions(profile, describe_model(profile.model, find_models_folder(settings)).dimensions)


def _require_no_secret(base_url: str) -> None:
    """Reject a URL with a secret, because profiles are shown to all users with access to the store."""
    parts = urlsplit(base_url)
    is_version = re.fullmatch(r"api-version=[\w.-]+", parts.query) is not None  # Azure needs it
    if parts.username or parts.password or (parts.query and not is_version):
        raise InvalidInput(
            "The URL of an embedding endpoint is stored and shown, so it must not contain a user name, password or"
            " query other than Azure's api-version. Set the key in REFDESK_EMBEDDING_API_KEY."
        )


class CountingEmbedder(Embedder, Tokenizer, Protocol):
    """An embedder that is also a tokenizer."""


def build_embedder(settings: Settings, profile: EmbeddingProfile) -> CountingEmbedder:
    """Load the model of a profile, or build the client of its endpoint."""
    from pipeline.backends.models.encoders import load_embedder

    if profile.backend == "openai":
        # The package openai takes 0.7 s to import, so only a worker with an endpoint imports it.
        from pipeline.backends.endpoints.openai_embeddings import OpenAIEmbeddings

        return OpenAIEmbeddings(
            profile,
            api_key=reveal_secret(settings.embedding.api_key),
            batch_size=settings.embedding.request_size,
            price_tokens_usd=settings.find_embedding_price(profile.model).prompt,
        )
    return load_embedder(profile, build_encoder_options(settings), batch_size=settings.embedding.batch_size)


def build_encoder_options(settings: Settings) -> EncoderOptions:
    """Build the options of local models from the settings."""
    from pipeline.backends.models.encoders import EncoderOptions

    return EncoderOptions(
        runtime=settings.models.encoder,
        folder=find_models_folder(settings),
        threads=settings.models.threads or (os.cpu_count() or 1),
    )


def find_models_folder(settings: Settings) -> Path:
    """Return the folder of saved and converted models; it need not exist yet."""
    return settings.servers.home / "models"


def inspect_encoder(settings: Settings, profile: EmbeddingProfile) -> EncoderReport:
    """Describe how the model of a profile runs here, with its measured speed if that needs no download or export."""
    from pipeline.backends.models import inspection

    return inspection.inspect_encoder(profile, build_encoder_options(settings))


def reveal_secret(key: SecretStr | None) -> str:
    """Return the value of a secret; empty when it is not set."""
    return key.get_secret_value() if key else ""
