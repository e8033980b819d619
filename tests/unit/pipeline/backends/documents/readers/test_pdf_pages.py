"""Pages that contain pictures instead of text, and their images."""

import io
from pathlib import Path

import pytest
from fpdf import FPDF
from fpdf.enums import TextMode
from PIL import Image

from pipeline.backends.documents.readers.pdf_pages import needs_recognition, open_pdf, render_page
from pipeline.errors import EncryptedFile, UnreadableFile

SENTENCE = "The lease of the boathouse ends on 3 March and is not renewed without a letter. "


def scan() -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("L", (600, 850), 235).save(buffer, "PNG")
    return buffer


def new_page() -> FPDF:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    return pdf


def is_picture(pdf: FPDF) -> bool:
    with open_pdf(bytes(pdf.output())) as document:
        page = document[0]
        return needs_recognition(page, page.get_textpage().get_text_range())


def test_page__with_an_image_only_needs_recognition():
    pdf = new_page()
    pdf.image(scan(), 0, 0, pdf.w, pdf.h)
    assert is_picture(pdf)


def test_page__with_a_scan_in_strips_and_a_stamp_needs_recognition():
    pdf = new_page()
    for strip in range(6):
        pdf.image(scan(), 0, strip * pdf.h / 6, pdf.w, pdf.h / 6)
    pdf.text(20, 20, "Archive no. 4711 page 1")
    assert is_picture(pdf)


def test_page__with_text_over_a_background_image_has_text():
    pdf = new_page()
    pdf.image(scan(), 0, 0, pdf.w, pdf.h)
    pdf.multi_cell(0, 6, SENTENCE * 4)
    assert not is_picture(pdf)


def test_page__with_a_recognised_text_layer_has_text():
    invisible, below = new_page(), new_page()
    invisible.image(scan(), 0, 0, invisible.w, invisible.h)
    with invisible.local_context(text_mode=TextMode.INVISIBLE):
        invisible.text(20, 20, "Repaired by Ulrich.")
    below.text(20, 20, "Repaired by Ulrich.")
    below.image(scan(), 0, 0, below.w, below.h)
    assert not is_picture(invisible)
    assert not is_picture(below)


def test_page__with_letters_drawn_as_outlines_needs_recognition():
    pdf = new_page()
    for number in range(150):
        pdf.line(10 + number, 10, 12 + number, 14)
    assert is_picture(pdf)


def test_page__that_is_blank_or_has_few_words_and_no_image_has_nothing_to_recognise():
    few = new_page()
    few.text(20, 20, "Chapter 2")
    assert not is_picture(new_page())
    assert not is_picture(few)


def test_render__keeps_to_the_pixel_limit_and_shows_the_page_upright():
    pdf = FPDF()
    pdf.add_page(orientation="landscape")
    with open_pdf(bytes(pdf.output())) as document:
        image = render_page(document[0])
        small = render_page(document[0], max_pixels=10_000)
    assert image.size == (2339, 1654)
    assert 9_500 < small.width * small.height < 10_300
    assert small.width > small.height


def test_open__reports_passwords_and_damage():
    locked = new_page()
    locked.set_encryption(owner_password="o", user_password="u")
    with pytest.raises(EncryptedFile):
        open_pdf(bytes(locked.output()))
    with pytest.raises(UnreadableFile, match="damaged"):
        open_pdf(b"%PDF-1.4\n%%EOF")


def test_open__reads_what_is_encrypted_with_an_empty_password():
    pdf = new_page()
    pdf.set_encryption(owner_password="o")
    pdf.text(20, 20, "Open to read")
    with open_pdf(bytes(pdf.output())) as document:
        assert document[0].get_textpage().get_text_range() == "Open to read"


def test_shared_scans__are_found(shared: Path):
    folder = shared / "field" / "pdf-mixed-scan"
    if not folder.is_dir():
        pytest.skip(f"no files at {folder}")
    for name, expected in (("mixed_scan.pdf", [2, 3, 4]), ("scan_stamped.pdf", [1, 2, 3, 4])):
        with open_pdf((folder / name).read_bytes()) as document:
            pages = [n for n, p in enumerate(document, 1) if needs_recognition(p, p.get_textpage().get_text_range())]
        assert pages == expected
