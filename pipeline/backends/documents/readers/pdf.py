"""Read PDF files with PDFium, page by page."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.backends.documents.readers.pdf_annotations import Annotations, read_annotations
from pipeline.backends.documents.readers.pdf_forms import mark_spans, place_fields
from pipeline.backends.documents.readers.pdf_grids import drop_text_lines, find_grids, find_strokes, read_lines
from pipeline.backends.documents.readers.pdf_layout import Part, Table, order_page
from pipeline.backends.documents.readers.pdf_pages import is_garbled, open_pdf
from pipeline.backends.documents.readers.pdf_scans import ScannedPages, describe_empty, read_scanned_pages
from pipeline.backends.documents.readers.pdf_spans import SLANTED, orient_box, read_spans
from pipeline.backends.documents.readers.pdf_text import Page, build_elements
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.recognition import format_ranges
from pipeline.errors import UnreadableFile
from pipeline.parse import Element, unwrap_lines
from pipeline.types import Unread

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

MAX_STRUCTURED_PAGES = 600
"""Maximum pages of a PDF to look for headings, columns and tables in; longer ones are read as plain text."""

_FILE_NAME = re.compile(
    r"^\S*[/\\]|\.(docx?|dotx?|pdf|tex|dvi|indd|qxp|qxd|xlsx?|pptx?|rtf|odt|ods|txt|html?|ps)$", re.IGNORECASE
)
_MARKS = re.compile(r"[\s\x00-\x1f\ufffe\u00ad-]")


def read_pdf(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a PDF: its text in reading order, form fields, links and comments."""
    with open_pdf(file.content) as document:
        count = len(document)
        reader = _Reader(document)
        warnings = []
        if count > MAX_STRUCTURED_PAGES:
            elements = [reader.read_plainly(number) for number in range(1, count + 1)]
            warnings.append(f"Headings are not detected in PDFs of more than {MAX_STRUCTURED_PAGES} pages.")
        else:
            elements = list(build_elements([reader.read(number) for number in range(1, count + 1)]))
        title, language = _read_title(document), _read_language(document)
        unread = list(_find_unread_parts(document, reader))
    scans = read_scanned_pages(file, reader.texts)
    if not any(element.text.strip() for element in elements) and not scans.has_text:
        if reader.damaged:
            raise UnreadableFile(
                f"{len(reader.damaged)} of {count} pages are damaged. Open it, save it again and add the new file."
            )
        raise describe_empty(file, scans, count)
    if scans.unread and file.recogniser.problem:
        warnings.append(file.recogniser.problem)
    return Reading(
        _add_recognised_text(elements, scans, count),
        title=title,
        pages=count,
        language=language,
        warnings=warnings,
        unread=[*scans.unread, *unread],
    )


def _add_recognised_text(elements: list[Element], scans: ScannedPages, count: int) -> list[Element]:
    by_page: dict[int | None, list[Element]] = {}
    for element in elements:
        by_page.setdefault(element.page, []).append(element)
    pages = range(1, count + 1)
    return [element for page in pages for element in scans.replace_elements(page, by_page.get(page, []))]


class _Reader:
    """Reads the pages of an open document and notes what it could not read."""

    def __init__(self, document: PdfDocument) -> None:
        self.document = document
        self.has_dynamic_form = _init_forms(document)
        self.texts: dict[int, str] = {}
        """The text of each page; empty if it is garbled."""
        self.files: list[str] = []
        self.damaged: list[int] = []

    def read(self, number: int) -> Page:
        """Read a page with its layout."""
        page = self._load_page(number)
        if page is None:
            return Page(number, [])
        textpage = page.get_textpage()
        text = self._read_text(number, textpage)
        annotations = read_annotations(self.document, page)
        self.files += annotations.files
        parts, asides = _read_parts(page, textpage, annotations, text)
        notes = [note.text for note in sorted(annotations.notes, key=lambda note: -note.box[3])]
        if _has_lost_characters(text, [*parts, *asides]):
            parts, asides, notes = [], [], [unwrap_lines(text.replace("\ufffe", "\x02")), *notes]
        _, top, _, bottom = orient_box(page.get_rotation(), page.get_bbox())
        textpage.close()
        page.close()
        return Page(number, parts, asides, top, bottom, notes)

    def read_plainly(self, number: int) -> Element:
        """Read a page as one paragraph."""
        page = self._load_page(number)
        if page is None:
            return Element("paragraph", "", page=number)
        textpage = page.get_textpage()
        text = self._read_text(number, textpage)
        textpage.close()
        page.close()
        return Element("paragraph", unwrap_lines(text.replace("\ufffe", "\x02")), page=number)

    def _load_page(self, number: int) -> PdfPage | None:
        import pypdfium2

        try:
            return self.document[number - 1]
        except pypdfium2.PdfiumError:
            self.damaged.append(number)
            return None

    def _read_text(self, number: int, textpage: PdfTextPage) -> str:
        text = "" if is_garbled(textpage) else textpage.get_text_range(errors="replace")
        self.texts[number] = text
        return text


