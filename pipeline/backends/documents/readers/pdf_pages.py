"""Open PDF files with PDFium, find the pages that contain pictures instead of text, and render them for recognition.

    with open_pdf(content) as document:  # raises EncryptedFile or UnreadableFile
        page = document[0]
        if needs_recognition(page, page.get_textpage().get_text_range()):
            image = render_page(page)  # a Pillow image in grayscale, upright as the page is displayed

The few words that such a page has as text (a stamp, a page number) are read by the reader; recognition sees them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.errors import EncryptedFile, UnreadableFile

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

RENDER_DPI = 200
"""Resolution of a rendered page in dots per inch; recognition needs about 20 pixels per line of small print."""
MAX_RENDER_PIXELS = 25_000_000
"""Maximum pixels of a rendered page; larger pages are rendered at a lower resolution."""
MAX_STAMP_WORDS = 30
"""A page with an image over most of it has text of its own only if it has at least this many words."""

_MAX_OBJECTS = 20_000
_COVERING_SHARE = 0.5  # of the page, for the image of a scanned page
_PICTURE_SHARE = 0.03  # of the page, for a picture on a page without any text
_GARBLE_SAMPLE = 200  # characters
_OUTLINE_PATHS = 100  # drawn shapes on a page without any text: letters drawn as outlines, or a drawing


def open_pdf(content: bytes) -> PdfDocument:
    """Open a PDF, an encrypted one with the empty password; close it or use it in a `with` statement."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise EncryptedFile from error
        reason = str(error).rpartition("PDFium: ")[2].rstrip(").").lower()
        raise UnreadableFile(
            f"The file is damaged or has the wrong type ({reason}). Open it, save it again and add the new file."
        ) from error
    return document


def needs_recognition(page: PdfPage, text: str) -> bool:
    """Return whether a page shows pictures instead of the text that a PDF stores.

    True for a page without text that shows an image or many shapes, and for a page that an image covers for the most
    part with only a stamp or page number over it. False where the image has a text layer of an earlier recognition,
    invisible or below the image.
    """
    words = len(text.split())
    if words >= MAX_STAMP_WORDS:
        return False
    width, height = page.get_size()
    covered, paths, has_text_layer = _survey_objects(page, width * height)
    if words:
        return covered >= _COVERING_SHARE and not has_text_layer
    return covered >= _PICTURE_SHARE or paths >= _OUTLINE_PATHS or is_garbled(page.get_textpage())


def is_garbled(textpage: PdfTextPage) -> bool:
    """Return whether most of the characters cannot be read because their fonts do not name them."""
    from pypdfium2 import raw

    count = textpage.count_chars()
    # A character of a font without a map to Unicode is returned as its internal number, which may be any letter.
    sample = range(0, count, max(count // _GARBLE_SAMPLE, 1))
    codes = [(index, raw.FPDFText_GetUnicode(textpage, index)) for index in sample]
    drawn = [(index, code) for index, code in codes if code > 0x20 or code < 9]
    unknown = sum(
        code < 9 or code == 0xFFFD or 0xE000 <= code < 0xF900 or raw.FPDFText_HasUnicodeMapError(textpage, index) == 1
        for index, code in drawn
    )
    return bool(2 * unknown > len(drawn) > 0)


def _survey_objects(page: PdfPage, page_area: float) -> tuple[float, int, bool]:
    """Return the share of the page that images cover, the number of paths, and whether text lies below the images."""
    from pypdfium2 import raw

    covered, paths, has_text_layer = 0.0, 0, False
    for number, item in enumerate(page.get_objects(max_depth=3)):
        if number >= _MAX_OBJECTS:
            break
        if item.type == raw.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = item.get_bounds()
            covered += min((right - left) * (top - bottom) / max(page_area, 1), 1)
        elif item.type == raw.FPDF_PAGEOBJ_PATH:
            paths += 1
        elif item.type == raw.FPDF_PAGEOBJ_TEXT and (covered < _COVERING_SHARE or _is_invisible(item)):
            has_text_layer = True
    return covered, paths, has_text_layer


def _is_invisible(text_object: Any) -> bool:
    from pypdfium2 import raw

    return bool(raw.FPDFTextObj_GetTextRenderMode(text_object) == raw.FPDF_TEXTRENDERMODE_INVISIBLE)


def render_page(page: PdfPage, dpi: float = RENDER_DPI, max_pixels: int = MAX_RENDER_PIXELS) -> Image:
    """Render a page as a grayscale image of at most `max_pixels` pixels."""
    width, height = page.get_size()
    scale = min(dpi / 72, (max_pixels / max(width * height, 1)) ** 0.5)
    image: Image = page.render(scale=scale, grayscale=True).to_pil()
    return image
