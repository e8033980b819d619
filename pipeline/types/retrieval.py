"""Recall and rerank: query, candidates, results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pipeline.types.embedding import Vector
from pipeline.types.stages import Fallback, Usage

RecallMode = Literal["hybrid", "dense", "keyword"]
RERANKERS = (
    "auto",
    "none",
    "late-interaction",
    "cross-encoder",
    "llm-pointwise",
    "llm-pairwise",
    "llm-listwise",
    "rerank-api",
)
"""The names of the rerankers. `config/rerankers.py` builds each of them; `pipeline.cascades` combines them."""
DUPLICATE = "duplicate"
"""Flag of a candidate that repeats a higher ranked one; it is left out of the Top-K."""
CONFLICT = "conflict"
"""Flag, in a trace, of a cited candidate that another cited candidate contradicts."""


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """The input of recall."""

    text: str
    vector: Vector | None
    """None for keyword recall."""
    words: tuple[tuple[int, ...], ...]
    """The question's keywords, each as the hashes of its forms; empty for dense recall."""
    mode: RecallMode = "hybrid"
    top_n: int = 50
    dense_weight: float = 1.0
    """Weight of the dense score, 0 to 1: the share of the question that the embedding model reads."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The chunk directly before or after a passage in the live version of its document."""

    chunk_id: int
    place: Literal[-1, 1]
    """-1: before the passage; 1: after it."""
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that recall returned."""

    chunk_id: int
    document_id: int
    title: str
    text: str
    recall_rank: int
    """1-based."""
    recall_score: float
    """Fused score (hybrid), cosine similarity (dense) or BM25 (keyword); larger is better."""
    headings: tuple[str, ...] = ()
    page: int | None = None
    confidence: float | None = None
    """Lowest confidence (0 to 1) of its text that was recognised in an image; None if it is text of the file."""
    dense_rank: int | None = None
    """Rank by dense score; None if not among the dense Top-N."""
    dense_score: float | None = None
    """Cosine similarity; set for every candidate of hybrid recall."""
    keyword_rank: int | None = None
    """Rank by keyword score; None if not among the keyword Top-N."""
    keyword_score: float | None = None
    """BM25; set for every candidate of hybrid recall, 0 if no keyword matches."""
    source: str = ""
    origin: str = ""
    """Link to the original document; empty if unknown."""
    neighbours: tuple[Neighbour, ...] = ()
    """Neighbours for the written answer, in document order; recall returns none."""


@dataclass(frozen=True, slots=True)
class RecallResult:
    """The candidates of a recall, and how they were found."""

    candidates: tuple[Candidate, ...]
    requested: int
    """Top-N of the query."""
    plan: str
    """`exact`, `hnsw`, `hnsw, then exact` or `keyword`."""
    dense_weight: float = 1.0
    """Weight of the dense score in the fused score; 0 for keyword recall."""
    keyword_weight: float = 1.0
    """Weight of the keyword score in the fused score; 0 for dense recall, 1 for keyword recall."""
    dense_average: float | None = None
    """Mean cosine similarity of a sample of the visible passages; None without vectors."""
    dense_sample: int = 0
    """Number of passages in the sample."""

    @property
    def returned(self) -> int:
        """Number of candidates."""
        return len(self.candidates)


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate after reranking."""

    candidate: Candidate
    rank: int
    """1-based; the ranks of a result are a permutation of the candidates."""
    score: float
    """0 to 1, comparable within one result."""
    raw_score: float | None = None
    """The method's own value: logit, rating or similarity; None if it returned none for this candidate."""
    reason: str = ""
    method: str = ""
    flags: tuple[str, ...] = ()
    """For example `unscored`: the method returned no usable value, and the candidate keeps its incoming order."""
    same_as: int | None = None
    """For a `duplicate`: the chunk ID of the higher ranked candidate with the same content."""


@dataclass(frozen=True, slots=True)
class RerankResult:
    """The result of a reranker: a full permutation of the candidates, best first."""

    ranked: tuple[RankedCandidate, ...]
    method: str
    """The method that produced the order: the requested one or its fallback."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()
