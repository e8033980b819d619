"""Second readings of formats with records: raw lines, JSON values, cues, and the text parts of mail."""

from __future__ import annotations

import email
import html
import json
import re
from collections import deque
from collections.abc import Iterator
from email.message import Message

from pipeline.backends.documents.reading import File

MAX_CHECKED_CHARS = 20_000_000
"""Characters of JSON and notebooks up to which they are read a second time."""

_RULER = re.compile(r"[\s|+:*~_.#^\"'`=\-\u2500-\u257f]+")
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=.\"?\s*", re.IGNORECASE)
# Between the time and the author of a message stand signs that carry nothing: "18:22 - Anna", "[18:22] <Anna>".
_MESSAGE_HEAD = re.compile(
    r"\W*\d[\d./:, \u202f上下午오전후-]*(?:[AaPp]\.?[Mm]\.?)?\]?\s(?:[-–]\s|<[^<>]{1,50}>\s)|[^\n]{1,60} — \d"
)
_TIMING = re.compile(r".*\d:\d\d[.,]\d+\s*(?:-->|,\s*\d).*")
_CAPTION_FORMAT = re.compile(r"WEBVTT.*|\d+|(?:Kind|Language):.*|NOTE\b.*")
_TAG = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_JSON_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')
_CHAT_FIELDS = (
    re.compile(r'"(?:author|from|user|sender_name|sender|role)"\s*:'),
    re.compile(r'"(?:content|text|body)"\s*:'),
    re.compile(r'"(?:timestamp|timestamp_ms|date|ts|role|origin_server_ts)"\s*:'),
)
_CHAT_TEXT = re.compile(r'"(?:content|text|body)"\s*:\s*"((?:[^"\\]|\\.)*)"')


def read_lines(file: File) -> Iterator[str]:
    """Yield the lines of a text without those that only draw a border."""
    for line in file.text.splitlines():
        if line and not _RULER.fullmatch(line) and not _SEPARATOR_LINE.fullmatch(line):
            head = _MESSAGE_HEAD.match(line)
            yield re.sub(r"[-<>]", " ", head[0]) + line[head.end() :] if head else line


def read_json_values(file: File) -> Iterator[str]:
    """Yield the texts and numbers of a JSON file; of a chat only the messages, because its IDs are left out."""
    text = file.text
    if len(text) > MAX_CHECKED_CHARS:
        return
    if all(field.search(text[:20_000]) for field in _CHAT_FIELDS):
        for match in _CHAT_TEXT.finditer(text):
            yield re.sub(r"[<>|]", " ", _unescape(match[1]))
        return
    for match in _JSON_VALUE.finditer(text):
        if match[1] is None:
            yield match[0]
        elif match[2] is None:
            yield _unescape(match[1])


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return ""


def read_cues(file: File) -> Iterator[str]:
    """Yield the lines of subtitles, each once if it is shown several times in a row."""
    shown: deque[str] = deque(maxlen=4)
    for block in re.split(r"\n[ \t]*\n", file.text.replace("\r\n", "\n")):
        if re.match(r"\s*(?:STYLE|REGION|NOTE)\b", block):
            continue
        lines = block.split("\n")
        timed = [index for index, line in enumerate(lines) if _TIMING.fullmatch(line)]
        for line in lines[timed[0] + 1 :] if timed else lines:
            plain = html.unescape(_TAG.sub("", line)).replace(r"\N", " ") if re.search(r"[<{&\\]", line) else line
            words = " ".join(plain.split())
            if words and words not in shown and not _TIMING.fullmatch(line) and not _CAPTION_FORMAT.fullmatch(words):
                yield words
            shown.append(words)


def read_code_cells(file: File) -> Iterator[str]:
    """Yield the sources of the code cells of a notebook."""
    if len(file.text) > MAX_CHECKED_CHARS:
        return
    notebook = json.loads(file.text)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    for cell in cells if isinstance(cells, list) else ():
        source = cell.get("source") if isinstance(cell, dict) and cell.get("cell_type") == "code" else None
        if isinstance(source, (str, list)):
            yield source if isinstance(source, str) else "".join(map(str, source))


def read_mail_text(file: File) -> Iterator[str]:
    """Yield the lines of the text parts of a mail that have no alternative in HTML."""
    message = email.message_from_bytes(file.content.lstrip())
    parts = list(message.walk())
    if any(part.get_content_type() in ("text/html", "message/rfc822") for part in parts):
        return
    for part in parts:
        if part.get_content_type() == "text/plain" and part.get_filename() is None:
            yield from (line for line in _decode(part).splitlines() if line and not _RULER.fullmatch(line))
            return  # further parts may repeat quotations


def _decode(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return ""
