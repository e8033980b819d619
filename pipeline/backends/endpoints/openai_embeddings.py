"""Embedding models of an OpenAI-compatible endpoint: OpenAI itself, vLLM, TEI, llama.cpp, Ollama.

A request contains as many texts as the endpoint accepts: if it rejects a batch as too large, later batches have half
the size. The vectors are checked before they are used: their number, their order by index, the profile's dimensions,
and finite values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import openai

from pipeline.backends.endpoints.chat_address import authorization_header, redact_url
from pipeline.backends.endpoints.http_endpoint import Call, EndpointTexts, HttpEndpoint, RejectedRequest
from pipeline.backends.endpoints.token_counts import read_token_count
from pipeline.errors import (
    LlmRejected,
    LlmUnparsable,
    ModelUnavailable,
    ProfileMismatch,
)
from pipeline.ports import Matrix
from pipeline.text.tokens import estimate_tokens
from pipeline.tracing import span
from pipeline.types import EmbeddingProfile, Usage
from pipeline.usage import record_usage

MAX_ABS_VALUE, MIN_ABS_VALUE = 1e9, 1e-12
"""Largest absolute value in a vector, and the value that at least one of its numbers must exceed."""
MAX_REPLY_BYTES = 400_000_000
"""A batch of 2,048 vectors of 4,000 numbers, written as text, has about 160 MB."""
MAX_TOKENS = 8191
"""Longest input of OpenAI's embedding models. Other servers report it when a text is too long."""
KEY_SETTING = "REFDESK_EMBEDDING_API_KEY"
REJECTED_STATUSES = frozenset({400, 413, 422})
"""Statuses of a request that the endpoint does not accept in this form."""
CONFIGURATION_STATUSES = frozenset({401, 403, 404})
"""Statuses that the operator has to fix: the key, the model or the address is wrong."""


