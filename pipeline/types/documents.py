"""Documents on their way into the store: source, parsed document, chunks."""

from __future__ import annotations

from dataclasses import dataclass


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
