"""Open images of untrusted files within limits, and prepare them for text recognition."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.errors import FileTooLarge, InvalidInput, UnreadableFile

if TYPE_CHECKING:
    from PIL import Image

MAX_MEGAPIXELS = 200
"""Maximum size of an image in a file in millions of pixels: 600 MB when decoded."""
MAX_SIDE = 4000
"""Maximum pixels of the longer side of an image, or of the width of one that is cut into strips."""
STRIP_SHAPE = 2
"""Maximum height to width of the strips of a high image, such as the screenshot of a whole page."""


def open_image(content: bytes, name: str) -> Image.Image:
    """Open an image without decoding it; raise an `InvalidInput` if it is damaged or too large."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the limit below is checked before any pixel is decoded
    try:
        image = Image.open(io.BytesIO(content))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnreadableFile(f"{name} is a damaged image. Open it, save it again and add the new file.") from error
    width, height = image.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise FileTooLarge(
            f"{name} has {width:,} × {height:,} pixels; at most {MAX_MEGAPIXELS} million are read. "
            "Scale it down, for example to 10,000 pixels on the longer side, and add it again."
        )
    return image


def prepare_image(image: Image.Image) -> Image.Image:
    """Decode an image: upright as its EXIF data says, on white, in RGB, and scaled down if it is very large."""
    from PIL import Image, ImageOps

    width, height = image.size
    scale = MAX_SIDE / (width if _is_high(width, height) else max(width, height))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image.draft("RGB", size)  # JPEG only: decodes a smaller image, which takes less memory
        if image.mode in ("1", "P"):
            image = image.convert("L" if image.mode == "1" else "RGBA")
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        levels = np.asarray(image, dtype=np.float32)
        low, high = float(levels.min()), float(levels.max())
        return Image.fromarray(((levels - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(background, image).convert("RGB")
    return image.convert("RGB")


def render_image(content: bytes, name: str) -> Image.Image:
    """Open and decode an image; raise OSError if it is damaged or too large."""
    try:
        return prepare_image(open_image(content, name))
    except InvalidInput as error:
        raise OSError(str(error)) from error


def cut_into_strips(image: Image.Image) -> Iterator[Image.Image]:
    """Yield an image as it is, or a very high one in strips that are cut where there is no text."""
    width, height = image.size
    if not _is_high(width, height):
        yield image
        return
    contrast = np.ptp(np.asarray(image.convert("L")), axis=1)
    top = 0
    while height - top > STRIP_SHAPE * width:
        first = top + int(STRIP_SHAPE * width * 0.5)
        bottom = first + _find_emptiest(contrast[first : top + STRIP_SHAPE * width])
        yield image.crop((0, top, width, bottom))
        top = bottom
    yield image.crop((0, top, width, height))


def _find_emptiest(contrast: npt.NDArray[np.uint8]) -> int:
    """Return the middle of the longest run of the rows with the least contrast."""
    rows = np.flatnonzero(contrast <= contrast.min() + 8)
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    longest = max(runs, key=len)
    return int(longest[len(longest) // 2]) + 1


def _is_high(width: int, height: int) -> bool:
    return height > max(1.25 * STRIP_SHAPE * width, 1000)
