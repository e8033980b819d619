"""PDF files: what stands on a page comes out, in reading order."""

import io
from pathlib import Path

import pytest
from fpdf import FPDF
from PIL import Image
from pypdf import PdfReader, PdfWriter

from pipeline.errors import EmptyDocument, UnreadableFile
from pipeline.types import Unread
from tests.pdf_files import new_pdf, read_pdf_document, text_of


def join_objects(objects: list[str]) -> bytes:
    body = "".join(f"{number} 0 obj\n{text}\nendobj\n" for number, text in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer << /Root 1 0 R >>\n%%EOF".encode()


def squeeze(text: str) -> str:
    return " ".join(text.split())


def test_watermark__is_kept_once_and_is_no_title():
    pdf = FPDF(unit="pt")
    for number in (1, 2):
        pdf.add_page()
        pdf.set_font("Helvetica", "B", 60)
        with pdf.rotation(45, 300, 400):
            pdf.text(150, 400, "DRAFT")
        pdf.set_font("Helvetica", size=10)
        pdf.text(60, 100, f"The gate of sluice {number} is closed before the storm.")
    document = read_pdf_document(pdf, "gates.pdf")
    assert document.title == "gates"
    assert [block.text for block in document.blocks] == [
        "The gate of sluice 1 is closed before the storm.\n\nDRAFT",
        "The gate of sluice 2 is closed before the storm.",
    ]


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_rotation__of_the_page_and_of_text_keeps_lines_and_order(angle):
    lines = ["The ebb gate is opened two hours before low water.", "Gate keeper is Torben Friis, telephone 0466 1290."]
    sideways = new_pdf()
    with sideways.rotation(angle, 300, 400):
        for number, line in enumerate(lines):
            sideways.text(100, 300 + 20 * number, line)
    upright = PdfWriter(clone_from=PdfReader(io.BytesIO(bytes(sideways.output()))))
    upright.pages[0].rotate(angle)
    buffer = io.BytesIO()
    upright.write(buffer)
    for content in (bytes(sideways.output()), buffer.getvalue()):
        assert text_of(content).splitlines() == lines


def test_running_rows__are_kept_once_and_page_numbers_left_out():
    pdf = new_pdf()
    for number in range(1, 5):
        if number > 1:
            pdf.add_page()
        pdf.text(60, 40, "Harbour board of Norderby")
        pdf.text(60, 55, f"Minutes of 3 March, sheet {number}")
        pdf.text(60, 100, f"Decision {'ABCD'[number - 1]} was taken after a long debate.")
        pdf.text(60, 120, "It is valid at once.")
        pdf.text(280, 800, f"Page {number} of 4")
    text = text_of(pdf)
    assert text.count("Harbour board of Norderby") == text.count("sheet 1") == 1
    assert "sheet 2" not in text
    assert "of 4" not in text
    assert text.count("It is valid at once.") == 4
    assert [f"Decision {letter}" in text for letter in "ABCD"] == [True] * 4


def test_running_rows__numbers_that_do_not_count_pages_stay():
    pdf = new_pdf()
    for number, ticket in enumerate((4711, 4712, 4713)):
        if number:
            pdf.add_page()
        pdf.text(60, 40, f"Ticket {ticket}")
        pdf.text(60, 100, f"Valve {number + 7} drips.")
        pdf.text(60, 800, f"Total {(120, 88, 301)[number]} EUR")
    text = text_of(pdf)
    assert all(f"Ticket {number}" in text for number in (4711, 4712, 4713))
    assert all(f"Total {amount} EUR" in text for amount in (120, 88, 301))


def test_running_rows__numbers_of_records_stay_although_they_count_like_pages():
    pdf = new_pdf()
    for number in (1, 2, 3):
        if number > 1:
            pdf.add_page()
        pdf.text(60, 40, f"Invoice {number}")
        pdf.text(60, 120, f"Customer {'ABC'[number - 1]}")
        pdf.text(60, 800, f"Ticket {number + 11}, page {number}")
        pdf.text(280, 820, ("i", "ii", "iii")[number - 1])
    assert [block.text for block in read_pdf_document(pdf).blocks] == [
        f"Invoice {number}\n\nCustomer {letter}\n\nTicket {number + 11}, page {number}"
        for number, letter in ((1, "A"), (2, "B"), (3, "C"))
    ]


def test_one_page__loses_nothing():
    pdf = new_pdf()
    pdf.text(60, 30, "Mill Supplies Ltd, 14 Weir Lane, Oakham")
    pdf.text(60, 200, "We charge 784 EUR for the sluice gate.")
    pdf.set_font("Helvetica", size=7)
    pdf.text(60, 800, "Register no. HRB 8812, VAT ID DE118877")
    pdf.text(60, 815, "Page 1 of 1")
    text = text_of(pdf)
    assert "Mill Supplies Ltd, 14 Weir Lane, Oakham" in text
    assert "Register no. HRB 8812, VAT ID DE118877" in text


def test_paragraphs__hyphenation_is_joined_and_compounds_keep_their_hyphen():
    pdf = new_pdf()
    lines = [
        "The lighthouse keeper reported a long inter-",
        "ruption of the lamp in the well-known storm of that well-",
        "known winter, and nobody could see the harbour of Norder-",
        "by for three days and three nights.",
    ]
    for number, line in enumerate(lines):
        pdf.text(60, 100 + 13 * number, line)
    text = squeeze(text_of(pdf))
    assert "interruption" in text
    assert "that well-known winter" in text
    assert "Norderby for" in text


def test_paragraphs__list_items_and_short_lines_stay_lines():
    pdf = new_pdf()
    pdf.text(60, 100, "Mill Supplies Ltd")
    pdf.text(60, 113, "14 Weir Lane")
    for number, line in enumerate(("1. Check the valve.", "2. Close the gate of the upper basin.", "3. Call Torben.")):
        pdf.text(60, 150 + 13 * number, line)
    assert text_of(pdf).splitlines() == [
        "Mill Supplies Ltd",
        "14 Weir Lane",
        "",
        "1. Check the valve.",
        "2. Close the gate of the upper basin.",
        "3. Call Torben.",
    ]


def test_title__is_the_largest_heading_and_no_footer_or_file_name():
    pdf = new_pdf()
    pdf.set_title("C:\\texts\\Berths_final2.doc")
    pdf.set_font("Helvetica", "B", 18)
    pdf.text(60, 60, "Berth list 2026")
    pdf.set_font("Helvetica", size=10)
    pdf.text(60, 100, "All fees are for the season from April to October.")
    pdf.set_font("Helvetica", size=8)
    pdf.text(60, 800, "Page 1 of 3")
    document = read_pdf_document(pdf, "scan0001.pdf")
    assert document.title == "Berth list 2026"
    assert {block.headings for block in document.blocks} == {("Berth list 2026",)}


def test_title__of_the_metadata_comes_first():
    pdf = new_pdf()
    pdf.set_title("Microsoft Word - Rules of the harbour")
    pdf.text(60, 100, "Boats keep to the right.")
    assert read_pdf_document(pdf).title == "Rules of the harbour"


def test_superscripts__stay_readable():
    pdf = new_pdf()
    x = 60.0
    for text, size, y in (
        ("The basin takes 10", 12, 100),
        ("3", 7, 95),
        (" m of water, H", 12, 100),
        ("2", 7, 103),
        ("O.", 12, 100),
    ):
        pdf.set_font("Helvetica", size=size)
        pdf.text(x, y, text)
        x += pdf.get_string_width(text)
    assert "10³" in text_of(pdf)
    assert "H₂O" in text_of(pdf)


def scan() -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("L", (300, 425), 235).save(buffer, "PNG")
    return buffer


def test_unread__pages_with_pictures_and_attachments_are_reported(tmp_path):
    attached = tmp_path / "plan.txt"
    attached.write_text("x")
    pdf = new_pdf()
    pdf.text(60, 100, "Lease of the boathouse")
    for _ in range(3):
        pdf.add_page()
        pdf.image(scan(), 0, 0, pdf.w, pdf.h)
    pdf.embed_file(attached)
    assert read_pdf_document(pdf).unread == (
        Unread("pages_without_text", 3, 4, "2-4"),
        Unread("attachments", 1, None, "plan.txt"),
    )


def test_empty__pdf_without_text_names_the_fix():
    pdf = new_pdf()
    pdf.image(scan(), 0, 0, pdf.w, pdf.h)
    with pytest.raises(EmptyDocument, match=r"a\.pdf has 1 page without text.*OCR"):
        read_pdf_document(pdf)


def test_garbled__text_of_fonts_without_unicode_is_reported():
    font = (
        "<< /Type /Font /Subtype /Type0 /BaseFont /Odd /Encoding /Identity-H /DescendantFonts [<< /Type /Font "
        "/Subtype /CIDFontType2 /BaseFont /Odd /CIDSystemInfo << /Registry (A) /Ordering (Identity) /Supplement 0 >>"
        " /FontDescriptor << /Type /FontDescriptor /FontName /Odd /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 "
        "/Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >> >>] >>"
    )
    codes = "".join(f"{code:04x}" for code in range(0x24, 0x44))
    drawn = f"BT /F 12 Tf 72 700 Td <{codes}> Tj ET"
    helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    clear = "BT /G 12 Tf 72 700 Td (This page can be read.) Tj ET"
    fonts = f"<< /Font << /F {font} /G {helvetica} >> >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 >>"]
    for number, stream in ((4, drawn), (6, clear)):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {fonts} /Contents {number} 0 R >>"
        objects += [page, f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"]
    document = read_pdf_document(join_objects(objects))
    assert [block.text for block in document.blocks] == ["This page can be read."]
    assert document.unread == (Unread("pages_without_text", 1, 2, "1"),)


def build_damaged(kids: str) -> bytes:
    """Build a PDF whose object 3 is a page and whose object 5 is none."""
    font = "<< /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    drawn = "BT /F 12 Tf 72 700 Td (This page can be read.) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {kids.count('R')} >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {font} /Contents 4 0 R >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "(no page)",
    ]
    return join_objects(objects)


