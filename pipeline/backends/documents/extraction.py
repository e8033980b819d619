"""Extract a parsed document from the bytes of one file; runs in the parser's child process."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.backends.documents import sniffing
from pipeline.backends.documents.readers.calendar import read_calendar, read_contacts
from pipeline.backends.documents.readers.code import read_code
from pipeline.backends.documents.readers.delimited import read_delimited
from pipeline.backends.documents.readers.docx import read_docx
from pipeline.backends.documents.readers.epub import read_epub
from pipeline.backends.documents.readers.html import read_html
from pipeline.backends.documents.readers.image import read_image
from pipeline.backends.documents.readers.json_records import read_json, read_json_lines
from pipeline.backends.documents.readers.library import read_with_library
from pipeline.backends.documents.readers.mail import read_mail, read_mailbox, read_outlook_message
from pipeline.backends.documents.readers.markdown import read_markdown
from pipeline.backends.documents.readers.notebook import read_notebook
from pipeline.backends.documents.readers.ods import read_ods
from pipeline.backends.documents.readers.odt import read_odt
from pipeline.backends.documents.readers.pdf import read_pdf
from pipeline.backends.documents.readers.plain import read_plain
from pipeline.backends.documents.readers.pptx import read_pptx
from pipeline.backends.documents.readers.rtf import read_rtf
from pipeline.backends.documents.readers.subtitles import read_subtitles
from pipeline.backends.documents.readers.xls import read_xls
from pipeline.backends.documents.readers.xlsx import read_xlsx
from pipeline.backends.documents.readers.xml import read_xml
from pipeline.backends.documents.reading import MAX_DEPTH, File, NestedReader, Reader, Reading
from pipeline.backends.documents.recognition import NoRecogniser, Recogniser
from pipeline.backends.documents.text_encoding import decode_text
from pipeline.backends.documents.unpacking import check_unpacked_size
from pipeline.backends.documents.verification import SECOND_READINGS, find_missing_texts
from pipeline.errors import EmptyDocument, UnsupportedFormat
from pipeline.parse import Element, build_document
from pipeline.types import ParsedDocument, Source

READERS: Mapping[str, Reader] = {
    sniffing.DOCX: read_docx,
    sniffing.ODT: read_odt,
    sniffing.XLSX: read_xlsx,
    sniffing.XLS: read_xls,
    sniffing.XLSB: read_xls,
    sniffing.ODS: read_ods,
    sniffing.RTF: read_rtf,
    sniffing.PPTX: read_pptx,
    sniffing.EPUB: read_epub,
    sniffing.HTML: read_html,
    sniffing.MARKDOWN: read_markdown,
    sniffing.PDF: read_pdf,
    sniffing.CSV: read_delimited,
    sniffing.TSV: read_delimited,
    sniffing.JSON: read_json,
    sniffing.JSON_LINES: read_json_lines,
    sniffing.NOTEBOOK: read_notebook,
    sniffing.XML: read_xml,
    sniffing.PLAIN: read_plain,
    sniffing.CODE: read_code,
    sniffing.SUBTITLES: read_subtitles,
    sniffing.CALENDAR: read_calendar,
    sniffing.CONTACTS: read_contacts,
    sniffing.EML: read_mail,
    sniffing.MBOX: read_mailbox,
    sniffing.MSG: read_outlook_message,
    **dict.fromkeys(sniffing.IMAGES, read_image),
}
"""The reader of each media type; kreuzberg reads all others."""


def extract(source: Source, *, max_unpacked_mb: float, recogniser: Recogniser | None = None) -> ParsedDocument:
    """Extract one file; raise an `InvalidInput` with the reason if it cannot be read."""
    recogniser = recogniser or NoRecogniser()

    def read_nested(nested: Source, depth: int) -> Reading:
        if depth > MAX_DEPTH:
            raise UnsupportedFormat(f"{nested.name} is nested more than {MAX_DEPTH} levels deep.")
        return _read(_open_file(nested, depth, max_unpacked_mb, recogniser), read_nested)

    file = _open_file(source, 0, max_unpacked_mb, recogniser)
    reading = _read(file, read_nested)
    return build_document(
        reading.elements,
        name=source.name,
        media_type=file.media_type,
        metadata_title=reading.title,
        pages=reading.pages,
        language=reading.language,
        warnings=reading.warnings,
        unread=reading.unread,
    )


def _open_file(source: Source, depth: int, max_unpacked_mb: float, recogniser: Recogniser) -> File:
    """Detect the media type, decode a text format, and check the unpacked size of a zip-based one."""
    if not source.content.strip(b"\x00\t\n\v\f\r "):
        raise EmptyDocument(f"{source.name} is empty.")
    media_type = sniffing.sniff_binary(source.content, source.name)
    if media_type is not None:
        if source.content.startswith(b"PK"):
            check_unpacked_size(source.content, source.name, max_unpacked_mb=max_unpacked_mb)
        return File(source.name, source.content, media_type, depth=depth, recogniser=recogniser)
    text = decode_text(source.content, source.media_type)
    media_type = sniffing.sniff_text(text, source.name, source.media_type)
    content = source.content if media_type in (sniffing.EML, sniffing.MBOX) else text.encode("utf-8", "replace")
    return File(source.name, content, media_type, text, depth, recogniser)


def _read(file: File, read_nested: NestedReader) -> Reading:
    """Read a file, compare the reading with a second one, and add the texts that it lacks."""
    reading = READERS.get(file.media_type, read_with_library)(file, read_nested)
    second = SECOND_READINGS.get(file.media_type)
    if second is not None:
        reading.elements += [Element("paragraph", text) for text in find_missing_texts(second(file), reading.elements)]
    return reading
