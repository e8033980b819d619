"""Read PDF files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.backends.documents.readers.library import elements_of_nodes, run_kreuzberg
from pipeline.backends.documents.readers.pdf_scans import ScannedPages, describe_empty, read_scanned_pages
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import PDF
from pipeline.parse import Element, unwrap_lines

MAX_STRUCTURED_PAGES = 600
"""Maximum pages of a PDF to look for headings in; longer ones take 5 ms a page instead of 30."""

_WORDS = re.compile(r"\w+")


def read_pdf(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a PDF page by page."""
    result = run_kreuzberg(file.content, PDF, "", structured=False)
    pages = int(result.metadata.get("page_count") or len(result.pages or ()))
    texts = {int(page["page_number"]): page["content"] for page in result.pages or ()}
    scans = read_scanned_pages(file, texts)
    if not any(text.strip() for text in texts.values()) and not scans.has_text:
        raise describe_empty(file, scans, pages)
    warnings = [file.recogniser.problem] if scans.unread and file.recogniser.problem else []
    if pages > MAX_STRUCTURED_PAGES:
        warnings.append(f"Headings are not detected in PDFs of more than {MAX_STRUCTURED_PAGES} pages.")
    language, title = result.metadata.get("language"), result.metadata.get("title")
    return Reading(
        _elements_of_pdf(file.content, texts, pages, scans),
        title=title if isinstance(title, str) else None,
        pages=pages,
        language=language if isinstance(language, str) else None,
        warnings=warnings,
        unread=list(scans.unread),
    )


def _elements_of_pdf(content: bytes, texts: Mapping[int, str], pages: int, scans: ScannedPages) -> list[Element]:
    """Extract headings and tables page by page; a page that lost words in this way is read as plain text."""
    by_page: dict[int, list[Element]] = {}
    if pages <= MAX_STRUCTURED_PAGES:
        structured = run_kreuzberg(content, PDF, "", structured=True)
        for element in elements_of_nodes(structured, PDF, ""):
            by_page.setdefault(element.page or 0, []).append(element)
    result: list[Element] = []
    for number, text in sorted(texts.items()):
        elements = by_page.get(number, [])
        if _has_lost_words(text, elements):
            elements = [Element("paragraph", unwrap_lines(text), page=number)]
        result += scans.replace_elements(number, elements)
    return result


def _has_lost_words(text: str, elements: Sequence[Element]) -> bool:
    words = Counter(_WORDS.findall(text))
    extracted = Counter(_WORDS.findall("\n".join(element.text for element in elements)))
    return (words - extracted).total() > max(3, 0.15 * words.total())
