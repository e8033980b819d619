"""The ingest flow up to the store: bytes → blocks → chunks → rows.

Embedding is not part of it: workers claim chunks in batches across documents, see `tasks/embed.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.chunk import chunk_document
from pipeline.embed import hash_input
from pipeline.errors import Cancelled
from pipeline.ports import Fetcher, Parser, Tokenizer
from pipeline.recall import extract_terms
from pipeline.text.languages import find_languages
from pipeline.text.passages import build_passage
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
        Cancelled: The job was cancelled between two stages.
    """
    on_stage("parse")
    parsed = parts.parser.parse(source, cancelled=cancelled, on_page=on_page)
    if cancelled():
        raise Cancelled
    on_stage("chunk")
    chunks = chunk_document(
        parsed,
        parts.tokenizer,
        max_tokens=min(parts.chunk_tokens, parts.profile.max_tokens),
        overlap=parts.chunk_overlap,
        max_chunks=parts.max_chunks,
    )
    return PreparedDocument(parsed, prepare_chunks(chunks))


def prepare_chunks(chunks: Sequence[Chunk]) -> tuple[PreparedChunk, ...]:
    """Compute the stored values of the chunks of a document; their terms come from the embedding input."""
    texts = [build_passage(chunk.headings, chunk.text) for chunk in chunks]
    return tuple(
        PreparedChunk(chunk, hash_input(text), extract_terms(text, language))
        for chunk, text, language in zip(chunks, texts, find_languages(texts), strict=True)
    )