class OpenAIEmbeddings:
    """An `Embedder` and `Tokenizer` over HTTP."""

    def __init__(
        self,
        profile: EmbeddingProfile,
        *,
        api_key: str = "",
        batch_size: int = 32,
        timeout_s: float = 60.0,
        max_retries: int = 4,
        price_tokens_usd: float = 0.0,
        send_dimensions: bool = True,
    ) -> None:
        """Create the client; no request is sent yet.

        Args:
            profile: The profile, with the endpoint's base URL (…/v1).
            api_key: Sent as a bearer token; empty sends none.
            batch_size: Most texts per request.
            timeout_s: Time for one request with all its retries.
            max_retries: Retries after the first attempt.
            price_tokens_usd: Price of a million tokens.
            send_dimensions: Send the profile's dimensions. An endpoint that rejects the parameter (ada-002, most local
                servers) gets later requests without it; its vectors must have the profile's dimensions anyway.
        """
        self._profile = profile
        self._batch_size = batch_size
        self._timeout_s = timeout_s
        self._price_tokens_usd = price_tokens_usd
        self._send_dimensions = send_dimensions
        self._api_key = api_key.strip()
        self._endpoint = HttpEndpoint(
            profile.base_url,
            "/embeddings",
            EndpointTexts(
                subject=f"The embedding model {profile.model!r} at",
                unreachable_fix="check that the server is running",
                key_setting=KEY_SETTING,
            ),
            api_key=api_key,
            invalid_url=partial(
                ModelUnavailable,
                f"{redact_url(profile.base_url)} is not an http(s) URL. Use a base URL such as https://api.openai.com/v1.",
            ),
            max_retries=max_retries,
            max_reply_bytes=MAX_REPLY_BYTES,
        )

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile of the vectors."""
        return self._profile

    def count(self, text: str) -> int:
        """Return an upper estimate of the tokens of a text; the endpoint's own tokenizer is not available."""
        return estimate_tokens(text)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts (prefixes already applied), and record the usage of each request.

        A request that breaks off or runs out of time may still be charged; its tokens are estimated.

        Returns:
            Shape (texts, dimensions), float32; rows of length 1 if the profile normalises.

        Raises:
            LlmError: The endpoint failed.
            ModelUnavailable: The key, the model or the address is wrong.
            ProfileMismatch: The vectors have other dimensions than the profile.
        """
        rows: list[Sequence[float]] = []
        size = self._batch_size
        while len(rows) < len(texts):
            part = texts[len(rows) : len(rows) + size]
            vectors_of_part = self._embed(part)
            size = size if vectors_of_part else len(part) // 2
            rows += vectors_of_part or []
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self._profile.dimensions)
        if self._profile.normalize:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors /= np.where(lengths > 0, lengths, 1)
        return vectors

    def probe(self) -> int:
        """Request one vector and return its dimensions; for a profile whose dimensions are unknown (0)."""
        return len((self._embed(["How many dimensions has this?"]) or [[]])[0])

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _embed(self, texts: Sequence[str]) -> list[Sequence[float]] | None:
        """Embed one batch; return None if the endpoint rejects it, possibly because of its size."""
        try:
            authorization_header(self._api_key, KEY_SETTING)
        except LlmRejected as error:  # The setting is wrong, not a text. A worker starts nevertheless.
            raise ModelUnavailable(str(error)) from error
        with span("embedding model", model=self._profile.model, texts=len(texts)):
            answer = self._endpoint.run_with_retries(lambda deadline: self._ask(texts, deadline), self._timeout_s)
        if answer is None:
            return None
        self._record(texts, read_token_count(answer))
        return self._read(answer, len(texts))

    def _record(self, texts: Sequence[str], tokens: int | None = None) -> None:
        """Record one request, with an estimate of its tokens if the server reports none."""
        tokens = sum(map(self.count, texts)) if tokens is None else tokens
        record_usage(Usage(1, tokens, cost_usd=tokens * self._price_tokens_usd / 1_000_000))

    def _ask(self, texts: Sequence[str], deadline: float) -> Any:
        """Send one request; return None if several texts are rejected: too large, or one of them is invalid."""
        try:
            return self._endpoint.call(partial(self._request, texts), deadline, partial(self._record, texts))
        except RejectedRequest as rejected:
            is_form_rejected = rejected.status in REJECTED_STATUSES
            if is_form_rejected and self._send_dimensions and _is_about_dimensions(rejected.text):
                self._send_dimensions = False
                return self._ask(texts, deadline)
            if is_form_rejected and len(texts) > 1:
                # A limit on the tokens of a request depends on these texts, so the batch size stays.
                if "token" not in rejected.text.casefold():
                    self._batch_size = min(self._batch_size, len(texts) // 2)
                return None
            kind = ModelUnavailable if rejected.status in CONFIGURATION_STATUSES else LlmRejected
            raise kind(self._endpoint.format_rejection(rejected)) from None

    def _request(self, texts: Sequence[str], call: Call) -> Any:
        """Send one request and return the reply's JSON: the package's own types would be built number by number."""
        reply = call.client.embeddings.with_raw_response.create(
            model=self._profile.model,
            input=list(texts),
            encoding_format="float",
            dimensions=self._profile.dimensions if self._send_dimensions else openai.omit,
            **call.options,
        )
        return call.read_json(reply.content)

    def _read(self, answer: Any, count: int) -> list[Sequence[float]]:
        """Return the vectors of `count` texts in the order of their indexes."""
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
            raise LlmUnparsable(f"{self._endpoint.subject} sent a reply without a list of vectors.")
        places = [entry.get("index", place) for place, entry in enumerate(data)]
        by_index = {
            place: entry.get("embedding") for place, entry in zip(places, data, strict=True) if isinstance(place, int)
        }
        if len(data) != count or set(by_index) != set(range(count)):
            raise LlmUnparsable(
                f"{self._endpoint.subject} returned {len(data)} vectors for {count} texts, or wrong indexes."
            )
        return [self._checked(by_index[index]) for index in range(count)]

    def _checked(self, vector: Any) -> Sequence[float]:
        # Very large finite values are rejected too, because sums of squares have to fit into a float.
        numbers = isinstance(vector, list) and all(
            isinstance(v, int | float) and abs(v) <= MAX_ABS_VALUE for v in vector
        )
        if not numbers:
            raise LlmUnparsable(
                f"{self._endpoint.subject} sent a vector with values other than finite numbers up to {MAX_ABS_VALUE:g}."
            )
        if not any(abs(value) > MIN_ABS_VALUE for value in vector):
            raise LlmUnparsable(f"{self._endpoint.subject} sent a vector of zeros, which has no direction to compare.")
        if self._profile.dimensions not in (0, len(vector)):
            raise ProfileMismatch(
                f"{self._endpoint.subject} returns vectors of {len(vector)} dimensions, but the profile"
                f" {self._profile.name} has {self._profile.dimensions}, so nothing is stored. Add a profile for the new"
                " dimensions."
            )
        checked: Sequence[float] = vector
        return checked


def describe_endpoint(profile: EmbeddingProfile, *, api_key: str = "", timeout_s: float = 30.0) -> EmbeddingProfile:
    """Request one vector and return the profile with its dimensions.

    Raises:
        ProfileMismatch: The profile has dimensions already, and the endpoint returns others.
    """
    send_dimensions = bool(profile.dimensions)
    client = OpenAIEmbeddings(
        profile, api_key=api_key, timeout_s=timeout_s, max_retries=1, send_dimensions=send_dimensions
    )
    try:
        return replace(profile, dimensions=client.probe())
    finally:
        client.close()


def _is_about_dimensions(message: str) -> bool:
    return any(word in message.casefold() for word in ("dimension", "extra", "matryoshka"))
