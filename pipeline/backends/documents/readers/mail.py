"""Read mail: single messages (EML), mailboxes (mbox), web pages saved as one file (MHTML) and Outlook messages."""

from __future__ import annotations

import base64
import contextlib
import email
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.policy import default

from pipeline.backends.documents.readers.library import elements_of_nodes, run_kreuzberg
from pipeline.backends.documents.readers.mail_text import (
    choose_body,
    format_headers,
    get_header,
    read_attachment_name,
    read_html_body,
    read_text_body,
)
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import CALENDAR, EML, MSG
from pipeline.errors import InvalidInput
from pipeline.parse import Element, title_from_name
from pipeline.types import Source, Unread

MAX_PARTS = 500
"""Parts of one mail that are read."""

_MBOX_START = re.compile(rb"^From [^\r\n]{0,200}\d{4}[^\r\n]{0,40}\r?\n(?=[!-9;-~]+:)", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_SAVED_BY = re.compile(r'["<]*saved by ', re.IGNORECASE)
_SIGNATURES = frozenset(
    {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-keys",
    }
)
_ENCRYPTED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})


@dataclass(slots=True)
class _MailReader:
    """Collects the elements of a mail, or of all mails of a mailbox."""

    read_nested: NestedReader
    depth: int
    elements: list[Element] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Attachments that were not read, with the reason."""
    unread: list[Unread] = field(default_factory=list)
    attachments: int = 0
    seen_lines: set[str] = field(default_factory=set)
    """Lines of the mails so far: a quotation of them is not repeated."""
    seen_files: set[bytes] = field(default_factory=set)
    parts: int = 0
    page_title: str | None = None
    """Title of the first HTML part."""

    def read_message(self, message: EmailMessage) -> None:
        """Read the headers, the body and the attachments of a message."""
        if not _is_saved_page(message):
            self.elements.append(Element("paragraph", format_headers(message)))
        self.parts = 0
        self._read_part(message, in_related=False)

    def build_reading(self, title: str | None) -> Reading:
        """Build the reading, with the attachments that were not read."""
        if self.skipped:
            where = ", ".join(self.skipped)
            self.unread.append(Unread("attachments", len(self.skipped), self.attachments, where))
        return Reading(self.elements, title=title, warnings=self.warnings, unread=self.unread)

    def _read_part(self, part: EmailMessage, *, in_related: bool) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            return
        kind = part.get_content_type()
        children = _get_children(part)
        if kind == "multipart/alternative":
            self._read_alternative(children)
        elif kind in ("multipart/related", "multipart/signed") and children:
            self._read_part(children[0], in_related=in_related)
            for child in children[1:]:
                self._read_inline(child)
        elif kind == "multipart/encrypted":
            self.skip("the text of the mail (encrypted)")
        elif part.is_multipart() and kind.startswith("multipart/"):
            for child in children:
                self._read_part(child, in_related=in_related)
        elif _is_body(part):
            self._read_body(part)
        else:
            self._read_attachment(part)

    def _read_alternative(self, children: list[EmailMessage]) -> None:
        body = choose_body(children)
        if body is not None:
            self._read_part(body, in_related=False)
        for child in children:
            is_text = child.get_content_maintype() in ("text", "multipart") and child.get_content_type() != CALENDAR
            if child is not body and not is_text:
                self._read_attachment(child)

    def _read_inline(self, part: EmailMessage) -> None:
        """Read what comes with a page or a signed text; its images, styles and fonts belong to the layout."""
        is_file = part.get_content_disposition() == "attachment" and part.get_content_maintype() != "image"
        if is_file or part.get_content_maintype() == "message":
            self._read_attachment(part)

    def _read_body(self, part: EmailMessage) -> None:
        if part.get_content_type() == "text/html":
            reading = read_html_body(part, self.depth, self.read_nested)
            self.page_title = self.page_title or reading.title
            self._add(reading)
        else:
            self.elements += read_text_body(part, self.seen_lines)

    def _read_attachment(self, part: EmailMessage) -> None:
        kind = part.get_content_type()
        if kind in _SIGNATURES or (
            part.get_content_maintype() == "image" and part.get_content_disposition() != "attachment"
        ):
            return
        name = read_attachment_name(part)
        content = _get_content(part)
        digest = hashlib.sha256(content).digest()
        if not content or digest in self.seen_files:
            return
        self.seen_files.add(digest)
        self.attachments += 1
        if kind in _ENCRYPTED or name.lower() == "winmail.dat" or kind == "application/ms-tnef":
            self.skip(f"{name} ({'encrypted or signed' if kind in _ENCRYPTED else 'Outlook format'})", counted=True)
            return
        try:
            reading = self.read_nested(Source(name, content, part.get("Content-Type", kind)), self.depth + 1)
        except InvalidInput as error:
            self.skip(f"{name} ({_shorten(str(error), name)})", counted=True)
            return
        self.add_attachment(name, reading)

    def add_attachment(self, name: str, reading: Reading) -> None:
        """Add the elements of an attachment under a heading with its name."""
        if not any(element.text.strip() for element in reading.elements):
            self.skip(f"{name} (no text)", counted=True)
            return
        self.elements.append(Element("heading", f"Attachment: {name}", level=2))
        self._add(reading, levels=2)

    def _add(self, reading: Reading, levels: int = 0) -> None:
        for element in reading.elements:
            level = element.level + levels if element.kind == "heading" else element.level
            self.elements.append(replace(element, level=level, page=None))  # pages of an attachment are not the mail's
        self.warnings += reading.warnings
        self.unread += reading.unread

    def skip(self, description: str, *, counted: bool = False) -> None:
        """Record a part that was not read."""
        self.attachments += not counted
        self.skipped.append(description)


def read_mail(file: File, read_nested: NestedReader) -> Reading:
    """Read a mail with its attachments, or a web page saved as MHTML."""
    message = _parse(file.content)
    reader = _MailReader(read_nested, file.depth)
    reader.read_message(message)
    return reader.build_reading(get_header(message, "Subject") or reader.page_title)


def read_mailbox(file: File, read_nested: NestedReader) -> Reading:
    """Read the mails of an mbox file: one section for each, with its subject as heading."""
    reader = _MailReader(read_nested, file.depth)
    messages = [_parse(content) for content in _split_mailbox(file.content)]
    if len(messages) == 1:
        reader.read_message(messages[0])
        return reader.build_reading(get_header(messages[0], "Subject") or None)
    for message in messages:
        subject = get_header(message, "Subject") or "(no subject)"
        reader.elements.append(Element("heading", subject, level=1))
        reader.read_message(message)
    return reader.build_reading(title_from_name(file.name))


def read_outlook_message(file: File, read_nested: NestedReader) -> Reading:
    """Read an Outlook message with kreuzberg, which reads its attachments as well."""
    result = run_kreuzberg(file.content, MSG)
    reader = _MailReader(read_nested, file.depth, elements=list(elements_of_nodes(result, MSG)))
    names = [str(name) for name in result.metadata.get("attachments") or ()]
    children = {str(child["path"]): child["result"] for child in getattr(result, "children", None) or ()}
    for name in names:
        reader.attachments += 1
        child = children.get(name)
        if child is None:
            reader.skip(name, counted=True)
        else:
            reader.add_attachment(name, Reading(list(elements_of_nodes(child, EML))))
    subject = result.metadata.get("subject")
    return reader.build_reading(subject if isinstance(subject, str) else None)


def _parse(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content.lstrip(b"\xef\xbb\xbf\r\n\t "), policy=default)


def _split_mailbox(content: bytes) -> Iterator[bytes]:
    starts = list(_MBOX_START.finditer(content))
    for match, following in zip(starts, [*starts[1:], None], strict=True):
        yield _QUOTED_FROM.sub(rb"\1", content[match.end() : following.start() if following else len(content)])


def _is_saved_page(message: EmailMessage) -> bool:
    sender = get_header(message, "From")
    return bool(_SAVED_BY.match(sender)) or (not sender and message.get_content_type() == "multipart/related")


def _get_children(part: EmailMessage) -> list[EmailMessage]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, EmailMessage)] if isinstance(payload, list) else []


def _is_body(part: EmailMessage) -> bool:
    kind = part.get_content_type()
    if kind == "message/delivery-status" or part.is_multipart():
        return False
    named = part.get_filename() is not None and part.get_content_disposition() is not None
    return kind in ("text/plain", "text/html", "text/enriched") and not (
        part.get_content_disposition() == "attachment" or named
    )


def _get_content(part: EmailMessage) -> bytes:
    children = _get_children(part)
    if children and str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
        # The standard does not allow it for mails, so that the library takes the encoded text for a mail.
        with contextlib.suppress(ValueError):
            return base64.b64decode(str(children[0].get_payload()))
    if children:  # a forwarded mail
        try:
            return b"\n".join(child.as_bytes() for child in children)
        except (LookupError, ValueError, TypeError, AttributeError):
            return b""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _shorten(message: str, name: str) -> str:
    return message.removeprefix(f"{name} ").removeprefix(f"{name}: ").partition(";")[0].partition(". ")[0].rstrip(".")
