"""Documents during ingestion: source, parsed document, chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a document with their origin."""

    name: str
    """File name or link as the user entered it. The extension is only a hint for format detection."""
    content: bytes
    media_type: str = ""
    """Media type from the sender, for example an HTTP Content-Type; also only a hint."""


LOW_CONFIDENCE = 0.9
"""Confidence of recognised text below which a citation shows it."""

UnreadKind = Literal[
    "pages_without_text",
    "pages_over_limit",
    "images",
    "attachments",
    "hidden_sheets",
    "hidden_slides",
    "rows_over_limit",
    "damaged_parts",
    "unknown_script",
    "other",
]
"""What was not read: pages that contain only images; pages beyond a limit; images; attachments of a mail; hidden
sheets and slides; rows beyond a limit; damaged parts of a file; images in a script that text recognition cannot read;
other parts, which `Unread.where` describes in a sentence."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a document that was not read, as it is reported to the user."""

    kind: UnreadKind
    count: int = 1
    """Number of pages, images, attachments, …"""
    total: int | None = None
    """How many there are in all, if known."""
    where: str = ""
    """Which ones: page ranges such as "2-4, 7", or names separated by commas."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text under one heading path and, if the format has pages, on one page."""

    text: str
    """Markdown, including tables."""
    headings: tuple[str, ...] = ()
    """Heading path, outermost first."""
    page: int | None = None
    """1-based."""
    confidence: float | None = None
    """Lowest confidence from 0 to 1 with which its text was recognised in an image; None for text of the file."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The parser's output for a source."""

    title: str
    media_type: str
    blocks: tuple[Block, ...]
    pages: int | None = None
    language: str | None = None
    warnings: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()
    """What of the source was not read; empty if everything was."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A text within the token budget: the unit that is embedded, recalled and cited."""

    ordinal: int
    """0-based position in the document."""
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    tokens: int = 0
    confidence: float | None = None
    """Lowest confidence of its recognised text; None if all of it is text of the file."""


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
