"""Recall and rerank: queries, candidates and their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pipeline.types.embedding import Vector
from pipeline.types.stages import Fallback, Usage

RecallMode = Literal["hybrid", "dense", "keyword"]
RERANKERS = (
    "none",
    "late-interaction",
    "cross-encoder",
    "llm-pointwise",
    "llm-pairwise",
    "llm-listwise",
    "rerank-api",
)
"""The names by which people choose a reranker; the wiring builds one for each. `pipeline.cascades` combines them."""
DUPLICATE = "duplicate"
"""Flag of a candidate that says again what a better ranked one says; it takes no place among the Top-K."""
CONFLICT = "conflict"
"""Flag, in a trace, of a candidate that the answer cites and that another cited one contradicts."""


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """What recall is asked for."""

    text: str
    vector: Vector | None
    """None when the recall is keyword only."""
    terms: tuple[int, ...]
    """Hashes of the question's keywords; empty when the recall is dense only."""
    mode: RecallMode = "hybrid"
    top_n: int = 50
    dense_weight: float = 1.0
    """Weight of the vector leg, 0..1, where the keyword leg weighs 1."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk that stands directly before or after another in the live version of a document."""

    chunk_id: int
    place: Literal[-1, 1]
    """-1: before the other; 1: after it."""
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
    """Fused score for hybrid, cosine similarity for dense, BM25 for keyword: larger is better."""
    headings: tuple[str, ...] = ()
    page: int | None = None
    dense_rank: int | None = None
    """Rank in the vector leg; None when it was not among that leg's Top-N."""
    dense_score: float | None = None
    """Cosine similarity; known for every candidate of a hybrid recall."""
    keyword_rank: int | None = None
    """Rank in the keyword leg; None when it was not among that leg's Top-N."""
    keyword_score: float | None = None
    """BM25; known for every candidate of a hybrid recall, 0 where no word matches."""
    source: str = ""
    origin: str = ""
    """Link under which people find the original; empty when none is known."""
    neighbours: tuple[Neighbour, ...] = ()
    """What a written answer may use besides its text, in reading order; recall brings none."""


@dataclass(frozen=True, slots=True)
class RecallResult:
    """The honest result of a recall: what was asked for, what came, and how."""

    candidates: tuple[Candidate, ...]
    asked: int
    plan: str
    """`exact`, `hnsw`, `hnsw, then exact` or `keyword`."""
    dense_weight: float = 1.0
    """Weight of the vector leg in the fused score; 0 when there was none."""
    keyword_weight: float = 1.0
    """Weight of the keyword leg in the fused score; 0 when there was none."""

    @property
    def returned(self) -> int:
        """How many candidates came back."""
        return len(self.candidates)


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """One candidate after reranking."""

    candidate: Candidate
    rank: int
    """1-based; the ranks of a result are a permutation of the candidates."""
    score: float
    """0..1, comparable within one result."""
    raw_score: float | None = None
    """What the method itself gave: a logit, a rating, a similarity; None when it gave nothing for this candidate."""
    reason: str = ""
    method: str = ""
    flags: tuple[str, ...] = ()
    """For instance `unscored`: the method gave nothing usable for this candidate and its incoming order was kept."""
    same_as: int | None = None
    """For a `duplicate`: the chunk of the better ranked candidate that says the same."""


@dataclass(frozen=True, slots=True)
class RerankResult:
    """The contract of every reranker: a full permutation of the candidates, best first."""

    ranked: tuple[RankedCandidate, ...]
    method: str
    """The method that produced the order: the one asked for, or the fallback that held."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()
