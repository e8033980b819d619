"""Wiring: settings become ready parts. The only place that builds backends; heavy libraries load with their part."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import structlog

from config.embedding import build_embedder
from config.settings import Settings
from pipeline.answer_parts import AnswerParts
from pipeline.errors import ModelUnavailable, RefdeskError, SetupError
from pipeline.ingest import IngestParts
from pipeline.ports import (
    ChatModel,
    Embedder,
    Fetcher,
    PairScorer,
    Parser,
    RecallStore,
    Reranker,
    TokenVectors,
    Vocabulary,
)
from pipeline.rerank.circuit_breaker import CircuitBreaker
from pipeline.rerank.cross_encoder import CrossEncoderReranker
from pipeline.rerank.fallback import with_fallback
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.rerank_api import RerankApiReranker
from pipeline.types import Candidate, EmbeddingProfile, RerankResult

if TYPE_CHECKING:
    from pipeline.backends.endpoints.rerank_api import HttpRerankEndpoint

log = structlog.get_logger(__name__)

SPECIAL_TOKENS = 2
"""Room that the tokens at both ends of an input take."""
TOP_LOGPROBS = 20
"""Likeliest tokens asked for with a rating; servers give 20 at most, and a scale has 11 numbers."""


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What does not depend on the embedding profile: built once, used beside each of them."""

    parser: Parser
    fetcher: Fetcher
    chat: ChatModel | None
    cross_encoder: PairScorer
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker child works with, for one embedding profile."""

    ingest: IngestParts
    embedder: Embedder
    answer_with: Callable[[RecallStore], AnswerParts]
    close: Callable[[], None]


def describe_cross_encoder(settings: Settings) -> str:
    """Say which cross-encoder would be loaded; raises `ModelUnavailable` when there is none within reach."""
    from pipeline.backends.models.cross_encoder import locate_cross_encoder

    return locate_cross_encoder(settings.models.cross_encoder_model).name


def build_shared(settings: Settings) -> SharedParts:
    """Build what is the same for every embedding profile."""
    from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
    from pipeline.backends.web.fetcher import HttpFetcher

    parser = KreuzbergParser(
        timeout_s=settings.ingest.parse_timeout_s,
        memory_mb=settings.ingest.parse_memory_mb,
        max_unpacked_mb=settings.ingest.max_unpacked_mb,
    )
    fetcher = HttpFetcher(
        timeout_s=settings.ingest.fetch_timeout_s,
        max_bytes=int(settings.ingest.max_file_mb * 1_000_000),
        allow_private=settings.ingest.fetch_private,
    )
    cross_encoder = LazyCrossEncoder(settings.models.cross_encoder_model, settings.models.threads)
    return SharedParts(parser, fetcher, build_chat(settings), cross_encoder, parser.close)


def build_parts(
    settings: Settings,
    profile: EmbeddingProfile,
    *,
    role: Literal["query", "ingest"],
    shared: SharedParts | None = None,
) -> WorkerParts:
    """Build everything a worker of this role needs, models loaded; `shared` is built where none is given."""
    shared = shared or build_shared(settings)
    embedder = build_embedder(settings, profile)
    chunk_tokens = min(settings.ingest.chunk_tokens, profile.max_tokens - SPECIAL_TOKENS)
    ingest = IngestParts(
        parser=shared.parser,
        fetcher=shared.fetcher,
        tokenizer=embedder,
        profile=profile,
        chunk_tokens=chunk_tokens,
        chunk_overlap=min(settings.ingest.chunk_overlap, chunk_tokens // 2),
        max_chunks=settings.ingest.max_chunks,
    )
    vocabulary = embedder if isinstance(embedder, Vocabulary) else None
    rerankers = build_rerankers(settings, embedder, shared)
    if role == "query" and profile.backend != "openai":
        embedder.encode(["warm up"])  # the first call of a model is slow; no question should pay for it

    def answer_with(store: RecallStore) -> AnswerParts:
        return AnswerParts(
            store=store,
            embedder=embedder,
            rerankers=rerankers,
            chat=shared.chat,
            abstain_below=settings.answer.abstain_below,
            rerank_deadline_s=settings.rerank.timeout_s,
            llm_max_tokens=settings.llm.max_tokens,
            llm_timeout_s=settings.llm.timeout_s,
            context_tokens=settings.answer.context_tokens,
            max_question_chars=settings.answer.max_question_chars,
            vocabulary=vocabulary,
        )

    return WorkerParts(ingest, embedder, answer_with, shared.close)


def build_chat(settings: Settings) -> ChatModel | None:
    """Build the client of the language model; None when none is set."""
    if not settings.llm.base_url:
        return None
    if not settings.llm.model:
        raise SetupError(
            "REFDESK_LLM_BASE_URL is set but REFDESK_LLM_MODEL is not; name the model that the server has."
        )
    return _chat(settings)


def _chat(settings: Settings, *, reasoning_effort: str = "", top_logprobs: int = 0) -> ChatModel:
    from pipeline.backends.endpoints.openai_chat import OpenAIChat

    return OpenAIChat(
        settings.llm.base_url,
        settings.llm.model,
        api_key=settings.llm.api_key.get_secret_value() if settings.llm.api_key else "",
        price_prompt_usd=settings.llm_price.prompt,
        price_completion_usd=settings.llm_price.completion,
        reasoning_effort=reasoning_effort,
        top_logprobs=top_logprobs,
    )


def list_served_models(settings: Settings) -> Sequence[str]:
    """Ask the language model's server which models it has; raises `LlmError`, `LlmUnparsable` when it does not say."""
    from pipeline.backends.endpoints.chat_address import list_models

    return list_models(settings.llm.base_url, settings.llm.api_key.get_secret_value() if settings.llm.api_key else "")


