"""Wiring: build the parts of a worker from the settings. Heavy libraries are imported with the part that uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from config import recognised_pages
from config.chat_model import build_chat
from config.cross_encoders import CrossEncoderChoice, LazyCrossEncoder, build_cross_encoder, choose_cross_encoder
from config.embedding import build_embedder
from config.rerankers import build_rerankers
from config.settings import Settings
from pipeline.answer_parts import AnswerParts
from pipeline.everyday import EverydayPassages
from pipeline.generate import ReasoningRoom
from pipeline.ingest import IngestParts
from pipeline.ports import (
    ChatModel,
    Embedder,
    Fetcher,
    Parser,
    RecallStore,
    Vocabulary,
)
from pipeline.types import EmbeddingProfile

SPECIAL_TOKENS = 2
"""Tokens that a model adds at both ends of an input."""


@dataclass(frozen=True, slots=True)
class SharedParts:
    """Parts that do not depend on the embedding profile, built once per worker."""

    parser: Parser
    fetcher: Fetcher
    chat: ChatModel | None
    cross_encoder: LazyCrossEncoder
    close: Callable[[], None]


AnswerBuilder = Callable[[RecallStore], AnswerParts]
"""Builds the parts of the answer flow for the store of a workspace."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """The parts of a worker child for one embedding profile."""

    ingest: IngestParts
    embedder: Embedder
    answer_with: AnswerBuilder
    close: Callable[[], None]


def build_shared(settings: Settings, choice: CrossEncoderChoice | None = None) -> SharedParts:
    """Build the parts that all embedding profiles share.

    Args:
        settings: The settings.
        choice: The cross-encoder; None: that of an empty store.
    """
    from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
    from pipeline.backends.documents.recognition import OcrLimits
    from pipeline.backends.web.fetcher import HttpFetcher

    ocr = OcrLimits(settings.ocr.page_timeout_s, settings.ocr.max_pages) if settings.ocr.mode == "auto" else None
    parser = KreuzbergParser(
        timeout_s=settings.ingest.parse_timeout_s,
        memory_mb=settings.ingest.parse_memory_mb,
        max_unpacked_mb=settings.ingest.max_unpacked_mb,
        ocr=ocr,
        pages_folder=recognised_pages.find_folder(settings),
    )
    fetcher = HttpFetcher(
        timeout_s=settings.ingest.fetch_timeout_s,
        max_bytes=int(settings.ingest.max_file_mb * 1_000_000),
        allow_private=settings.ingest.fetch_private,
    )
    cross_encoder = build_cross_encoder(settings, choice or choose_cross_encoder(settings, ()))
    return SharedParts(parser, fetcher, build_chat(settings), cross_encoder, parser.close)


def list_working_rerankers(
    settings: Settings, profile: EmbeddingProfile | None, shared: SharedParts
) -> tuple[str, ...]:
    """Return the rerankers whose models and endpoints are available now, without trying endpoints.

    Args:
        settings: The settings.
        profile: The live profile; None while its model is not loaded.
        shared: The parts that all profiles share.
    """
    available = {
        "late-interaction": profile is not None and profile.backend != "openai",
        "cross-encoder": shared.cross_encoder.is_loaded,
        "llm-pointwise": shared.chat is not None,
        "llm-pairwise": shared.chat is not None,
        "llm-listwise": shared.chat is not None,
        "rerank-api": bool(settings.rerank_api.url),
    }
    return tuple(name for name, works in available.items() if works)


def build_parts(
    settings: Settings,
    profile: EmbeddingProfile,
    *,
    role: Literal["query", "ingest"],
    shared: SharedParts | None = None,
) -> WorkerParts:
    """Build the parts of a worker of this role and load its models; `shared` is built if it is None."""
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
        timeout_s=settings.ingest.parse_timeout_s,
    )
    everyday = EverydayPassages()
    if role == "query" and profile.backend != "openai":
        everyday.load(embedder)  # the first call of a model is slow and must not delay a question
    answer_with = build_answers(settings, shared, embedder, everyday=everyday)
    return WorkerParts(ingest, embedder, answer_with, shared.close)


def build_answers(
    settings: Settings,
    shared: SharedParts,
    embedder: Embedder | None,
    *,
    everyday: EverydayPassages | None = None,
    missing: str = "",
) -> AnswerBuilder:
    """Build the answer flow of a worker.

    Args:
        settings: The settings.
        shared: The parts that all profiles share.
        embedder: The model of the live profile; with None, passages are found by keywords only.
        everyday: What a similarity of the model means.
        missing: Why there is no embedder.
    """
    vocabulary = None
    if embedder is not None and isinstance(embedder, Vocabulary):
        vocabulary = embedder
    rerankers = build_rerankers(settings, embedder, chat=shared.chat, cross_encoder=shared.cross_encoder)
    reasoning = ReasoningRoom(settings.llm.reasoning_tokens)

    def answer_with(store: RecallStore) -> AnswerParts:
        return AnswerParts(
            store=store,
            embedder=embedder,
            rerankers=rerankers,
            chat=shared.chat,
            abstain_below=settings.answer.abstain_below,
            everyday=everyday,
            rerank_deadline_s=settings.rerank.timeout_s,
            llm_max_tokens=settings.llm.max_tokens,
            llm_timeout_s=settings.llm.timeout_s,
            reasoning=reasoning,
            context_tokens=settings.answer.context_tokens,
            max_question_chars=settings.answer.max_question_chars,
            vocabulary=vocabulary,
            embedder_missing=missing,
        )

    return answer_with
