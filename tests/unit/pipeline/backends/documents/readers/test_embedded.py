"""Pictures inside text documents: which are recognised, and what is reported of the others."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from PIL import Image

from pipeline.backends.documents.extraction import extract
from pipeline.backends.documents.recognition import RecognisedImage, Render
from pipeline.errors import EmptyDocument
from pipeline.types import ParsedDocument, Source, Unread
from tests.word_files import build_docx, paragraph


class FakeRecogniser:
    problem = ""

    def __init__(self, *results: RecognisedImage) -> None:
        self.results = results
        self.widths: list[int] = []

    def recognise(self, images: Sequence[Render]) -> list[RecognisedImage]:
        self.widths += [render().width for render in images]
        return list(self.results)


def read_picture(text: str, size: int, result: RecognisedImage | None) -> tuple[ParsedDocument, list[int]]:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "PNG")
    drawing = f'<wp:inline><wp:extent cx="{size}" cy="{size}"/><a:blip r:embed="image"/></wp:inline>'
    body = paragraph(text) + paragraph(f"<w:r><w:drawing>{drawing}</w:drawing></w:r>")
    recogniser = FakeRecogniser(*[result] if result else [])
    source = Source("rules.docx", build_docx(body, {"image.png": buffer.getvalue()}))
    return extract(source, max_unpacked_mb=50, recogniser=recogniser), recogniser.widths


@pytest.mark.parametrize(("text", "size"), [("Plan:", 6_000_000), ("", 900_000)])
def test_picture__that_is_content_is_recognised(text, size):
    document, widths = read_picture(text, size, RecognisedImage("text", ("Keys at noon.",), 0.8))
    assert "Keys at noon." in "\n".join(block.text for block in document.blocks)
    assert (document.unread, widths) == ((), [40])


def test_picture__that_illustrates_the_text_is_not_recognised():
    document, widths = read_picture("Plan:", 900_000, None)
    assert (document.unread, widths) == ((), [])


def test_picture__in_an_unknown_script_is_reported_and_one_without_text_is_not():
    document, _ = read_picture("Plan:", 6_000_000, RecognisedImage("unknown_script"))
    assert document.unread == (Unread("unknown_script", 1, 1, "image.png"),)
    assert read_picture("Plan:", 6_000_000, RecognisedImage("no_text"))[0].unread == ()


def test_pictures__without_any_text_are_an_error_with_the_fix():
    with pytest.raises(EmptyDocument, match="Add sharper pictures or the text"):
        read_picture("", 900_000, RecognisedImage("unknown_script"))
    drawing = '<w:r><w:drawing><wp:inline><a:blip r:embed="image"/></wp:inline></w:drawing></w:r>'
    content = build_docx(paragraph(drawing), {"image.png": b"\x89PNG\r\n\x1a\n"})
    with pytest.raises(EmptyDocument, match="scripts/install ocr"):
        extract(Source("rules.docx", content), max_unpacked_mb=50)
