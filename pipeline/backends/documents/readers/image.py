"""Read images: screenshots, photos and scans, by text recognition."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline.backends.documents.ocr_images import open_image, prepare_image
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.recognition import READABLE_SCRIPTS, build_recognised_elements, find_unread_pages
from pipeline.backends.documents.sniffing import TIFF
from pipeline.errors import EmptyDocument, UnreadableFile, UnsupportedFormat

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_FRAMES = 5000
"""Maximum pages of a TIFF file that are counted."""


def read_image(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read an image: the pages of a TIFF file, the first frame of an animation."""
    if file.recogniser.problem:
        raise UnsupportedFormat(f"{file.name} is an image. {file.recogniser.problem}")
    image = open_image(file.content, file.name)
    frames = _count_frames(image) if file.media_type == TIFF else 1
    results = file.recogniser.recognise([partial(_render, file, frame) for frame in range(frames)])
    if all(result.outcome == "failed" for result in results):
        raise UnreadableFile(
            f"The text of {file.name} could not be recognised: the image is damaged, or recognising it took too long "
            "or too much memory. Save it again, or scale it down, and add the new file."
        )
    pages = dict(enumerate(results, 1))
    if not any(result.paragraphs for result in results):
        _raise_empty(file.name, {result.outcome for result in results})
    return Reading(
        [e for page, result in pages.items() for e in build_recognised_elements(result, page if frames > 1 else None)],
        pages=frames if frames > 1 else None,
        unread=find_unread_pages(pages, frames),
    )


def _raise_empty(name: str, outcomes: set[str]) -> None:
    if "unknown_script" in outcomes:
        raise EmptyDocument(
            f"{name} shows text that cannot be recognised, because of its script or because it is blurred. "
            f"{READABLE_SCRIPTS} Add a sharper image or the text."
        )
    raise EmptyDocument(f"{name} is an image without text. Add a document or an image that contains text.")


def _count_frames(image: Image) -> int:
    try:
        for frame in range(1, MAX_FRAMES):
            image.seek(frame)
    except (EOFError, OSError, SyntaxError, ValueError):
        return image.tell() + 1
    return MAX_FRAMES


def _render(file: File, frame: int) -> Image:
    image = open_image(file.content, file.name)
    if frame:
        image.seek(frame)
    return prepare_image(image)
