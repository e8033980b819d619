"""The rerankers that users can choose: `BUILDERS` has one entry for each name in `pipeline.types.RERANKERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.chat_model import build_chat_client
from config.cross_encoders import LazyCrossEncoder
from config.embedding import reveal_secret
from config.settings import Settings
from pipeline.ports import ChatModel, Embedder, PairScorer, Reranker, TokenSpans, TokenVectors, Vocabulary
from pipeline.rerank.auto import AutoReranker
from pipeline.rerank.circuit_breaker import CircuitBreaker
from pipeline.rerank.cross_encoder import CrossEncoderReranker
from pipeline.rerank.depth import LATE_INTERACTION_DEPTH, DepthLimit
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.rerank_api import RerankApiReranker
from pipeline.rerank.unavailable import UnavailableReranker
from pipeline.types import RERANKERS

if TYPE_CHECKING:
    from pipeline.backends.endpoints.rerank_api import HttpRerankEndpoint

TOP_LOGPROBS = 20
"""Token alternatives requested with a rating. Servers return at most 20; a rating scale has up to 11 numbers."""


@dataclass(frozen=True, slots=True)
class RerankerParts:
    """The parts that the builders in `BUILDERS` use."""

    settings: Settings
    embedder: Embedder | None
    """The model of the live profile; None if it cannot be loaded."""
    cross_encoder: PairScorer
    chat: ChatModel | None
    """Client for ranking and comparing; None if no language model is configured."""
    rating_chat: ChatModel | None
    """Client for ratings, with token log-probabilities where they are enabled."""


def _build_late_interaction(parts: RerankerParts) -> Reranker:
    from pipeline.backends.models.token_vector_cache import TokenVectorCache

    embedder = parts.embedder
    if embedder is None:
        return UnavailableReranker("late-interaction", "the embedding model cannot be loaded; run `refdesk doctor`")
    profile = embedder.profile
    if not isinstance(embedder, TokenVectors):
        return UnavailableReranker(
            "late-interaction",
            f"the embedding profile {profile.name} uses an endpoint, which returns no token vectors;"
            " choose another reranker",
        )
    reranker = LateInteractionReranker(
        TokenVectorCache(embedder, max_bytes=parts.settings.models.token_cache_mb * 1_000_000),
        query_prefix=profile.query_prefix,
        passage_prefix=profile.passage_prefix,
        vocabulary=embedder if isinstance(embedder, Vocabulary) else None,
        spans=embedder if isinstance(embedder, TokenSpans) else None,
    )
    return DepthLimit(reranker, LATE_INTERACTION_DEPTH)


def _build_auto(parts: RerankerParts) -> Reranker:
    scorer = parts.cross_encoder
    cross_encoder: Reranker = CrossEncoderReranker(scorer)
    late = _build_late_interaction(parts)
    if not isinstance(scorer, LazyCrossEncoder):
        return AutoReranker(cross_encoder, late, lambda: True)
    if scorer.auto_depth is not None:
        cross_encoder = DepthLimit(cross_encoder, scorer.auto_depth)
    return AutoReranker(cross_encoder, late, scorer.is_usable)


def _build_llm_pointwise(parts: RerankerParts) -> Reranker:
    if parts.rating_chat is None:
        return _without_language_model("llm-pointwise")
    return CircuitBreaker(
        LlmPointwiseReranker(
            parts.rating_chat,
            limits=_llm_limits(parts.settings),
            scale=5 if parts.settings.rerank.scale == "5" else 10,
            passages_per_call=parts.settings.rerank.passages_per_call,
        )
    )


def _build_llm_pairwise(parts: RerankerParts) -> Reranker:
    if parts.chat is None:
        return _without_language_model("llm-pairwise")
    options = parts.settings.rerank
    return CircuitBreaker(
        LlmPairwiseReranker(
            parts.chat,
            limits=_llm_limits(parts.settings),
            strategy=options.pairs,
            depth=options.depth,
            explained=parts.settings.answer.top_k,
        )
    )


def _build_llm_listwise(parts: RerankerParts) -> Reranker:
    if parts.chat is None:
        return _without_language_model("llm-listwise")
    options = parts.settings.rerank
    return CircuitBreaker(
        LlmListwiseReranker(
            parts.chat,
            limits=_llm_limits(parts.settings),
            window=options.window,
            step=options.step,
            explained=parts.settings.answer.top_k,
        )
    )


def _without_language_model(method: str) -> Reranker:
    return UnavailableReranker(
        method, "no language model is configured; set REFDESK_LLM_BASE_URL and REFDESK_LLM_MODEL"
    )


def _llm_limits(settings: Settings) -> LlmLimits:
    return LlmLimits(
        call_timeout_s=settings.llm.timeout_s,
        concurrency=settings.llm.concurrency,
        reply_tokens=settings.rerank.reply_tokens,
        budget_tokens=settings.rerank.max_tokens,
        price_prompt_usd=settings.llm_price.prompt,
        price_completion_usd=settings.llm_price.completion,
    )


def build_rerank_endpoint(settings: Settings) -> HttpRerankEndpoint:
    """Build the client of the rerank endpoint."""
    from pipeline.backends.endpoints.rerank_api import HttpRerankEndpoint

    return HttpRerankEndpoint(
        settings.rerank_api.url,
        model=settings.rerank_api.model,
        api_key=reveal_secret(settings.rerank_api.key),
    )


def _build_rerank_api(parts: RerankerParts) -> Reranker:
    settings = parts.settings
    if not settings.rerank_api.url:
        return UnavailableReranker("rerank-api", "no rerank endpoint is configured; set REFDESK_RERANK_API_URL")
    return CircuitBreaker(
        RerankApiReranker(
            build_rerank_endpoint(settings),
            call_timeout_s=settings.llm.timeout_s,
            price_call_usd=settings.rerank_api_price.calls,
            price_tokens_usd=settings.rerank_api_price.prompt,
            budget_tokens=settings.rerank.max_tokens,
        )
    )


BUILDERS: Mapping[str, Callable[[RerankerParts], Reranker]] = {
    "auto": _build_auto,
    "none": lambda _: RecallOrderReranker(),
    "late-interaction": _build_late_interaction,
    "cross-encoder": lambda parts: CrossEncoderReranker(parts.cross_encoder),
    "llm-pointwise": _build_llm_pointwise,
    "llm-pairwise": _build_llm_pairwise,
    "llm-listwise": _build_llm_listwise,
    "rerank-api": _build_rerank_api,
}
"""How to build each reranker. A method without its settings is an `UnavailableReranker`."""


def build_rerankers(
    settings: Settings, embedder: Embedder | None, *, chat: ChatModel | None, cross_encoder: PairScorer
) -> Mapping[str, Reranker]:
    """Build every reranker together with its fallbacks: `late-interaction`, then the order of recall."""
    if mismatch := set(RERANKERS) ^ BUILDERS.keys():
        raise RuntimeError(
            "RERANKERS in pipeline/types/retrieval.py and BUILDERS in config/rerankers.py must have the same names; "
            f"only one of them has {', '.join(sorted(mismatch))}."
        )
    parts = RerankerParts(settings, embedder, cross_encoder, *_build_rerank_chats(settings, chat))
    methods = {name: BUILDERS[name](parts) for name in RERANKERS}
    none, late = methods["none"], methods["late-interaction"]
    chains: dict[str, Reranker] = {name: FallbackReranker(method, late, none) for name, method in methods.items()}
    return chains | {"none": none, "late-interaction": FallbackReranker(late, none)}


def _build_rerank_chats(settings: Settings, chat: ChatModel | None) -> tuple[ChatModel | None, ChatModel | None]:
    """Build the clients for ranking and for rating; `chat` itself if the settings need no separate client."""
    if chat is None:
        return None, None
    effort = settings.rerank.reasoning_effort or settings.llm.reasoning_effort
    ranking = build_chat_client(settings, reasoning_effort=effort) if settings.rerank.reasoning_effort else chat
    if not settings.rerank.logprobs:
        return ranking, ranking
    return ranking, build_chat_client(settings, reasoning_effort=effort, top_logprobs=TOP_LOGPROBS)
