"""PDF files for tests: minimal ones written without a library, and pages drawn with fpdf2."""

from __future__ import annotations

import io
from collections.abc import Callable

from fpdf import FPDF
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, FloatObject, NameObject, NumberObject, TextStringObject

from pipeline.backends.documents.extraction import extract
from pipeline.types import ParsedDocument, Source


def build_pdf(*pages: str) -> bytes:
    """Return a PDF with one page per text; a page with an empty text contains only a box, like a scan."""
    kids = " ".join(f"{3 + 2 * n} 0 R" for n in range(len(pages)))
    font = "<< /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"]
    for number, text in enumerate(pages):
        lines = " 0 -16 Td ".join(f"({line}) Tj" for line in text.splitlines())
        drawn = f"BT /F 12 Tf 72 700 Td {lines} ET" if text else "0 0 100 100 re f"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {font} /Contents {4 + 2 * number} 0 R >>",
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        ]
    output, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(output))
        output += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    tail = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(output)}\n%%EOF\n"
    return (output + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{tail}").encode("latin-1")


def new_pdf(size: float = 10) -> FPDF:
    pdf = FPDF(unit="pt")
    pdf.set_auto_page_break(auto=False)
    pdf.add_page()
    pdf.set_font("Helvetica", size=size)
    return pdf


def read_pdf_document(pdf: FPDF | bytes, name: str = "a.pdf") -> ParsedDocument:
    content = pdf if isinstance(pdf, bytes) else bytes(pdf.output())
    return extract(Source(name, content), max_unpacked_mb=20)


def text_of(pdf: FPDF | bytes) -> str:
    return "\n\n".join(block.text for block in read_pdf_document(pdf).blocks)


def annotate(pdf: FPDF, *annotations: DictionaryObject) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(bytes(pdf.output()))))
    for annotation in annotations:
        writer.add_annotation(0, annotation)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def build_form(
    draw: Callable[[FPDF], None], fields: list[tuple[str, tuple[int, int, int, int], dict[str, str]]]
) -> bytes:
    """Build a form; boxes are left, top, right and bottom from the top of the page, values PDF objects by key."""
    pdf = new_pdf()
    draw(pdf)
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(bytes(pdf.output()))))
    references = ArrayObject()
    for name, (left, top, right, bottom), entries in fields:
        widget = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Annot"),
                NameObject("/Subtype"): NameObject("/Widget"),
                NameObject("/T"): TextStringObject(name),
                NameObject("/F"): NumberObject(4),
                NameObject("/Rect"): ArrayObject(FloatObject(v) for v in (left, pdf.h - bottom, right, pdf.h - top)),
            }
        )
        for key, value in entries.items():
            if key == "/Opt":
                widget[NameObject(key)] = ArrayObject(TextStringObject(option) for option in value.split("|"))
            elif value.startswith("/"):
                widget[NameObject(key)] = NameObject(value)
            elif value.isdigit() and key == "/Ff":
                widget[NameObject(key)] = NumberObject(int(value))
            else:
                widget[NameObject(key)] = TextStringObject(value)
        references.append(writer._add_object(widget))
    writer.pages[0][NameObject("/Annots")] = references
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject({NameObject("/Fields"): references})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
