"""Recognise the text of the scanned pages of a PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pipeline.backends.documents.readers.pdf_pages import MAX_STAMP_WORDS, needs_recognition, open_pdf, render_page
from pipeline.backends.documents.reading import File
from pipeline.backends.documents.recognition import (
    READABLE_SCRIPTS,
    RecognisedImage,
    build_recognised_elements,
    find_unread_pages,
    format_ranges,
)
from pipeline.backends.documents.verification import count_units
from pipeline.errors import EmptyDocument
from pipeline.parse import Element
from pipeline.types import Unread

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfDocument


@dataclass(frozen=True, slots=True)
class ScannedPages:
    """The pages of a PDF that show pictures instead of text."""

    images: Mapping[int, RecognisedImage] = field(default_factory=dict)
    """Their recognised text by page number."""
    unread: Sequence[Unread] = ()
    """Those that were not read."""

    @property
    def has_text(self) -> bool:
        """Whether any text was recognised."""
        return any(image.paragraphs for image in self.images.values())

    def replace_elements(self, number: int, elements: list[Element]) -> list[Element]:
        """Return the elements of a page: its recognised text and those of its own texts that recognition missed."""
        image = self.images.get(number)
        if image is None or not image.paragraphs:
            return elements
        recognised = count_units("\n".join(image.paragraphs))
        missed = [element for element in elements if count_units(element.text) - recognised]
        return missed + build_recognised_elements(image, number)


def read_scanned_pages(file: File, texts: Mapping[int, str]) -> ScannedPages:
    """Recognise the pages of a PDF that show pictures; `texts` are the texts that the file stores by page number."""
    if all(len(text.split()) >= MAX_STAMP_WORDS for text in texts.values()):
        return ScannedPages()
    with open_pdf(file.content) as document:
        numbers = [n for n, text in texts.items() if n <= len(document) and needs_recognition(document[n - 1], text)]
        if not numbers:
            return ScannedPages()
        if file.recogniser.problem:
            unread = Unread("pages_without_text", len(numbers), len(texts), format_ranges(numbers))
            return ScannedPages(unread=[unread])
        results = file.recogniser.recognise([partial(_render, document, number) for number in numbers])
    images = dict(zip(numbers, results, strict=True))
    return ScannedPages(images, find_unread_pages(images, len(texts)))


def describe_empty(file: File, scans: ScannedPages, pages: int) -> EmptyDocument:
    """Return the error for a PDF without any text."""
    counted = f"{file.name} has {pages} page{'s' * (pages != 1)} without text."
    if not scans.images and not scans.unread:
        return EmptyDocument(f"{counted} It contains no scans or pictures either; add the document that has the text.")
    if file.recogniser.problem:
        return EmptyDocument(f"{counted} It is probably a scan. {file.recogniser.problem}")
    if any(image.outcome == "unknown_script" for image in scans.images.values()):
        return EmptyDocument(
            f"{counted} The text in its pictures cannot be recognised, because of its script or because it is blurred. "
            f"{READABLE_SCRIPTS} Add a sharper scan or the text."
        )
    return EmptyDocument(f"{counted} Text recognition found none in its pictures either.")


def _render(document: PdfDocument, number: int) -> Image:
    import pypdfium2

    try:
        return render_page(document[number - 1])
    except pypdfium2.PdfiumError as error:
        raise OSError(f"page {number} is damaged") from error
