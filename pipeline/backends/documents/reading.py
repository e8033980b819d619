"""The interface of the readers: the file they get and the reading they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.backends.documents.recognition import NoRecogniser, Recogniser
from pipeline.parse import Element
from pipeline.types import Source, Unread

MAX_DEPTH = 3
"""Levels of files inside files that are read: a mail in a mail in a mail."""


@dataclass(frozen=True, slots=True)
class File:
    """A file whose media type is known."""

    name: str
    content: bytes
    media_type: str
    text: str = ""
    """The decoded content of a text format; empty for binary formats."""
    depth: int = 0
    """Number of files that contain it; 0 for the file that was added."""
    recogniser: Recogniser = field(default=NoRecogniser(), compare=False)
    """Recognises text in images."""


@dataclass(slots=True)
class Reading:
    """What a reader extracted from a file."""

    elements: list[Element]
    """In reading order."""
    title: str | None = None
    """Title from the metadata of the file."""
    pages: int | None = None
    language: str | None = None
    warnings: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


NestedReader = Callable[[Source, int], Reading]
"""Read a file inside another file, with its depth; raises `InvalidInput` as for a file that was added."""

Reader = Callable[[File, NestedReader], Reading]
"""Extract the elements of a file; raises `InvalidInput` with the reason if it cannot be read."""
