"""Extract a parsed document from the bytes of one file with kreuzberg; runs in the parser's child process."""

from __future__ import annotations

import html
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.backends.documents import sniffing
from pipeline.backends.documents.office_parts import find_missed_elements
from pipeline.backends.documents.sniffing import DOCX, EML, EPUB, HTML, MARKDOWN, MSG, PDF, PPTX, TEXT_TYPES, XLSX
from pipeline.backends.documents.text_encoding import decode_text
from pipeline.backends.documents.text_formats import read_text_elements
from pipeline.backends.documents.unpacking import check_unpacked_size
from pipeline.errors import EmptyDocument, EncryptedFile, UnreadableFile, UnsupportedFormat
from pipeline.parse import (
    Element,
    build_document,
    build_table_elements,
    is_plausible_heading,
    unwrap_lines,
)
from pipeline.text.markdown import plain_inline
from pipeline.types import ParsedDocument, Source

if TYPE_CHECKING:
    from kreuzberg import ExtractionResult

MAX_STRUCTURED_PAGES = 600
"""Maximum pages of a PDF to look for headings in; longer ones take 5 ms a page instead of 30."""
MAX_LINK_RUN = 20
"""Consecutive list items that consist of one link each and are taken for a menu of the site."""

_META_OF_CHARSET = re.compile(r"<meta[^>]*charset[^>]*>", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_HEAD = re.compile(r"<head\b[^>]*>.*?</head\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)
_LANGUAGE = re.compile(r"<html\b[^>]*?\blang\s*=\s*[\"']?([A-Za-z-]{2,20})", re.IGNORECASE)
_FRONT_MATTER = re.compile(r"\A---\n(?:[\w:.-]+:.*\n)*\n*(?:## [\w:.-]+:.*\n)?")
_WORDS = re.compile(r"\w+")


def extract(source: Source, *, max_unpacked_mb: float) -> ParsedDocument:
    """Extract one file; raise an `InvalidInput` with the reason if it cannot be read."""
    if not source.content.strip(b"\x00\t\n\v\f\r "):
        raise EmptyDocument(f"{source.name} is empty.")
    media_type = sniffing.sniff_binary(source.content, source.name)
    if media_type is not None:
        if source.content.startswith(b"PK"):
            check_unpacked_size(source.content, source.name, max_unpacked_mb=max_unpacked_mb)
        return _extract_with_library(source, source.content, media_type)
    text = decode_text(source.content, source.media_type)
    media_type = sniffing.sniff_text(text, source.name, source.media_type)
    if media_type in TEXT_TYPES - {HTML, MARKDOWN}:
        return build_document(
            read_text_elements(text, media_type, source.name), name=source.name, media_type=media_type
        )
    if media_type == HTML:
        return _extract_page(source, text)
    content = source.content if media_type == EML else text.encode("utf-8", "replace")
    return _extract_with_library(source, content, media_type)


def _extract_page(source: Source, text: str) -> ParsedDocument:
    """Extract HTML after converting it to Markdown; directly, nested layout tables and quotes are extracted twice."""
    title, language = _TITLE.search(text), _LANGUAGE.search(text[:5000])
    # The head contains no text, and its charset is wrong now: the bytes are UTF-8.
    body = _XML_DECLARATION.sub("", _META_OF_CHARSET.sub("", _HEAD.sub("", text)))
    markdown = _run_kreuzberg(body.encode("utf-8", "replace"), HTML, "", structured=True).content
    result = _run_kreuzberg(_FRONT_MATTER.sub("", markdown).encode("utf-8", "replace"), MARKDOWN, "", structured=True)
    return build_document(
        list(_elements_of_nodes(result, HTML, "")),
        name=source.name,
        media_type=HTML,
        metadata_title=html.unescape(title[1]) if title else None,
        language=language[1] if language else None,
    )


def _extract_with_library(source: Source, content: bytes, media_type: str) -> ParsedDocument:
    page_marker = f"page{secrets.token_hex(8)}n"
    result = _run_kreuzberg(content, media_type, page_marker, structured=media_type != PDF)
    pages = None
    warnings: list[str] = []
    if media_type == PDF:
        pages = int(result.metadata.get("page_count") or len(result.pages or ()))
        if not any(page["content"].strip() for page in result.pages or ()):
            raise EmptyDocument(
                f"{source.name} has {pages} page{'s' * (pages != 1)} without text. "
                "It is probably a scan: run text recognition (OCR) on it and add the result."
            )
        if pages > MAX_STRUCTURED_PAGES:
            warnings.append(f"Headings are not detected in PDFs of more than {MAX_STRUCTURED_PAGES} pages.")
        elements = _elements_of_pdf(content, result, pages)
    else:
        elements = list(_elements_of_nodes(result, media_type, page_marker))
        if media_type in (DOCX, PPTX, XLSX):
            missed, damaged = find_missed_elements(content, elements)
            elements += missed
            warnings += damaged
    language = result.metadata.get("language")
    title = result.metadata.get("title") or result.metadata.get("subject" if media_type in (EML, MSG) else "title")
    return build_document(
        elements,
        name=source.name,
        media_type=media_type,
        metadata_title=title if isinstance(title, str) else None,
        pages=pages,
        language=language if isinstance(language, str) else None,
        warnings=warnings,
    )


def _run_kreuzberg(content: bytes, media_type: str, page_marker: str, *, structured: bool) -> ExtractionResult:
    import kreuzberg
    from kreuzberg.exceptions import KreuzbergError

    make_config: Any = kreuzberg.ExtractionConfig  # the stub lacks `disable_ocr`
    config = make_config(
        use_cache=False,
        disable_ocr=True,
        enable_quality_processing=False,
        output_format="markdown" if structured else "plain",
        include_document_structure=structured,
        pages=kreuzberg.PageConfig(
            extract_pages=media_type == PDF,
            insert_page_markers=media_type == PPTX,
            marker_format=f"\n\n{page_marker}{{page_num}}\n\n",
        ),
        html_options={"preprocessing": {"enabled": True, "preset": "aggressive", "remove_navigation": True}},
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=2),
    )
    try:
        return kreuzberg.extract_bytes_sync(content, media_type, config)
    except (KreuzbergError, ValueError, RuntimeError, TypeError) as error:
        raise _translate_error(error, media_type) from error


def _translate_error(error: Exception, media_type: str) -> Exception:
    message = str(error).lower()
    if "password" in message or "encrypt" in message:
        return EncryptedFile()
    if type(error).__name__ == "ValidationError" and media_type in message:
        return UnsupportedFormat(f"Files of type {media_type} are not supported. Refdesk reads {sniffing.READABLE}.")
    reason = str(error).rpartition(": ")[2].strip().rstrip(".") or type(error).__name__
    return UnreadableFile(
        f"The file is damaged or has the wrong type ({reason}). Open it, save it again and add the new file."
    )


def _elements_of_pdf(content: bytes, plain: ExtractionResult, pages: int) -> list[Element]:
    """Extract headings and tables page by page; a page that lost words in this way is read as plain text."""
    texts = {int(page["page_number"]): page["content"] for page in plain.pages or ()}
    by_page: dict[int, list[Element]] = {}
    if pages <= MAX_STRUCTURED_PAGES:
        structured = _run_kreuzberg(content, PDF, "", structured=True)
        for element in _elements_of_nodes(structured, PDF, ""):
            by_page.setdefault(element.page or 0, []).append(element)
    result: list[Element] = []
    for number, text in sorted(texts.items()):
        elements = by_page.get(number, [])
        if _has_lost_words(text, elements):
            elements = [Element("paragraph", unwrap_lines(text), page=number)]
        result += elements
    return result


def _has_lost_words(text: str, elements: Sequence[Element]) -> bool:
    words = Counter(_WORDS.findall(text))
    extracted = Counter(_WORDS.findall("\n".join(element.text for element in elements)))
    return (words - extracted).total() > max(3, 0.15 * words.total())


def _elements_of_nodes(result: ExtractionResult, media_type: str, page_marker: str) -> Iterator[Element]:
    nodes: Sequence[Any] = result.document["nodes"] if result.document else ()
    page: int | None = None
    links: list[Element] = []
    for node in nodes:
        text = str(node["content"].get("text") or "").strip()
        if page_marker and text.startswith(page_marker):
            page = int(text.removeprefix(page_marker))
            continue
        if media_type == HTML and _is_menu_entry(node, text):
            links.append(Element("item", text))
            continue
        if links and node["content"]["node_type"] not in ("list", "group"):
            yield from links if len(links) < MAX_LINK_RUN else ()
            links = []
        yield from _elements_of_node(node, text, media_type, node.get("page") or page if media_type == PDF else page)
    yield from links if len(links) < MAX_LINK_RUN else ()


def _is_menu_entry(node: Any, text: str) -> bool:
    """Return whether a list item consists of one link, as in menus and language lists."""
    if node["content"]["node_type"] != "list_item":
        return False
    whole = (0, len(text.encode()))
    notes = node.get("annotations") or ()
    return any(note["kind"]["annotation_type"] == "link" and (note["start"], note["end"]) == whole for note in notes)


def _elements_of_node(node: Any, text: str, media_type: str, page: int | None) -> Iterator[Element]:
    content = node["content"]
    kind = content["node_type"]
    if node.get("content_layer") in ("header", "footer"):
        return
    if kind == "table":
        yield from build_table_elements(_read_grid(content["grid"]), page)
    elif kind == "code" and media_type == HTML and "](" in text:  # indented in the page's source, not code
        yield Element("paragraph", plain_inline(text))
    elif kind == "code":
        yield Element("code", f"```{content.get('language') or ''}\n{text}\n```", page=page)
    elif kind == "metadata_block" and media_type in (EML, MSG):
        yield Element("paragraph", "\n".join(f"{key}: {value}" for key, value in content["entries"]), page=page)
    elif kind == "image":
        yield Element("paragraph", str(content.get("description") or ""), page=page)
    else:
        yield _build_prose(content, text, media_type, page)


def _build_prose(content: Any, text: str, media_type: str, page: int | None) -> Element:
    kind = content["node_type"]
    if media_type in (PPTX, EPUB, DOCX):
        text = plain_inline(text)
    if kind == "list_item":
        return Element("item", text, page=page)
    if kind in ("heading", "title") and (media_type != PDF or is_plausible_heading(text)):
        return Element("heading", text, level=content.get("level") or 1, page=page)
    return Element("paragraph", unwrap_lines(text) if media_type == PDF else text, page=page)


def _read_grid(grid: Any) -> list[list[str]]:
    rows = [[""] * grid["cols"] for _ in range(grid["rows"])]
    for cell in grid["cells"]:
        rows[cell["row"]][cell["col"]] = str(cell["content"]).replace("\x02", "")
    return rows
