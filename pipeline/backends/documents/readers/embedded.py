"""Files and pictures inside a document: what is read of them, and what is reported as unread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from pipeline.backends.documents.ocr_images import render_image
from pipeline.backends.documents.reading import File, NestedReader
from pipeline.backends.documents.recognition import READABLE_SCRIPTS, Recogniser, build_recognised_elements
from pipeline.backends.documents.sniffing import sniff_image
from pipeline.errors import EmptyDocument, InvalidInput
from pipeline.parse import Element
from pipeline.types import Source, Unread, UnreadKind

if TYPE_CHECKING:
    from PIL.Image import Image

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
        base = _shorten(name)
        try:
            reading = self.read_nested(Source(base, content), self.depth + 1)
        except InvalidInput:
            self.unread.append(base)
            return []
        self.unread += [f"parts of {base}"] * bool(reading.unread)
        return [replace(each, kind="paragraph") if each.kind == "heading" else each for each in reading.elements]

    def read_pictures(
        self, load: Callable[[str], bytes], page_square_points: float, recogniser: Recogniser, *, has_text: bool
    ) -> tuple[list[Element], list[Unread]]:
        """Recognise the pictures that are content rather than illustration, and report those that cannot be read.

        These are pictures that cover much of a page, and all pictures of a document that has no text.
        """
        least = PAGE_SHARE * page_square_points if has_text else 0
        wanted = sorted(name for name, area in self.pictures.items() if area >= least)
        images = [name for name in wanted if sniff_image(load(name))]
        vectors = replace(self, unread=[])
        elements = [element for name in wanted if name not in images for element in vectors.read(name, load(name))]
        failed, unknown = vectors.unread, list[str]()
        if recogniser.problem:
            failed += map(_shorten, images)
            images = []
        results = recogniser.recognise([partial(_render, load, name) for name in images])
        for name, result in zip(images, results, strict=True):
            elements += build_recognised_elements(result)
            failed += [_shorten(name)] * (result.outcome in ("failed", "over_limit"))
            unknown += [_shorten(name)] * (result.outcome == "unknown_script")
        kinds: tuple[tuple[UnreadKind, list[str]], ...] = (("images", failed), ("unknown_script", unknown))
        return elements, [Unread(kind, len(names), len(wanted), ", ".join(names)) for kind, names in kinds if names]

    def list_unread(self) -> Iterator[Unread]:
        """Report the files that could not be read."""
        if self.unread:
            yield Unread("attachments", len(self.unread), where=", ".join(self.unread))


def describe_pictures(file: File) -> EmptyDocument:
    """Return the error for a document that consists of pictures without recognised text."""
    if file.recogniser.problem:
        return EmptyDocument(f"{file.name} contains only pictures. {file.recogniser.problem}")
    return EmptyDocument(
        f"{file.name} contains only pictures, in which no text could be recognised. {READABLE_SCRIPTS} "
        "Add sharper pictures or the text."
    )


def _render(load: Callable[[str], bytes], name: str) -> Image:
    return render_image(load(name), _shorten(name))


def _shorten(name: str) -> str:
    return name.rpartition("/")[2]


def list_unread_parts(damaged: list[str], hidden_paragraphs: int) -> Iterator[Unread]:
    """Report damaged parts and hidden text."""
    if damaged:
        yield Unread("damaged_parts", len(damaged), where=", ".join(damaged))
    if hidden_paragraphs:
        plural = "s" * (hidden_paragraphs != 1)
        where = f"Hidden text in {hidden_paragraphs} paragraph{plural} was left out."
        yield Unread("other", hidden_paragraphs, where=where)
