"""What travels between the stages: frozen values, no behaviour beyond their own arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.amounts import ExceededLimit

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
LANGUAGES = ("en", "zh")
"""Languages an answer may be asked for in."""
AnswerLanguage = Literal["", "en", "zh"]
"""Language of an answer; empty: that of the question."""
EmbeddingBackend = Literal["sentence-transformers", "openai", "hidden-states"]
"""What makes the vectors of a profile: a model of this machine, an OpenAI-compatible endpoint, an LLM's states."""
Pooling = Literal["", "mean", "last"]
"""How hidden states become one vector: their mean, or that of the last token; empty: the model decides."""
DUPLICATE = "duplicate"
"""Flag of a candidate that says again what a better ranked one says; it takes no place among the Top-K."""
CONFLICT = "conflict"
"""Flag, in a trace, of a candidate that the answer cites and that another cited one contradicts."""
Vector = Sequence[float]
"""One embedding: as many floats as the profile has dimensions."""


@dataclass(frozen=True, slots=True)
class EmbeddingProfile:
    """How text becomes a vector; every stored vector belongs to exactly one profile."""

    id: int
    name: str
    model: str
    dimensions: int
    max_tokens: int
    query_prefix: str = ""
    passage_prefix: str = ""
    normalize: bool = True
    distance: Literal["cosine"] = "cosine"
    precision: Literal["half"] = "half"
    backend: EmbeddingBackend = "sentence-transformers"
    pooling: Pooling = ""
    base_url: str = ""
    """Address of the endpoint (…/v1); empty for a model that runs here."""


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes with what is known of their origin."""

    name: str
    """File name or link as given by the person; its extension is a hint, never trusted."""
    content: bytes
    media_type: str = ""
    """What the sender claimed, e.g. an HTTP Content-Type; a hint too."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a document's text that lies under one heading path and, where there are pages, on one page."""

    text: str
    """Markdown; tables as Markdown tables."""
    headings: tuple[str, ...] = ()
    """Titles of the enclosing headings, outermost first."""
    page: int | None = None
    """1-based."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What the parser got out of a source."""

    title: str
    media_type: str
    blocks: tuple[Block, ...]
    pages: int | None = None
    language: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage within the token budget: the unit that is embedded, recalled and cited."""

    ordinal: int
    """0-based position in the document."""
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Term:
    """A keyword of a chunk: its 31-bit hash and how often it occurs."""

    id: int
    frequency: int


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk with what the store keeps of it: the hash of its embedding input and its keywords."""

    chunk: Chunk
    input_hash: bytes
    terms: tuple[Term, ...]


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
class Fallback:
    """A stage that could not do its work, what took its place, and why."""

    stage: str
    method: str
    used: str
    reason: str
    over: ExceededLimit | None = None
    """Where it was the budget that stood in the way."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls to a language model cost."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        """Add up two usages."""
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
        )


@dataclass(frozen=True, slots=True)
class RerankResult:
    """The contract of every reranker: a full permutation of the candidates, best first."""

    ranked: tuple[RankedCandidate, ...]
    method: str
    """The method that produced the order: the one asked for, or the fallback that held."""
    fallbacks: tuple[Fallback, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message to a chat model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """One token of a reply, with the log-probabilities of the likeliest tokens at its place."""

    text: str
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a chat model answered."""

    text: str
    model: str
    usage: Usage
    finish_reason: str = ""
    tokens: tuple[TokenLogprobs, ...] = ()
    """Only where they were asked for and the server gives them; together they spell the text."""