def test_damaged__pages_are_reported_and_the_others_read():
    document = read_pdf_document(build_damaged("3 0 R 5 0 R"))
    assert [block.text for block in document.blocks] == ["This page can be read."]
    assert document.unread == (Unread("damaged_parts", 1, 2, "2"),)
    with pytest.raises(UnreadableFile, match="1 of 1 pages are damaged"):
        read_pdf_document(build_damaged("5 0 R"))


def test_many_pages__are_read_as_plain_text():
    pdf = new_pdf()
    for number in range(1, 603):
        if number > 1:
            pdf.add_page()
        pdf.text(60, 100, f"Entry {number} of the log.")
    document = read_pdf_document(pdf)
    assert document.pages == 602
    assert document.blocks[-1].text == "Entry 602 of the log."
    assert document.warnings == ("Headings are not detected in PDFs of more than 600 pages.",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "pdf-form-values/form.pdf",
            "Name: Solveig Brandt\n\nKite: Red dragon with 12 m tail\n\nArrival: Friday 16:20",
        ),
        ("pdf-form-values/form.pdf", "Camping: yes"),
        ("pdf-single-page-letterhead/invoice.pdf", "Mill Supplies Ltd, register no. HRB 8812, VAT ID DE118877"),
        ("pdf-rotated-pages/rotpage.pdf", "The ebb gate is opened two hours before low water."),
        ("pdf-rotated-pages/landing_rot90.pdf", "telephone 0466 1290.\nThe gate is closed"),
        ("pdf-rotated-pages/rotated.pdf", "| Anna | 1.9 m | Q7 |\n| Berta | 2.4 m | Q2 |"),
        ("pdf-two-columns/twocol.pdf", "The western dyke was raised in the spring of 1962 after the storm flood."),
        ("pdf-two-columns/twocol.pdf", "It was built in 1978 with a core of sand"),
        ("llm/ocr_layer.pdf", "The weir was repaired by mason Ulrich Spät in 1911"),
    ],
)
def test_shared_files__are_read_right(shared: Path, name, expected):
    path = shared / "field" / name
    if not path.is_file():
        pytest.skip(f"no file at {path}")
    assert expected in text_of(path.read_bytes())


