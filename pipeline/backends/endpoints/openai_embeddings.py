"""Embedding models behind an OpenAI-compatible endpoint: OpenAI itself, vLLM, TEI, llama.cpp, Ollama.

One request holds as many texts as the endpoint takes: one that says there are too many gets half as many from then on.
The vectors are checked before anything sees them: as many as texts, in the order of their indexes, of the profile's
dimensions, of finite numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.backends.endpoints.chat_address import authorization_header, redact_url
from pipeline.backends.endpoints.json_endpoint import JsonEndpoint
from pipeline.errors import (
    LlmRejected,
    LlmUnparsable,
    ModelUnavailable,
    ProfileMismatch,
)
from pipeline.ports import Matrix
from pipeline.text.tokens import estimate_tokens
from pipeline.types import EmbeddingProfile

MAX_ABS_VALUE, MIN_ABS_VALUE = 1e9, 1e-12
"""Size of the numbers that a vector may hold, and that one of them must pass."""
MAX_REPLY_BYTES = 400_000_000
"""A batch of 2,048 vectors of 4,000 numbers, written out, has about 160 MB."""
MAX_TOKENS = 8191
"""What OpenAI's embedding models read; other servers say when a text is too long."""
KEY_SETTING = "REFDESK_EMBEDDING_API_KEY"
REJECTED_STATUSES = frozenset({400, 413, 422})
"""Answers to a request that the endpoint does not take as it is."""


