"""Files and pictures inside a document: what is read of them, and what is reported as unread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from pipeline.backends.documents.reading import NestedReader
from pipeline.errors import InvalidInput
from pipeline.parse import Element
from pipeline.types import Source, Unread

PAGE_SHARE = 0.4
"""Share of a page that a picture covers to be taken for a scanned page; smaller ones illustrate the text."""
A4_SQUARE_POINTS = 595.0 * 842.0
"""Area of a page whose size is not known."""


@dataclass(slots=True)
class EmbeddedFiles:
    """The files and pictures in a document."""

    read_nested: NestedReader
    depth: int
    """Depth of the document that contains them."""
    unread: list[str] = field(default_factory=list)
    """Names of files that could not be read."""
    pictures: dict[str, float] = field(default_factory=dict)
    """Area in square points of the pictures without a text alternative, by name."""

    def read(self, name: str, content: bytes) -> list[Element]:
        """Read a file; its headings become paragraphs, because they do not structure the document around it."""
        base = name.rpartition("/")[2]
        try:
            reading = self.read_nested(Source(base, content), self.depth + 1)
        except InvalidInput:
            self.unread.append(base)
            return []
        self.unread += [f"parts of {base}"] * bool(reading.unread)
        return [replace(each, kind="paragraph") if each.kind == "heading" else each for each in reading.elements]

    def read_pictures(
        self, load: Callable[[str], bytes], page_square_points: float, *, has_text: bool
    ) -> tuple[list[Element], list[Unread]]:
        """Read the pictures that are content rather than illustration, and report those that cannot be read.

        These are pictures that cover much of a page, and all pictures of a document that has no text.
        """
        least = PAGE_SHARE * page_square_points if has_text else 0
        pictures = replace(self, unread=[])
        elements: list[Element] = []
        wanted = sorted(name for name, area in self.pictures.items() if area >= least)
        for name in wanted:
            elements += pictures.read(name, load(name))
        failed = pictures.unread
        return elements, [Unread("images", len(failed), len(wanted), ", ".join(failed))] if failed else []

    def list_unread(self) -> Iterator[Unread]:
        """Report the files that could not be read."""
        if self.unread:
            yield Unread("attachments", len(self.unread), where=", ".join(self.unread))


def list_unread_parts(damaged: list[str], hidden_paragraphs: int) -> Iterator[Unread]:
    """Report damaged parts and hidden text."""
    if damaged:
        yield Unread("damaged_parts", len(damaged), where=", ".join(damaged))
    if hidden_paragraphs:
        plural = "s" * (hidden_paragraphs != 1)
        where = f"Hidden text in {hidden_paragraphs} paragraph{plural} was left out."
        yield Unread("other", hidden_paragraphs, where=where)