def test_shared_table__has_its_title(shared: Path):
    path = shared / "field" / "title-from-code-or-footer" / "tablepages.pdf"
    if not path.is_file():
        pytest.skip(f"no file at {path}")
    document = read_pdf_document(path.read_bytes())
    assert document.title == "Berth list 2026"
    assert "Page 2 of 3" not in "".join(block.text for block in document.blocks)


def test_right_to_left__ligatures_keep_the_order_of_their_letters():
    names = {1: "0633", 2: "06440627", 3: "0645"}  # the second glyph stands for two letters
    pairs = " ".join(f"<{code:04x}> <{letters}>" for code, letters in names.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def 1 begincodespacerange <0000> "
        f"<ffff> endcodespacerange 3 beginbfchar {pairs} endbfchar endcmap end end"
    )
    font = (
        "<< /Type /Font /Subtype /Type0 /BaseFont /Odd /Encoding /Identity-H /ToUnicode 5 0 R /DescendantFonts [<< "
        "/Type /Font /Subtype /CIDFontType2 /BaseFont /Odd /DW 600 /CIDSystemInfo << /Registry (A) /Ordering (Identity)"
        " /Supplement 0 >> /FontDescriptor << /Type /FontDescriptor /FontName /Odd /Flags 4 /FontBBox [0 0 1000 1000] "
        "/ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >> >>] >>"
    )
    drawn = "BT /F 12 Tf 72 700 Td <000300020001> Tj ET"
    fonts = f"<< /Font << /F {font} >> >>"
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {fonts} /Contents 4 0 R >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page]
    objects += [f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream" for stream in (drawn, cmap)]
    assert text_of(join_objects(objects)) == "سلام"