def _read_parts(
    page: PdfPage, textpage: PdfTextPage, annotations: Annotations, text: str
) -> tuple[list[Part], list[Part]]:
    """Return the text of a page in reading order: that of the usual orientation, and the rest, such as a watermark."""
    groups = read_spans(textpage) if text else {}
    upright = page.get_rotation()
    if annotations.fields:
        groups.setdefault(upright, [])
    ordered = sorted(groups, key=lambda key: (key == SLANTED, -sum(len(span.chars) for span in groups[key])))
    parts: list[list[Part]] = []
    for orientation in ordered:
        spans = groups[orientation]
        if orientation == upright:
            place_fields(annotations.fields, spans, orientation)
        horizontal, vertical = ([], []) if orientation == SLANTED else read_lines(page, orientation)
        mark_spans(annotations, spans, orientation, find_strokes(horizontal, spans))
        grids, loose = find_grids(drop_text_lines(horizontal, spans), vertical, spans)
        parts.append(order_page(loose, grids))
    return parts[0] if parts else [], [part for group in parts[1:] for part in group]


def _has_lost_characters(text: str, parts: Sequence[Part]) -> bool:
    """Return whether the layout lacks characters of the page's text as PDFium returns it in one piece."""
    cells = (cell for part in parts if isinstance(part, Table) for row in part.cells for cell in row)
    rows = (row.text for part in parts if not isinstance(part, Table) for row in part)
    return bool(_count_characters(text) - _count_characters("".join((*cells, *rows))))


def _count_characters(text: str) -> Counter[str]:
    return Counter(unicodedata.normalize("NFKC", _MARKS.sub("", text)))


def _init_forms(document: PdfDocument) -> bool:
    """Make the form fields readable, and return whether the form is built by a program (XFA) instead."""
    from pypdfium2 import raw

    kind = document.get_formtype()
    if kind != raw.FORMTYPE_NONE:
        document.init_forms()
    return bool(kind == raw.FORMTYPE_XFA_FULL)


def _find_unread_parts(document: PdfDocument, reader: _Reader) -> Iterator[Unread]:
    files = [document.get_attachment(n).get_name() or "unnamed" for n in range(document.count_attachments())]
    names = list(dict.fromkeys([*files, *reader.files]))
    if names:
        yield Unread("attachments", len(names), where=", ".join(names))
    if reader.damaged:
        yield Unread("damaged_parts", len(reader.damaged), len(document), format_ranges(reader.damaged))
    if reader.has_dynamic_form:
        yield Unread(
            "other", where="The fields of the form are built by a program (XFA). Print it as PDF and add that."
        )


def _read_title(document: PdfDocument) -> str | None:
    """Return the title of the metadata unless it is the name of a file."""
    title = (document.get_metadata_value("Title") or "").strip()
    return None if _FILE_NAME.search(title) or "\ufffd" in title else title or None


def _read_language(document: PdfDocument) -> str | None:
    from pypdfium2 import raw

    buffer = (raw.FPDF_WCHAR * 64)()
    size = raw.FPDFCatalog_GetLanguage(document, buffer, len(buffer) * 2)
    return bytes(buffer)[: max(size - 2, 0)].decode("utf-16-le", "replace") or None if size <= 128 else None