class OpenAIEmbeddings:
    """Fills the ports `Embedder` and `Tokenizer` over HTTP."""

    def __init__(
        self,
        profile: EmbeddingProfile,
        *,
        api_key: str = "",
        batch_size: int = 32,
        timeout_s: float = 60.0,
        max_retries: int = 4,
        ask_dimensions: bool = True,
    ) -> None:
        """Take the profile with its address (…/v1); `timeout_s` is for one request with all its retries.

        `ask_dimensions` sends the profile's dimensions along; an endpoint that knows no such field (ada-002, most local
        servers) is asked without it from then on, and its vectors must fit as they are. Raises `ModelUnavailable` for a
        key that can be none.
        """
        self._profile = profile
        self._batch_size = batch_size
        self._timeout_s = timeout_s
        self._ask_dimensions = ask_dimensions
        try:
            authorization_header(api_key.strip(), KEY_SETTING)
        except LlmRejected as error:  # a fault of the setting, not of a text
            raise ModelUnavailable(str(error)) from error
        shown = redact_url(embeddings_url(profile.base_url))
        self._endpoint = JsonEndpoint(
            embeddings_url(profile.base_url),
            subject="The embedding endpoint",
            api_key=api_key,
            key_setting=KEY_SETTING,
            wrong_address=ModelUnavailable(
                f"{shown} is not an http(s) address; give one like https://api.openai.com/v1."
            ),
            advice="check that it runs",
            max_retries=max_retries,
            max_reply_bytes=MAX_REPLY_BYTES,
        )

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile whose vectors it writes."""
        return self._profile

    def count(self, text: str) -> int:
        """Estimate the tokens of one text from above: the endpoint's own tokenizer is not here."""
        return estimate_tokens(text)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts as they are: shape (texts, dimensions), float32, rows of length 1 if the profile says so.

        Raises an `LlmError` when the endpoint fails, `ModelUnavailable` when key, model or address are wrong, and
        `ProfileMismatch` when its vectors have other dimensions.
        """
        rows: list[Sequence[float]] = []
        size = self._batch_size
        while len(rows) < len(texts):
            part = texts[len(rows) : len(rows) + size]
            found = self._embed(part)
            size = size if found else len(part) // 2
            rows += found or []
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self._profile.dimensions)
        if self._profile.normalize:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors /= np.where(lengths > 0, lengths, 1)
        return vectors

    def probe(self) -> int:
        """Ask for one vector and give its dimensions; for a profile that does not name them yet (0)."""
        return len((self._embed(["How many dimensions has this?"]) or [[]])[0])

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _embed(self, texts: Sequence[str]) -> list[Sequence[float]] | None:
        """Embed one batch; None when the endpoint refuses it, which may be for its size."""
        answer = self._endpoint.retried(lambda ends: self._ask(texts, ends), self._timeout_s)
        return None if answer is None else self._read(answer, len(texts))

    def _ask(self, texts: Sequence[str], ends: float) -> Any:
        """Ask once; None when several texts are refused: they may be too many, or one of them the reason."""
        payload: dict[str, Any] = {"model": self._profile.model, "input": list(texts), "encoding_format": "float"}
        if self._ask_dimensions:
            payload["dimensions"] = self._profile.dimensions
        reply = self._endpoint.post(payload, ends)
        status, said = reply.status, reply.said
        if status in REJECTED_STATUSES and self._ask_dimensions and _is_about_dimensions(said):
            self._ask_dimensions = False
            return self._ask(texts, ends)
        if status in REJECTED_STATUSES and len(texts) > 1:
            # Texts that are too long together are no limit on their number, and other ones may fit.
            if "token" not in said.casefold():
                self._batch_size = min(self._batch_size, len(texts) // 2)
            return None
        if status != 200:
            raise self._refusal(status, said)
        try:
            return json.loads(said)
        except (ValueError, RecursionError):
            raise LlmUnparsable(f"{self._endpoint.subject} sent something that holds no vectors.") from None

    def _read(self, answer: Any, count: int) -> list[Sequence[float]]:
        """Read as many vectors as there were texts, in the order of their indexes."""
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
            raise LlmUnparsable(f"{self._endpoint.subject} sent no list of vectors.")
        places = [entry.get("index", place) for place, entry in enumerate(data)]
        by_index = {
            place: entry.get("embedding") for place, entry in zip(places, data, strict=True) if isinstance(place, int)
        }
        if len(data) != count or set(by_index) != set(range(count)):
            raise LlmUnparsable(
                f"{self._endpoint.subject} was sent {count} texts and gave vectors for other ones"
                f" ({len(data)} entries)."
            )
        return [self._checked(by_index[index]) for index in range(count)]

    def _checked(self, vector: Any) -> Sequence[float]:
        # Not only what is no number at all: sums of squares have to fit, too.
        numbers = isinstance(vector, list) and all(
            isinstance(v, int | float) and abs(v) <= MAX_ABS_VALUE for v in vector
        )
        if not numbers:
            raise LlmUnparsable(f"{self._endpoint.subject} sent a vector that holds no finite numbers of usual size.")
        if not any(abs(value) > MIN_ABS_VALUE for value in vector):
            raise LlmUnparsable(f"{self._endpoint.subject} sent a vector of zeros, which is similar to nothing.")
        if self._profile.dimensions not in (0, len(vector)):
            raise ProfileMismatch(
                f"{self._endpoint.subject} gives vectors of {len(vector)} dimensions for the model"
                f" {self._profile.model}, the profile {self._profile.name} has {self._profile.dimensions}; nothing is"
                " stored. Add a profile for what it gives now."
            )
        found: Sequence[float] = vector
        return found

    def _refusal(self, status: int, said: str) -> LlmRejected | ModelUnavailable:
        about = {
            401: f"refused the key; check {KEY_SETTING}",
            403: f"does not let this key use it; check {KEY_SETTING}",
            404: "knows no such address or model",
        }.get(status)
        whole = f"{self._endpoint.subject}, asked for the model {self._profile.model!r}, "
        if about is not None:  # a fault of the setting, not of the text
            return ModelUnavailable(f"{whole}{about} (status {status}). {said}")
        return LlmRejected(f"{whole}refused the request (status {status}). {said}")


def embeddings_url(base_url: str) -> str:
    """Give the address that ends in /embeddings, also of one that ends before it."""
    bare = base_url.strip().rstrip("/")
    return bare if bare.endswith("/embeddings") else f"{bare}/embeddings"


def describe_endpoint(profile: EmbeddingProfile, *, api_key: str = "", timeout_s: float = 30.0) -> EmbeddingProfile:
    """Ask an endpoint once for a vector and give the profile with the dimensions that come.

    With dimensions in the profile they are asked for, and another number is a `ProfileMismatch`.
    """
    asked = bool(profile.dimensions)
    client = OpenAIEmbeddings(profile, api_key=api_key, timeout_s=timeout_s, max_retries=1, ask_dimensions=asked)
    try:
        return replace(profile, dimensions=client.probe())
    finally:
        client.close()


def _is_about_dimensions(said: str) -> bool:
    return "dimension" in said.casefold() or "extra" in said.casefold() or "matryoshka" in said.casefold()
