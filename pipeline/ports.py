"""The interfaces of the stages to the outside, as small protocols. `pipeline/backends` and `db` implement them."""

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
    """Parses bytes into blocks of text."""

    def parse(
        self,
        source: Source,
        *,
        cancelled: Callable[[], bool] = ...,
        on_page: Callable[[int, int], None] = ...,
    ) -> ParsedDocument:
        """Parse one source.

        Args:
            source: The source.
            cancelled: Polled several times a second.
            on_page: Called before text is recognised on a page, with the number of pages done and the total.

        Raises:
            InvalidInput: The source cannot be parsed; the subclass and the message name the reason.
            Cancelled: `cancelled` returned True.
        """
        ...

    def discard_pages(self, source: Source) -> None:
        """Delete the recognised pages of a source, which are kept until its document is stored."""
        ...


class Fetcher(Protocol):
    """Fetches links from public addresses only."""

    def fetch(self, url: str) -> Source:
        """Fetch one link; raise `LinkNotAllowed` or `LinkFailed`."""
        ...


class Tokenizer(Protocol):
    """Counts the tokens of the embedding model."""

    def count(self, text: str) -> int:
        """Return the number of tokens without special tokens."""
        ...


@runtime_checkable
class Vocabulary(Protocol):
    """Finds the parts of a text that are in the vocabulary of the embedding model."""

    def known_units(self, text: str) -> Sequence[tuple[int, int]]:
        """Return start and end of every vocabulary unit in the text; unknown parts are left out."""
        ...


class Embedder(Protocol):
    """An embedding model with one profile."""

    @property
    def profile(self) -> EmbeddingProfile:
        """The profile of the vectors."""
        ...

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Embed texts that already have their prefixes; shape (texts, dimensions), float32."""
        ...


@runtime_checkable
class TokenVectors(Protocol):
    """A model that returns one vector per token, for late interaction."""

    def encode_tokens(self, texts: Sequence[str]) -> Sequence[Matrix]:
        """Return an array per text: shape (tokens without special tokens, dimensions), rows of length 1."""
        ...


@runtime_checkable
class TokenSpans(Protocol):
    """Finds the parts of a text that its token vectors belong to."""

    def token_spans(self, texts: Sequence[str]) -> Sequence[Sequence[tuple[int, int]]]:
        """Return start and end of the token of each row of `encode_tokens`; empty lists if they are unknown."""
        ...


class PairScorer(Protocol):
    """A cross-encoder, which reads question and passage together."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """Return one logit per passage, larger is better; the reranker applies the sigmoid."""
        ...


class ChatModel(Protocol):
    """An OpenAI-compatible chat endpoint."""

    @property
    def name(self) -> str:
        """The model name that is sent to the endpoint."""
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
        """Complete the conversation, with retries of transient errors within `timeout_s`.

        Args:
            messages: The conversation.
            max_tokens: Maximum tokens of the reply.
            timeout_s: Total time, including retries.
            json_schema: JSON schema that the reply must match.
            on_text: Called with the text so far while the reply is streamed.

        Raises:
            LlmTimeout: No complete reply within `timeout_s`.
            LlmRejected: The endpoint answered with an error status.
            LlmUnreachable: No connection could be made.
        """
        ...


@dataclass(frozen=True, slots=True)
class PassageScores:
    """The scores of a rerank endpoint for the passages of a question."""

    scores: tuple[float | None, ...]
    """One per passage; None if the endpoint returned no usable score."""
    usage: Usage
    note: str = ""
    """Problem with the response; empty if it was complete."""


class RerankEndpoint(Protocol):
    """A rerank endpoint as served by Cohere, Jina, vLLM, TEI and llama.cpp."""

    @property
    def name(self) -> str:
        """The model name, or the address if the endpoint has a single model."""
        ...

    def score(self, question: str, passages: Sequence[str], *, timeout_s: float) -> PassageScores:
        """Return the endpoint's scores, in its own scale; raise an `LlmError` if it returns none."""
        ...


class Reranker(Protocol):
    """Orders candidates by relevance to the question."""

    @property
    def method(self) -> str:
        """The name of the method, as users select it."""
        ...

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Return a full permutation of the candidates; raise only if no candidate can be ranked.

        Args:
            question: The question, rewritten if it is a follow-up.
            candidates: In recall order.
            deadline_s: Seconds. Candidates not ranked by then keep their recall order and get the flag `unscored`.
            on_progress: Called with the number of candidates done and the total.
        """
        ...


class RecallStore(Protocol):
    """Recall for one question, limited to one workspace and the channels that the user may read."""

    def recall(self, query: RecallQuery) -> RecallResult:
        """Recall the Top-N chunks from one snapshot of the store."""
        ...

    def neighbours(self, chunk_ids: Sequence[int]) -> Mapping[int, Sequence[Neighbour]]:
        """Return the neighbours of each chunk by its ID; chunks of versions that are not live have none."""
        ...


class RecentSpending(Protocol):
    """Spending of the last 24 hours, including the reservations of running questions."""

    @property
    def question_usd(self) -> float:
        """Estimated cost of earlier attempts at this question that ended without a recorded cost."""
        ...

    @property
    def user_usd(self) -> float:
        """Spending of the user in this workspace."""
        ...

    @property
    def server_usd(self) -> float:
        """Spending of all users in this workspace."""
        ...

    def frees_in_s(self, scope: Literal["user", "server"], usd: float) -> float | None:
        """Return the seconds until this amount is older than 24 hours; None if less than this amount was spent."""
        ...


class Spending(Protocol):
    """The recorded cost of questions, for one question."""

    def reserve(self, choose: Callable[[RecentSpending], tuple[float, Choice]]) -> Choice:
        """Reserve the amount that `choose` returns, under a lock of the workspace, and return the choice.

        Args:
            choose: Returns the amount in US dollars and the choice. Its exceptions are passed on.
        """
        ...
