"""Read the headers and text parts of a mail."""

from __future__ import annotations

import contextlib
import mimetypes
import re
from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage

from pipeline.backends.documents.readers.plain import read_plain_text
from pipeline.backends.documents.reading import NestedReader, Reading
from pipeline.backends.documents.sniffing import HTML
from pipeline.backends.documents.text_encoding import decode_text
from pipeline.errors import InvalidInput
from pipeline.parse import Element
from pipeline.text.cleaning import clean_line, clean_text
from pipeline.types import Source

_SHOWN_HEADERS = ("Subject", "From", "To", "CC", "Date")
_QUOTE = re.compile(r"[> ]*>")
_HIDDEN_START = re.compile(r"<(?:style|script|head)\b", re.IGNORECASE)
_HIDDEN_END = re.compile(r"</(?:style|script|head)\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_MEANING = re.compile(r"<(?:th|s|strike|del)\b|line-through", re.IGNORECASE)
"""What the text part cannot say: headers of a table, struck-out text."""
_WORD = re.compile(r"\w+")
_STUB_SHARE = 0.6
"""Share of the words of the HTML part below which the text part is a stub, such as "This mail needs HTML"."""
_MAX_HEADER_CHARS = 2_000


def get_header(message: EmailMessage, name: str) -> str:
    """Return a header decoded, on one line; empty if it is missing. Parsers of addresses reject too much."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    value = str(raw)
    if not value.isascii():  # bytes without the encoding that the standard requires
        content = value.encode("utf-8", "surrogateescape")
        try:
            value = content.decode("utf-8")
        except UnicodeDecodeError:
            value = content.decode("cp1252", "replace")
    value = re.sub(r"\r?\n[ \t]*", " ", value)
    with contextlib.suppress(HeaderParseError, LookupError, ValueError):
        value = str(make_header(decode_header(value)))
    return clean_line(value, _MAX_HEADER_CHARS)


def format_headers(message: EmailMessage) -> str:
    """Format the headers that people read, one per line."""
    values = [(name, get_header(message, name)) for name in _SHOWN_HEADERS]
    return "\n".join(f"{name}: {value}" for name, value in values if value)


def read_attachment_name(part: EmailMessage) -> str:
    """Return the file name of an attachment, or one that fits its type."""
    try:
        name = part.get_filename()
    except (LookupError, ValueError, TypeError, IndexError):
        name = None
    if name:
        with contextlib.suppress(HeaderParseError, LookupError, ValueError):
            name = str(make_header(decode_header(name)))
        return clean_line(re.split(r"[/\\]", name)[-1], 200) or "attachment"
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0) if part.is_multipart() else None
        subject = get_header(inner, "Subject") if isinstance(inner, EmailMessage) else ""
        return f"{subject or 'mail'}.eml"
    return f"attachment{mimetypes.guess_extension(part.get_content_type()) or ''}"


def choose_body(children: Sequence[EmailMessage]) -> EmailMessage | None:
    """Choose among alternatives: the text, unless it is missing, a stub, or lacks what the HTML marks."""
    html = next((child for child in reversed(children) if _contains(child, HTML)), None)
    text = next((child for child in children if child.get_content_type() == "text/plain"), None)
    if html is None or text is None:
        return html or text or (children[-1] if children else None)
    html_part = next(part for part in html.walk() if part.get_content_type() == HTML)
    markup = _decode(html_part)
    words = len(_WORD.findall(_strip_tags(markup)))
    is_stub = len(_WORD.findall(_decode(text))) < _STUB_SHARE * words
    return html if is_stub or _MEANING.search(markup) else text


def _strip_tags(markup: str) -> str:
    first, *others = _HIDDEN_START.split(markup)
    shown = [piece[match.end() :] for piece in others if (match := _HIDDEN_END.search(piece))]
    return _TAG.sub(" ", " ".join([first, *shown]))


def _contains(part: EmailMessage, kind: str) -> bool:
    return any(inner.get_content_type() == kind for inner in part.walk())


def _decode(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    return decode_text(payload, str(part.get("Content-Type", ""))) if isinstance(payload, bytes) and payload else ""


def read_html_body(part: EmailMessage, depth: int, read_nested: NestedReader) -> Reading:
    """Read an HTML part as an HTML page; links are relative to the address it was saved from."""
    payload = part.get_payload(decode=True)
    name = clean_line(str(part.get("Content-Location", "")), 500)
    if not isinstance(payload, bytes) or not payload.strip():
        return Reading([])
    source = Source(name if name.startswith("http") else "mail.html", payload, str(part.get("Content-Type", HTML)))
    try:
        return read_nested(source, depth)
    except InvalidInput:
        return Reading([Element("paragraph", _strip_tags(_decode(part)))])


def read_text_body(part: EmailMessage, seen_lines: set[str]) -> list[Element]:
    """Read a text part without the quotations of mails that were read before."""
    text = clean_text(_decode(part))
    if part.get_param("format") == "flowed":
        text = re.sub(r"(?<=\S)(?<!\n--) \n(?!>|-- \n)", " ", text)
    kept: list[str] = []
    for line in text.split("\n"):
        quoted = _QUOTE.match(line)
        words = " ".join((line[quoted.end() :] if quoted else line).split())
        if quoted and words in seen_lines:
            continue
        kept.append(line)
        if words:
            seen_lines.add(words)
    return read_plain_text("\n".join(kept))
