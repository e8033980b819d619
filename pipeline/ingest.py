"""The ingest flow up to the store: bytes → blocks → chunks → rows.

Embedding is not part of it: workers claim chunks in batches across documents, see `tasks/embed.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.chunk import chunk_document
from pipeline.embed import hash_input
from pipeline.errors import Cancelled, ParseTimeout
from pipeline.ports import Fetcher, Parser, Tokenizer
from pipeline.recall import extract_terms
from pipeline.text.languages import find_languages
from pipeline.text.passages import build_passage
from pipeline.tracing import span
from pipeline.types import Chunk, EmbeddingProfile, ParsedDocument, PreparedChunk, Source

OnStage = Callable[[str], None]
OnPage = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IngestParts:
    """The ports and limits of the ingest flow."""

    parser: Parser
    fetcher: Fetcher
    tokenizer: Tokenizer
    profile: EmbeddingProfile
    chunk_tokens: int
    chunk_overlap: int
    max_chunks: int
    timeout_s: float
    """Seconds for splitting a document into chunks, and as many for reading it."""


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document ready for the store."""

    parsed: ParsedDocument
    chunks: tuple[PreparedChunk, ...]


def prepare_document(
    source: Source, parts: IngestParts, *, on_stage: OnStage, on_page: OnPage, cancelled: Callable[[], bool]
) -> PreparedDocument:
    """Parse and chunk a source.

    Args:
        source: The source.
        parts: Ports and limits.
        on_stage: Called with the name of each stage.
        on_page: Called before text is recognised on a page, with the number of pages done and the total.
        cancelled: Returns whether to stop.

    Raises:
        InvalidInput: The source cannot be ingested; the message contains the reason.
        Cancelled: `cancelled` returned True.
    """
    on_stage("parse")
    with span("parse"):
        parsed = parts.parser.parse(source, cancelled=cancelled, on_page=on_page)
    on_stage("chunk")
    deadline = time.monotonic() + parts.timeout_s

    def check() -> None:
        if cancelled():
            raise Cancelled
        if time.monotonic() > deadline:
            raise ParseTimeout(
                f"Splitting {source.name} into passages took longer than {parts.timeout_s:g} s. "
                "Split it or ask the operator to raise REFDESK_PARSE_TIMEOUT_S."
            )

    check()
    with span("chunk"):
        chunks = chunk_document(
            parsed,
            parts.tokenizer,
            max_tokens=min(parts.chunk_tokens, parts.profile.max_tokens),
            overlap=parts.chunk_overlap,
            max_chunks=parts.max_chunks,
            check=check,
        )
        return PreparedDocument(parsed, prepare_chunks(chunks, check=check))


def prepare_chunks(chunks: Sequence[Chunk], *, check: Callable[[], None] = lambda: None) -> tuple[PreparedChunk, ...]:
    """Compute the stored values of the chunks of a document; their terms come from the embedding input.

    Args:
        chunks: All chunks of the document, because they decide its language together.
        check: Called before each chunk; it raises an error to stop.
    """
    texts = [build_passage(chunk.headings, chunk.text) for chunk in chunks]
    prepared: list[PreparedChunk] = []
    for chunk, text, language in zip(chunks, texts, find_languages(texts, check=check), strict=True):
        check()
        prepared.append(PreparedChunk(chunk, hash_input(text), extract_terms(text, language)))
    return tuple(prepared)
