"""Images of untrusted files are opened within limits and prepared for text recognition."""

import struct
import time
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from PIL import Image

from pipeline.backends.documents.extraction import extract
from pipeline.backends.documents.ocr_images import MAX_SIDE, cut_into_strips, open_image, prepare_image, render_image
from pipeline.backends.documents.recognition import RecognisedImage, Render
from pipeline.errors import FileTooLarge, UnreadableFile
from pipeline.types import Source


def build_png(width: int, height: int) -> bytes:
    """Return a PNG that has a header and no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


class EagerRecogniser:
    problem = ""

    def recognise(self, images: Sequence[Render]) -> list[RecognisedImage]:
        raise AssertionError("no image is decoded")


def test_huge_image__is_rejected_by_its_header_with_the_fix():
    content = build_png(50_000, 50_000)
    tracemalloc.start()
    started = time.monotonic()
    with pytest.raises(FileTooLarge, match=r"poster\.png has 50,000 × 50,000 pixels; .* Scale it down"):
        extract(Source("poster.png", content), max_unpacked_mb=50, recogniser=EagerRecogniser())
    assert time.monotonic() - started < 2
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_huge_picture__in_a_document_is_an_error_of_the_picture():
    with pytest.raises(OSError, match="50,000"):
        render_image(build_png(50_000, 50_000), "picture.png")


def test_damaged_image__is_an_error_with_the_fix():
    with pytest.raises(UnreadableFile, match="save it again"):
        open_image(b"\x89PNG\r\n\x1a\nxx", "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_prepared_image__is_rgb_within_the_limit(mode: str):
    prepared = prepare_image(Image.new(mode, (5000, 100)))
    assert (prepared.mode, prepared.width) == ("RGB", MAX_SIDE)


def test_high_image__is_cut_between_its_lines():
    image = Image.new("L", (400, 3000), 255)
    for top in range(0, 3000, 50):
        image.paste(0, (10, top, 390, top + 30))
    strips = list(cut_into_strips(image))
    assert sum(strip.height for strip in strips) == 3000
    assert all(strip.getpixel((200, strip.height - 1)) == 255 for strip in strips)
