"""Questions and answers: options, conversation, citations, the result of the answer flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.types.embedding import Vector
from pipeline.types.retrieval import RecallMode, RecallResult, RerankResult
from pipeline.types.stages import Fallback, Usage

LANGUAGES = ("en", "zh")
"""Languages in which an answer can be requested."""
AnswerLanguage = Literal["", "en", "zh"]
"""Language of an answer; empty: the language of the question."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A verified reference from the answer to a passage."""

    n: int
    """The number in `[n]`: the 1-based position among the passages of the answer."""
    chunk_id: int
    document_id: int
    title: str
    page: int | None
    quote: str
    """The text of the passage that supports the answer."""
    source: str = ""
    origin: str = ""
    """Link to the original document; empty if unknown."""
    confidence: float | None = None
    """Lowest confidence (0 to 1) of the passage's text that was recognised in an image; None if it is text of the
    file."""


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """The result of the generation stage."""

    text: str
    citations: tuple[Citation, ...]
    abstained: bool
    model: str
    """Name of the language model, or `extractive`."""
    conflicts: tuple[tuple[int, ...], ...] = ()
    """Groups of citation numbers whose passages state different values."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """The options of a question."""

    recall: RecallMode = "hybrid"
    top_n: int = 50
    top_k: int = 3
    reranker: str = "late-interaction"
    language: AnswerLanguage = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier question of the conversation with its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class QuestionContext:
    """The conversation before a question, and the requested language."""

    conversation: tuple[Exchange, ...] = ()
    language: AnswerLanguage = ""


@dataclass(frozen=True, slots=True)
class RewriteResult:
    """A follow-up question rewritten with its conversation."""

    question: str
    """The question to answer: standalone if a language model rewrote it, else the original."""
    searched_as: str
    """The text that recall and rerank use."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The complete result of the answer flow, from which the trace is stored."""

    question: str
    options: AnswerOptions
    recalled: RecallResult
    reranking: RerankResult
    generated: GenerationResult
    timings_ms: Mapping[str, float]
    fallbacks: tuple[Fallback, ...]
    profile_id: int | None = None
    vector: Vector | None = field(default=None, repr=False)
    """The vector of the question; None if vectors were not used."""
    baseline: float = 0.0
    """The similarity of the question to an average passage."""
    rewriting: RewriteResult | None = None
    """None without an earlier conversation."""
    embedding: Usage = field(default_factory=Usage)
    """The usage of an embedding endpoint."""

    @property
    def searched_as(self) -> str:
        """The text that recall used, if it differs from the question; else empty."""
        searched = self.rewriting.searched_as if self.rewriting else self.question
        return "" if searched == self.question else searched

    @property
    def usage(self) -> Usage:
        """The usage of all stages together."""
        spent = self.reranking.usage + self.generated.usage + self.embedding
        return spent + self.rewriting.usage if self.rewriting else spent

    @property
    def prompt_hashes(self) -> tuple[str, ...]:
        """Hashes of all prompts that were used."""
        rewritten = self.rewriting.prompt_hashes if self.rewriting else ()
        return (*rewritten, *self.reranking.prompt_hashes, *self.generated.prompt_hashes)
