"""Values that the stages pass to each other: frozen data classes without behaviour beyond arithmetic."""

from pipeline.types.answers import (
    LANGUAGES,
    Answer,
    AnswerLanguage,
    AnswerOptions,
    Citation,
    Exchange,
    GenerationResult,
    QuestionContext,
    RewriteResult,
)
from pipeline.types.chat import ChatMessage, ChatReply, TokenLogprobs
from pipeline.types.documents import Block, Chunk, ParsedDocument, PreparedChunk, Source, Term, Unread, UnreadKind
from pipeline.types.embedding import EmbeddingBackend, EmbeddingProfile, Pooling, Vector
from pipeline.types.retrieval import (
    CONFLICT,
    DUPLICATE,
    RERANKERS,
    Candidate,
    Neighbour,
    RankedCandidate,
    RecallMode,
    RecallQuery,
    RecallResult,
    RerankResult,
)
from pipeline.types.stages import Fallback, Usage

__all__ = [
    "CONFLICT",
    "DUPLICATE",
    "LANGUAGES",
    "RERANKERS",
    "Answer",
    "AnswerLanguage",
    "AnswerOptions",
    "Block",
    "Candidate",
    "ChatMessage",
    "ChatReply",
    "Chunk",
    "Citation",
    "EmbeddingBackend",
    "EmbeddingProfile",
    "Exchange",
    "Fallback",
    "GenerationResult",
    "Neighbour",
    "ParsedDocument",
    "Pooling",
    "PreparedChunk",
    "QuestionContext",
    "RankedCandidate",
    "RecallMode",
    "RecallQuery",
    "RecallResult",
    "RerankResult",
    "RewriteResult",
    "Source",
    "Term",
    "TokenLogprobs",
    "Unread",
    "UnreadKind",
    "Usage",
    "Vector",
]