def format_language_model(settings: Settings) -> str:
    """Name the language model and its address without the secrets that an address may hold."""
    from pipeline.backends.endpoints.chat_address import redact_url

    return f"{settings.llm.model} at {redact_url(settings.llm.base_url)}"


def build_rerankers(settings: Settings, embedder: Embedder, shared: SharedParts) -> Mapping[str, Reranker]:
    """Build every reranker with its fallbacks behind it; one that cannot work here says so and gives way."""
    none = RecallOrderReranker()
    late = _late_interaction(settings, embedder)
    cross = CrossEncoderReranker(shared.cross_encoder)
    methods: list[Reranker] = [cross, *_llm_rerankers(settings, shared.chat), _rerank_api(settings)]
    chains = {reranker.method: with_fallback(reranker, late, none) for reranker in methods}
    return {"none": none, "late-interaction": with_fallback(late, none), **chains}


def _late_interaction(settings: Settings, embedder: Embedder) -> Reranker:
    from pipeline.backends.models.token_vector_cache import TokenVectorCache

    profile = embedder.profile
    if not isinstance(embedder, TokenVectors):
        return UnavailableReranker(
            "late-interaction",
            f"the embedding profile {profile.name} comes from an endpoint, which gives no vectors of tokens;"
            " ask with another reranker",
        )
    return LateInteractionReranker(
        TokenVectorCache(embedder, max_bytes=settings.models.token_cache_mb * 1_000_000),
        query_prefix=profile.query_prefix,
        passage_prefix=profile.passage_prefix,
        vocabulary=embedder if isinstance(embedder, Vocabulary) else None,
    )


def _llm_rerankers(settings: Settings, chat: ChatModel | None) -> list[Reranker]:
    if chat is None:
        reason = "no language model is set; set REFDESK_LLM_BASE_URL and REFDESK_LLM_MODEL"
        return [UnavailableReranker(method, reason) for method in ("llm-pointwise", "llm-pairwise", "llm-listwise")]
    limits = LlmLimits(
        call_timeout_s=settings.llm.timeout_s,
        concurrency=settings.llm.concurrency,
        reply_tokens=settings.rerank.reply_tokens,
        budget_tokens=settings.rerank.max_tokens,
        price_prompt_usd=settings.llm_price.prompt,
        price_completion_usd=settings.llm_price.completion,
    )
    effort = settings.rerank.reasoning_effort
    judge = _chat(settings, reasoning_effort=effort) if effort else chat
    odds = TOP_LOGPROBS if settings.rerank.logprobs else 0
    rater = _chat(settings, reasoning_effort=effort, top_logprobs=odds) if odds else judge
    methods: list[Reranker] = [
        LlmPointwiseReranker(
            rater,
            limits=limits,
            scale=5 if settings.rerank.scale == "5" else 10,
            passages_per_call=settings.rerank.passages_per_call,
        ),
        LlmPairwiseReranker(judge, limits=limits, strategy=settings.rerank.pairs, depth=settings.rerank.depth),
        LlmListwiseReranker(judge, limits=limits, window=settings.rerank.window, step=settings.rerank.step),
    ]
    return [CircuitBreaker(method) for method in methods]


def build_rerank_endpoint(settings: Settings) -> HttpRerankEndpoint:
    """Build the client of the rerank endpoint."""
    from pipeline.backends.endpoints.rerank_api import HttpRerankEndpoint

    return HttpRerankEndpoint(
        settings.rerank_api.url,
        model=settings.rerank_api.model,
        api_key=settings.rerank_api.key.get_secret_value() if settings.rerank_api.key else "",
    )


def _rerank_api(settings: Settings) -> Reranker:
    if not settings.rerank_api.url:
        return UnavailableReranker("rerank-api", "no rerank endpoint is set; set REFDESK_RERANK_API_URL")
    method = RerankApiReranker(
        build_rerank_endpoint(settings),
        call_timeout_s=settings.llm.timeout_s,
        price_call_usd=settings.rerank_api_price.calls,
        price_tokens_usd=settings.rerank_api_price.prompt,
        budget_tokens=settings.rerank.max_tokens,
    )
    return CircuitBreaker(method)


class LazyCrossEncoder:
    """A cross-encoder that loads at its first question; a model that cannot load is not tried at every question."""

    def __init__(self, model: str, threads: int) -> None:
        """Remember what to load."""
        self._model = model
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: PairScorer | RefdeskError | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """Score passages, loading the model first if need be; raises `ModelUnavailable`."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        if isinstance(self._loaded, RefdeskError):
            raise type(self._loaded)(str(self._loaded))
        return self._loaded.score(question, passages)

    def _load(self) -> PairScorer | RefdeskError:
        from pipeline.backends.models.cross_encoder import SentenceTransformersCrossEncoder

        try:
            return SentenceTransformersCrossEncoder(self._model, threads=self._threads)
        except RefdeskError as error:
            log.warning("cross-encoder unavailable", model=self._model, error=str(error))
            return error


class UnavailableReranker:
    """Stands for a method that cannot work with these settings, so that the fallback is recorded and shown."""

    def __init__(self, method: str, reason: str) -> None:
        """Say which method is missing and why."""
        self._method = method
        self._reason = reason

    @property
    def method(self) -> str:
        """The name a person chooses it by."""
        return self._method

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Raise `ModelUnavailable` with the reason; the fallback chain takes over."""
        raise ModelUnavailable(self._reason)
