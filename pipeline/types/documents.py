"""Documents during ingestion: source, parsed document, chunks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a document with their origin."""

    name: str
    """File name or link as the user entered it. The extension is only a hint for format detection."""
    content: bytes
    media_type: str = ""
    """Media type from the sender, for example an HTTP Content-Type; also only a hint."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text under one heading path and, if the format has pages, on one page."""

    text: str
    """Markdown, including tables."""
    headings: tuple[str, ...] = ()
    """Heading path, outermost first."""
    page: int | None = None
    """1-based."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The parser's output for a source."""

    title: str
    media_type: str
    blocks: tuple[Block, ...]
    pages: int | None = None
    language: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A text within the token budget: the unit that is embedded, recalled and cited."""

    ordinal: int
    """0-based position in the document."""
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Term:
    """A keyword of a chunk: its 31-bit hash and its frequency."""

    id: int
    frequency: int


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk with the hash of its embedding input and its keywords, ready to store."""

    chunk: Chunk
    input_hash: bytes
    terms: tuple[Term, ...]
