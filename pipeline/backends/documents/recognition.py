"""The interface between readers and text recognition (OCR): readers hand over images and get their text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.errors import format_install_hint
from pipeline.parse import Element
from pipeline.types import Unread, UnreadKind

if TYPE_CHECKING:
    from PIL.Image import Image

NOT_INSTALLED = f"Text recognition (OCR) is not installed. {format_install_hint('ocr')}."
SWITCHED_OFF = "Text recognition (OCR) is switched off; switch it on with REFDESK_OCR=auto."

READABLE_SCRIPTS = "Latin, Chinese and Japanese script can be read."
"""What the models can read; see benchmarks/ocr.py."""

Outcome = Literal["text", "no_text", "unknown_script", "failed", "over_limit"]
Render = Callable[[], "Image"]
"""Return the image of a page; it is called only if the page is not recognised yet, and may raise OSError."""


@dataclass(frozen=True, slots=True)
class RecognisedImage:
    """The text that was recognised in an image."""

    outcome: Outcome
    """`no_text`: it contains none; `unknown_script`: it contains text that the models cannot read, because of its
    script or because it is blurred, and `paragraphs` is the rest; `failed`: it is damaged, or took too long or too much
    memory; `over_limit`: it is beyond the limit of images per file."""
    paragraphs: tuple[str, ...] = ()
    """In reading order."""
    confidence: float = 0.0
    """Mean over its characters, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class OcrLimits:
    """The limits of text recognition."""

    page_timeout_s: float = 60
    """Seconds for one page or image."""
    max_images: int = 2000
    """Pages and images per file."""


class Recogniser(Protocol):
    """Recognises text in images."""

    @property
    def problem(self) -> str:
        """Why no text can be recognised, with the fix; empty if it can."""
        ...

    def recognise(self, images: Sequence[Render]) -> list[RecognisedImage]:
        """Recognise the text of images, one result per image; only if there is no `problem`."""
        ...


@dataclass(frozen=True, slots=True)
class NoRecogniser:
    """Recognises nothing."""

    problem: str = NOT_INSTALLED

    def recognise(self, images: Sequence[Render]) -> list[RecognisedImage]:
        """Return no text."""
        return [RecognisedImage("failed")] * len(images)


def build_recognised_elements(image: RecognisedImage, page: int | None = None) -> list[Element]:
    """Build the elements of an image, marked as recognised by their confidence."""
    return [Element("paragraph", text, page=page, confidence=image.confidence) for text in image.paragraphs]


_KINDS: Mapping[Outcome, UnreadKind] = {
    "failed": "pages_without_text",
    "unknown_script": "unknown_script",
    "over_limit": "pages_over_limit",
}


def find_unread_pages(images: Mapping[int, RecognisedImage], total: int) -> list[Unread]:
    """Return which pages were not read; `images` are the results by page number, `total` the pages of the file."""
    unread: list[Unread] = []
    for outcome, kind in _KINDS.items():
        numbers = [number for number, image in images.items() if image.outcome == outcome]
        if numbers:
            unread.append(Unread(kind, len(numbers), total, format_ranges(numbers)))
    return unread


def format_ranges(numbers: Iterable[int]) -> str:
    """Format page numbers as ranges, for example "2-4, 7"."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)
