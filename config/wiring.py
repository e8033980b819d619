"""Wiring: settings become ready parts. The only place that builds backends; heavy libraries load with their part."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import structlog

from config.settings import Settings
from pipeline.answer import AnswerParts
from pipeline.errors import ModelUnavailable, RefdeskError, SetupError
from pipeline.ingest import IngestParts
from pipeline.ports import ChatModel, Embedder, PairScorer, RecallStore, Reranker, TokenVectors
from pipeline.rerank.cross_encoder import CrossEncoderReranker
from pipeline.rerank.fallback import with_fallback
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.types import Candidate, EmbeddingProfile, Reranking

if TYPE_CHECKING:
    from pipeline.backends.sentence_transformer import SentenceTransformerEmbedder

log = structlog.get_logger(__name__)

SPECIAL_TOKENS = 2
"""Room that the tokens at both ends of an input take."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker child works with."""

    ingest: IngestParts
    embedder: Embedder
    answer_with: Callable[[RecallStore], AnswerParts]
    close: Callable[[], None]


def describe_embedding(settings: Settings) -> EmbeddingProfile:
    """Describe the configured embedding model without loading its weights."""
    from pipeline.backends.sentence_transformer import describe_model

    return describe_model(settings.embedding_model)


def describe_cross_encoder(settings: Settings) -> str:
    """Say which cross-encoder would be loaded; raises `ModelUnavailable` when there is none within reach."""
    from pipeline.backends.cross_encoder import locate_cross_encoder

    return locate_cross_encoder(settings.cross_encoder_model).name


def build_parts(settings: Settings, profile: EmbeddingProfile, *, role: Literal["query", "ingest"]) -> WorkerParts:
    """Build everything a worker of this role needs, models loaded."""
    from pipeline.backends.fetcher import HttpFetcher
    from pipeline.backends.kreuzberg_parser import KreuzbergParser

    embedder = build_embedder(settings, profile)
    parser = KreuzbergParser(
        timeout_s=settings.parse_timeout_s,
        memory_mb=settings.parse_memory_mb,
        max_unpacked_mb=settings.max_unpacked_mb,
    )
    fetcher = HttpFetcher(
        timeout_s=settings.fetch_timeout_s,
        max_bytes=int(settings.max_file_mb * 1_000_000),
        allow_private=settings.fetch_private,
    )
    chunk_tokens = min(settings.chunk_tokens, profile.max_tokens - SPECIAL_TOKENS)
    ingest = IngestParts(
        parser=parser,
        fetcher=fetcher,
        tokenizer=embedder,
        profile=profile,
        chunk_tokens=chunk_tokens,
        chunk_overlap=min(settings.chunk_overlap, chunk_tokens // 2),
        max_chunks=settings.max_chunks,
    )
    chat = build_chat(settings)
    rerankers = build_rerankers(settings, profile, embedder, chat)
    if role == "query":
        embedder.encode(["warm up"])  # the first call of a model is slow; no question should pay for it

    def answer_with(store: RecallStore) -> AnswerParts:
        return AnswerParts(
            store=store,
            embedder=embedder,
            rerankers=rerankers,
            chat=chat,
            abstain_below=settings.abstain_below,
            rerank_deadline_s=settings.rerank_timeout_s,
            llm_max_tokens=settings.llm_max_tokens,
            llm_timeout_s=settings.llm_timeout_s,
            max_question_chars=settings.max_question_chars,
        )

    return WorkerParts(ingest, embedder, answer_with, parser.close)


def build_embedder(settings: Settings, profile: EmbeddingProfile) -> SentenceTransformerEmbedder:
    """Load the profile's model."""
    from pipeline.backends.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(
        profile, threads=settings.threads or (os.cpu_count() or 1), batch_size=settings.embed_batch_size
    )


def build_chat(settings: Settings) -> ChatModel | None:
    """Build the client of the language model; None when none is set."""
    if not settings.llm_base_url:
        return None
    if not settings.llm_model:
        raise SetupError(
            "REFDESK_LLM_BASE_URL is set but REFDESK_LLM_MODEL is not; name the model that the server has."
        )
    from pipeline.backends.openai_chat import OpenAIChat

    return OpenAIChat(
        settings.llm_base_url,
        settings.llm_model,
        api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else "",
        price_prompt_usd=settings.llm_price_prompt_usd,
        price_completion_usd=settings.llm_price_completion_usd,
    )


def served_models(settings: Settings) -> Sequence[str]:
    """Ask the language model's server which models it has; raises `LlmError`, `LlmUnparsable` when it does not say."""
    from pipeline.backends.chat_address import list_models

    return list_models(settings.llm_base_url, settings.llm_api_key.get_secret_value() if settings.llm_api_key else "")


def shown_language_model(settings: Settings) -> str:
    """Name the language model and its address without the secrets that an address may hold."""
    from pipeline.backends.chat_address import shown_address

    return f"{settings.llm_model} at {shown_address(settings.llm_base_url)}"


def build_rerankers(
    settings: Settings, profile: EmbeddingProfile, vectors: TokenVectors, chat: ChatModel | None
) -> Mapping[str, Reranker]:
    """Build every reranker with its fallbacks behind it; one that cannot work here says so and gives way."""
    from pipeline.backends.token_vector_cache import TokenVectorCache

    none = RecallOrderReranker()
    remembered = TokenVectorCache(vectors, max_bytes=settings.token_cache_mb * 1_000_000)
    late = LateInteractionReranker(remembered, query_prefix=profile.query_prefix, passage_prefix=profile.passage_prefix)
    cross = CrossEncoderReranker(LazyCrossEncoder(settings.cross_encoder_model, settings.threads))
    pointwise: Reranker = (
        LlmPointwiseReranker(chat, call_timeout_s=settings.llm_timeout_s, concurrency=settings.llm_concurrency)
        if chat is not None
        else MissingReranker(
            "llm-pointwise", "no language model is set; set REFDESK_LLM_BASE_URL and REFDESK_LLM_MODEL"
        )
    )
    return {
        "none": none,
        "late-interaction": with_fallback(late, none),
        "cross-encoder": with_fallback(cross, late, none),
        "llm-pointwise": with_fallback(pointwise, late, none),
    }


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
        from pipeline.backends.cross_encoder import SentenceTransformersCrossEncoder

        try:
            return SentenceTransformersCrossEncoder(self._model, threads=self._threads)
        except RefdeskError as error:
            log.warning("cross-encoder unavailable", model=self._model, error=str(error))
            return error


class MissingReranker:
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
    ) -> Reranking:
        """Raise `ModelUnavailable` with the reason; the fallback chain takes over."""
        raise ModelUnavailable(self._reason)
