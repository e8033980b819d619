"""What the stages need from outside, as small protocols; `pipeline/backends` and `db` fill them, tests fake them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from pipeline.types import (
    Candidate,
    ChatMessage,
    ChatReply,
    EmbeddingProfile,
    Neighbour,
    ParsedDocument,
    RecallQuery,
    RecallResult,
    RerankResult,
    Source,
    Usage,
)

Matrix = npt.NDArray[np.float32]
Choice = TypeVar("Choice")


class Parser(Protocol):
    """Turns bytes into blocks of text, in a child process that can be killed."""

    def parse(self, source: Source, *, cancelled: Callable[[], bool] = ...) -> ParsedDocument:
        """Parse one source; raises a `InvalidInput` that names what is wrong, or `Cancelled`."""
        ...


class Fetcher(Protocol):
    """Fetches a link without ever reaching the inside network."""

    def fetch(self, url: str) -> Source:
        """Fetch one link; raises `LinkNotAllowed` or `LinkFailed`."""
        ...


class Tokenizer(Protocol):
    """Counts tokens as the embedding model does."""

    def count(self, text: str) -> int:
        """Count the tokens of one text, special tokens not included."""
        ...


@runtime_checkable
class Vocabulary(Protocol):
    """Tells which stretches of a text the embedding model has a word for."""

    def known_units(self, text: str) -> Sequence[tuple[int, int]]:
        """Give start and end of every unit of the vocabulary in the text; what it does not know is left out."""
        ...


class Embedder(Protocol):
    """A model that turns text into vectors, for one profile."""

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile whose vectors it writes."""
        ...

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts as they are (prefixes already applied): shape (texts, dimensions), float32."""
        ...


@runtime_checkable
class TokenVectors(Protocol):
    """A model that gives one vector per token, for late interaction."""

    def encode_tokens(self, texts: Sequence[str]) -> Sequence[Matrix]:
        """Embed texts: for each an array (its tokens without special ones, dimensions), rows of length 1."""
        ...


class PairScorer(Protocol):
    """A cross-encoder: reads question and passage together."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """Logits, one per passage, larger is better; the sigmoid is applied by the reranker."""
        ...


class ChatModel(Protocol):
    """An OpenAI-compatible chat endpoint."""

    @property
    def name(self) -> str:
        """The model's name as sent to the endpoint."""
        ...

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        timeout_s: float,
        json_schema: dict[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> ChatReply:
        """Ask once, retrying what is worth it within the time; `on_text` gets the text so far while it streams.

        Raises `LlmTimeout`, `LlmRejected` or `LlmUnreachable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class PassageScores:
    """What a rerank endpoint said about a question's passages."""

    scores: tuple[float | None, ...]
    """One per passage sent; None where the endpoint gave nothing usable."""
    usage: Usage
    note: str = ""
    """What was wrong with the answer, where something was."""


class RerankEndpoint(Protocol):
    """A rerank endpoint of the kind that Cohere, Jina, vLLM, TEI and llama.cpp serve."""

    @property
    def name(self) -> str:
        """The model's name, or the address where the endpoint has one model only."""
        ...

    def score(self, question: str, passages: Sequence[str], *, timeout_s: float) -> PassageScores:
        """Score passages, as the endpoint scales it; raises an `LlmError` when it gives no scores at all."""
        ...


class Reranker(Protocol):
    """Orders candidates by how well they answer the question."""

    @property
    def method(self) -> str:
        """The name a person chooses it by."""
        ...

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Give a full permutation of the candidates; raises only when nothing at all can be ranked."""
        ...


class RecallStore(Protocol):
    """The store, seen from a question; bound to one workspace and the channels the asker may read."""

    def recall(self, query: RecallQuery) -> RecallResult:
        """Recall the Top-N chunks in one SQL statement."""
        ...

    def neighbours(self, chunk_ids: Sequence[int]) -> Mapping[int, Sequence[Neighbour]]:
        """Give the chunks directly before and after each of these, by its id; chunks that are not live have none."""
        ...


class RecentSpending(Protocol):
    """What counts as spent in the last 24 hours, what is set aside for questions under way included."""

    @property
    def question_usd(self) -> float:
        """By earlier attempts at this question, which ended without saying what they cost."""
        ...

    @property
    def user_usd(self) -> float:
        """By the asker, in this workspace."""
        ...

    @property
    def server_usd(self) -> float:
        """By everybody in this workspace."""
        ...

    def frees_in_s(self, scope: Literal["user", "server"], usd: float) -> float | None:
        """Seconds until so much of it is older than 24 hours; None: so much is not there."""
        ...


class Spending(Protocol):
    """The record of what questions cost; bound to one question."""

    def reserve(self, choose: Callable[[RecentSpending], tuple[float, Choice]]) -> Choice:
        """Set aside the US dollars that `choose` gives first, while no other question of the workspace can.

        Raises what `choose` raises.
        """
        ...
