"""The ports and limits that the answer flow works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.budget import Budget
from pipeline.everyday import EverydayPassages
from pipeline.generate import ReasoningRoom
from pipeline.ports import ChatModel, Embedder, RecallStore, Reranker, Vocabulary


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """The ports and limits of the answer flow."""

    store: RecallStore
    embedder: Embedder | None
    rerankers: Mapping[str, Reranker]
    """By method name; each includes its fallbacks."""
    chat: ChatModel | None
    abstain_below: float = 0.33
    """Relevance, 0 to 1; docs/evaluation.md has the measurements."""
    everyday: EverydayPassages | None = None
    """What a similarity of the embedding model means; None: only the library is compared with."""
    rerank_deadline_s: float = 20.0
    llm_max_tokens: int = 800
    llm_timeout_s: float = 60.0
    reasoning: ReasoningRoom = field(default_factory=ReasoningRoom)
    """Extra tokens for a model that reasons before it answers; shared by all questions of a worker."""
    context_tokens: int = 2400
    """Tokens of the passages in a prompt, together with as many of their neighbours as fit."""
    max_question_chars: int = 4000
    vocabulary: Vocabulary | None = None
    """Vocabulary of the embedding model: the less of a question it covers, the more the keywords count."""
    embedder_missing: str = "No embedding model is loaded."
    """Reason for the fallback when `embedder` is None."""
    budget: Budget | None = None
    """Spending limits; None: no limits."""
