"""Form fields, links and comments of PDF files."""

from __future__ import annotations

import io

import pytest
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText, Text
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    StreamObject,
    TextStringObject,
)

from tests.pdf_files import annotate, build_form, new_pdf, read_pdf_document, text_of


def test_links__keep_their_target():
    pdf = new_pdf()
    pdf.text(60, 100, "The tide table has all times.")
    pdf.link(75, 88, 45, 16, "https://tides.example.org/2026?port=1")
    pdf.text(60, 120, "https://tides.example.org/")
    pdf.link(60, 108, 150, 16, "https://tides.example.org/")
    assert text_of(pdf).splitlines() == [
        "The [tide table](https://tides.example.org/2026?port=1) has all times.",
        "https://tides.example.org/",
    ]


def test_annotations__struck_text_comments_and_text_boxes():
    pdf = new_pdf()
    pdf.text(60, 100, "The fee is 40 EUR 55 EUR per year.")
    height = float(pdf.h)
    box = (107, height - 104, 146, height - 90)
    quad = (box[0], box[3], box[2], box[3], box[0], box[1], box[2], box[1])
    struck = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/StrikeOut"),
            NameObject("/Rect"): ArrayObject(FloatObject(value) for value in box),
            NameObject("/QuadPoints"): ArrayObject(FloatObject(value) for value in quad),
        }
    )
    comment = Text(rect=(300, 600, 320, 620), text="Ask Hanna first.")
    comment[NameObject("/T")] = TextStringObject("Torben")
    note = FreeText(text="Valid from May", rect=(300, 500, 400, 520))
    text = text_of(annotate(pdf, struck, comment, note))
    assert "The fee is ~~40 EUR~~ 55 EUR per year." in text
    assert "Comment by Torben: Ask Hanna first." in text
    assert "Valid from May" in text


def test_struck_text__by_a_drawn_line_is_marked():
    pdf = new_pdf()
    pdf.set_font(style="S")
    pdf.cell(90, 15, "Fee 10 EUR")
    pdf.set_font(style="")
    pdf.cell(90, 15, "fee 12 EUR")
    pdf.set_font(style="U")
    pdf.cell(90, 15, "until May")
    text = text_of(bytes(pdf.output()))
    assert "~~Fee 10 EUR~~" in text
    assert text.count("~~") == 2


@pytest.mark.parametrize(("height", "shown"), [(9.5, "~~B02~~"), (6, "B02")])
def test_struck_and_underlined_text__of_a_cell_is_no_line_of_the_table(height, shown):
    pdf = new_pdf()
    pdf.set_font(style="")
    with pdf.table() as table:
        for cells in (("Boat", "Fee"), ("B01", "27 EUR"), ("B02", "34 EUR")):
            row = table.row()
            for cell in cells:
                row.cell(cell)
    pdf.line(pdf.l_margin + 3, pdf.y - height, pdf.l_margin + 20, pdf.y - height)
    text = text_of(bytes(pdf.output()))
    assert "| B01 | 27 EUR |" in text
    assert f"| {shown} | 34 EUR |" in text


def test_struck_text__is_not_a_fraction():
    pdf = new_pdf()
    pdf.text(50, 100, "The share is")
    pdf.line(115, 97, 135, 97)
    pdf.text(116, 95, "parts")
    pdf.text(118, 105, "whole of it")
    assert "~~" not in text_of(bytes(pdf.output()))


def test_form__values_follow_their_labels():
    def draw(pdf: FPDF) -> None:
        pdf.text(60, 100, "Name:")
        pdf.text(60, 130, "Kind of kite")
        pdf.text(80, 160, "Camping")
        pdf.text(80, 190, "Parking")
        pdf.text(60, 220, "Town: Oakham")

    form = build_form(
        draw,
        [
            ("n", (120, 88, 300, 104), {"/FT": "/Tx", "/V": "Solveig Brandt"}),
            ("kind", (150, 118, 300, 134), {"/FT": "/Ch", "/Ff": "131072", "/Opt": "Box|Dragon", "/V": "Dragon"}),
            ("camp", (60, 148, 74, 162), {"/FT": "/Btn", "/V": "/Yes", "/AS": "/Yes"}),
            ("park", (60, 178, 74, 192), {"/FT": "/Btn", "/V": "/Off", "/AS": "/Off"}),
            ("town", (90, 208, 200, 224), {"/FT": "/Tx", "/V": "Oakham"}),
            ("p1", (60, 238, 200, 254), {"/FT": "/Tx", "/Ff": "8192", "/V": "secret"}),
            ("p2", (60, 268, 200, 284), {"/FT": "/Tx", "/TU": "Remarks", "/V": "Brings two children"}),
        ],
    )
    lines = [line for line in text_of(form).splitlines() if line]
    assert lines == [
        "Name: Solveig Brandt",
        "Kind of kite: Dragon",
        "Camping: yes",
        "Parking: no",
        "Town: Oakham",
        "Remarks: Brings two children",
    ]


def test_form__radio_buttons_and_labels_above_fields():
    def draw(pdf: FPDF) -> None:
        pdf.text(60, 100, "First name")
        pdf.text(250, 100, "Last name")
        pdf.text(60, 160, "Berth:")
        pdf.text(134, 160, "north")
        pdf.text(204, 160, "south")

    radio = {"/FT": "/Btn", "/Ff": "32768", "/V": "/n"}
    form = build_form(
        draw,
        [
            ("fn", (60, 104, 200, 120), {"/FT": "/Tx", "/V": "Anna"}),
            ("ln", (250, 104, 400, 120), {"/FT": "/Tx", "/V": "Petersen"}),
            ("b", (120, 148, 132, 160), {**radio, "/AS": "/n"}),
            ("c", (190, 148, 202, 160), {**radio, "/AS": "/Off"}),
        ],
    )
    assert "First name: Anna\tLast name: Petersen" in text_of(form)
    assert "Berth:\tnorth: yes\tsouth: no" in text_of(form)


def test_form__built_by_a_program_is_reported():
    pdf = new_pdf()
    pdf.text(60, 100, "Please wait.")
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(bytes(pdf.output()))))
    template = StreamObject()
    template.set_data(b'<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/"></xdp:xdp>')
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/Fields"): ArrayObject(), NameObject("/XFA"): writer._add_object(template)}
    )
    writer.root_object[NameObject("/NeedsRendering")] = BooleanObject(value=True)
    buffer = io.BytesIO()
    writer.write(buffer)
    (part,) = read_pdf_document(buffer.getvalue()).unread
    assert part.kind == "other"
    assert "XFA" in part.where


def test_annotations__files_attached_to_a_page_are_reported(tmp_path):
    attached = tmp_path / "plan.txt"
    attached.write_text("x")
    pdf = new_pdf()
    pdf.text(60, 100, "See the plan.")
    pdf.file_attachment_annotation(attached, 60, 120)
    (part,) = read_pdf_document(pdf).unread
    assert (part.kind, part.count, part.where) == ("attachments", 1, "plan.txt")
