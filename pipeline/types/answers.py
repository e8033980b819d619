"""Questions and answers: options, conversation, citations, the result of the answer flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.types.retrieval import RecallMode, RecallResult, RerankResult
from pipeline.types.stages import Fallback, Usage

LANGUAGES = ("en", "zh")
"""Languages an answer may be asked for in."""
AnswerLanguage = Literal["", "en", "zh"]
"""Language of an answer; empty: that of the question."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A verified reference from the answer to a passage."""

    n: int
    """The number in `[n]`, 1-based position among the passages that the answer was written from."""
    chunk_id: int
    document_id: int
    title: str
    page: int | None
    quote: str
    """The words of the passage that the answer rests on."""
    source: str = ""
    origin: str = ""
    """Link under which people find the original; empty when none is known."""


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """What the generation stage gives back."""

    text: str
    citations: tuple[Citation, ...]
    abstained: bool
    model: str
    """`extractive` when no language model wrote it."""
    conflicts: tuple[tuple[int, ...], ...] = ()
    """Groups of citations, by their n, whose sources say different things."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How a question is to be answered."""

    recall: RecallMode = "hybrid"
    top_n: int = 50
    top_k: int = 3
    reranker: str = "late-interaction"
    language: AnswerLanguage = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of the conversation so far and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class QuestionContext:
    """What surrounds a question for whoever answers it."""

    conversation: tuple[Exchange, ...] = ()
    language: AnswerLanguage = ""


@dataclass(frozen=True, slots=True)
class RewriteResult:
    """A follow-up question with its conversation taken into account."""

    question: str
    """What is to be answered: the question made to stand on its own where a language model could, else as asked."""
    searched_as: str
    """What passages are looked for with."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything the answer flow knows at its end; the trace is stored from it."""

    question: str
    options: AnswerOptions
    recalled: RecallResult
    reranking: RerankResult
    generated: GenerationResult
    timings_ms: Mapping[str, float]
    fallbacks: tuple[Fallback, ...]
    profile_id: int | None = None
    rewriting: RewriteResult | None = None
    """Where there was a conversation before the question."""

    @property
    def searched_as(self) -> str:
        """What a follow-up question was searched as; empty when it was searched as it was asked."""
        searched = self.rewriting.searched_as if self.rewriting else self.question
        return "" if searched == self.question else searched

    @property
    def usage(self) -> Usage:
        """What all stages cost together."""
        spent = self.reranking.usage + self.generated.usage
        return spent + self.rewriting.usage if self.rewriting else spent

    @property
    def prompt_hashes(self) -> tuple[str, ...]:
        """Hashes of the prompts that had a part in it."""
        rewritten = self.rewriting.prompt_hashes if self.rewriting else ()
        return (*rewritten, *self.reranking.prompt_hashes, *self.generated.prompt_hashes)
