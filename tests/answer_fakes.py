"""Fakes for the ports of the answer flow: a scripted chat model, a store of candidates, a word-count embedder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.ports import Matrix
from pipeline.text.terms import split_terms, term_id
from pipeline.types import (
    Candidate,
    ChatMessage,
    ChatReply,
    EmbeddingProfile,
    Neighbour,
    RankedCandidate,
    RecallQuery,
    RecallResult,
    RerankResult,
    Usage,
)

DIMENSIONS = 4096
PROFILE = EmbeddingProfile(id=7, name="words", model="words", dimensions=DIMENSIONS, max_tokens=256)


def candidate(number: int, text: str = "", *, title: str = "", score: float | None = None, **more: Any) -> Candidate:
    """Build a candidate; `number` is its chunk ID and recall rank."""
    return Candidate(
        chunk_id=number,
        document_id=100 + number,
        title=title or f"Document {number}",
        text=text or f"Passage number {number}.",
        recall_rank=number,
        recall_score=1.0 / number if score is None else score,
        **more,
    )


def candidates(count: int) -> list[Candidate]:
    """Build candidates 1 to `count` in recall order."""
    return [candidate(number) for number in range(1, count + 1)]


def ranked(*texts: str) -> list[RankedCandidate]:
    """Build ranked candidates from texts."""
    return [RankedCandidate(candidate(n, text), n, 1.0 / n) for n, text in enumerate(texts, 1)]


def order(result: RerankResult) -> list[int]:
    """Return the chunk IDs of a result in order."""
    return [r.candidate.chunk_id for r in result.ranked]


class FakeChat:
    """A chat model that replies with a text or with a function of the messages; an exception is raised."""

    name = "fake-model"

    def __init__(
        self,
        answer: Callable[[Sequence[ChatMessage]], str | Exception] | str | Exception,
        usage: Usage = Usage(1, 10, 5, 0.001),  # noqa: B008 - a frozen value
    ) -> None:
        self._answer = answer
        self._usage = usage
        self._lock = threading.Lock()
        self.requests: list[Sequence[ChatMessage]] = []
        self.schemas: list[dict[str, Any] | None] = []

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        timeout_s: float,
        json_schema: dict[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> ChatReply:
        with self._lock:
            self.requests.append(messages)
            self.schemas.append(json_schema)
        reply = self._answer(messages) if callable(self._answer) else self._answer
        if isinstance(reply, Exception):
            raise reply
        if on_text is not None:
            for end in range(1, len(reply) + 1):
                on_text(reply[:end])
        return ChatReply(reply, self.name, self._usage)


class WordEmbedder:
    """Embeds by counting words, so texts with common words are similar; implements `Embedder` and `TokenVectors`."""

    profile = PROFILE

    def encode(self, texts: Sequence[str]) -> Matrix:
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            for term in split_terms(text):
                vectors[row, term_id(term) % DIMENSIONS] += 1
        unit: Matrix = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return unit

    def encode_tokens(self, texts: Sequence[str]) -> list[Matrix]:
        return [
            self.encode(list(split_terms(text))) if text.strip() else np.zeros((0, 0), np.float32) for text in texts
        ]


class FakeStore:
    """Returns the same candidates for every query and records the queries."""

    def __init__(
        self,
        found: Sequence[Candidate],
        plan: str = "exact",
        neighbours: Mapping[int, Sequence[Neighbour]] | Exception | None = None,
    ) -> None:
        self._found = tuple(found)
        self._plan = plan
        self._neighbours = neighbours or {}
        self.requests: list[RecallQuery] = []
        self.neighbour_requests: list[Sequence[int]] = []

    def recall(self, query: RecallQuery) -> RecallResult:
        self.requests.append(query)
        plan = "keyword" if query.mode == "keyword" else self._plan
        return RecallResult(self._found[: query.top_n], query.top_n, plan)

    def neighbours(self, chunk_ids: Sequence[int]) -> Mapping[int, Sequence[Neighbour]]:
        self.neighbour_requests.append(chunk_ids)
        if isinstance(self._neighbours, Exception):
            raise self._neighbours
        return {chunk: found for chunk, found in self._neighbours.items() if chunk in chunk_ids}
