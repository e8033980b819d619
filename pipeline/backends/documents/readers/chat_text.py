"""Read chats that were exported or copied as text: WhatsApp, Telegram, Discord, Slack, Teams, Zoom, IRC."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.parse import Element

_DATE = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{0,4}|\d{1,2}-[A-Z][a-z]{2}-\d{2,4}|[A-Z][a-z]{2,8} \d{1,2}, \d{4}"
    r"|\d{4}年\d+月\d+日)"
)
_TIME = r"(?:[上下]午|오[전후] ?)?\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:[ \u202f\xa0]?[AaPp]\.?[Mm]\.?)?"
_STAMP = rf"(?:{_DATE},?[ T]{_TIME}|{_TIME})"
_NAME = r"[^\s:<>\[\]][^:<>\[\]\n]{0,60}?"
_DAY = r"(?:Today|Yesterday|Heute|Gestern)(?: at| um)?"

# One line per message, its text behind the name.
_INLINE = (
    re.compile(rf"\[(?P<time>{_DATE},? {_TIME})\] (?P<name>{_NAME}): ?(?P<text>.*)"),
    re.compile(rf"(?P<time>{_DATE},? {_TIME}) [-–] (?P<name>{_NAME}): ?(?P<text>.*)"),
    re.compile(rf"\[?(?P<time>{_STAMP})\]? <[ @+%~&]?(?P<name>[^<>\s][^<>]{{0,40}})> (?P<text>.*)"),
    re.compile(rf"(?P<time>{_TIME})\s+From (?P<name>{_NAME})(?: to {_NAME})?\s?: ?(?P<text>.*)"),
)
# A line with name and time, the text in the lines below it.
_HEADED = (
    re.compile(rf"(?P<name>{_NAME}), \[(?P<time>{_DATE},? {_TIME})\]:?(?P<text>)"),
    re.compile(rf"\[(?P<time>{_DATE},? {_TIME})\] (?P<name>{_NAME})(?P<text>(?: \(pinned\))?)"),
    re.compile(rf"(?P<name>{_NAME}) — (?P<time>{_STAMP}|{_DATE}|{_DAY} {_TIME})(?P<text>)"),
    re.compile(rf"(?P<name>[^\s:.,<>\[\]][^:,<>\[\]\n]{{0,40}}?)(?:  | \[)(?P<time>{_TIME})\]?(?P<text>)"),
)
_SYSTEM = (
    re.compile(rf"\[(?P<time>{_DATE},? {_TIME})\] (?P<text>.*)"),
    re.compile(rf"(?P<time>{_DATE},? {_TIME}) [-–] (?P<text>.*)"),
    re.compile(rf"\[?(?P<time>{_STAMP})\]? (?P<text>(?:\*|-!-|-->|<--) .*)"),
)
_LEVELS = re.compile(r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|CRITICAL|FATAL)\b.*", re.IGNORECASE)
_DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e]")
_CLOCK = re.compile(r"\d[:.]\d\d")
_MAX_HEAD_LINES = 500
_MIN_MESSAGES = 2
_MAX_LINE_CHARS = 200
"""Characters of a line that are compared with the patterns; names and times are at its beginning."""


@dataclass(slots=True)
class Message:
    """A message of a chat."""

    name: str
    """Empty for a system message."""
    time: str
    lines: list[str] = field(default_factory=list)


def format_message(name: str, time: str, text: str) -> str:
    """Format a message as one record: `Anna (2026-03-04 18:22): text`, without blank lines."""
    body = re.sub(r"\n\s*\n+", "\n", text.strip())
    head = f"{name} ({time})" if name and time else name or f"({time})"
    return f"{head}: {body}" if name else f"{head} {body}"


def read_chat(text: str) -> list[Element] | None:
    """Return one paragraph per message, or None if the text is not a chat."""
    lines = text.split("\n")
    pattern = _find_pattern([_clean_line(line) for line in lines[:_MAX_HEAD_LINES]])
    if pattern is None:
        return None
    preamble: list[str] = []
    messages: list[Message] = []
    for line in map(_clean_line, lines):
        message = _match(line, pattern)
        if message is not None:
            messages.append(message)
        else:
            (messages[-1].lines if messages else preamble).append(line)
    head = "\n".join(line for line in preamble if re.search(r"\w", line))
    elements = [Element("paragraph", head)] if head else []
    texts = [format_message(message.name, message.time, "\n".join(message.lines)) for message in messages]
    return elements + [Element("paragraph", text) for text in texts]


def _clean_line(line: str) -> str:
    return _DIRECTION_MARKS.sub("", line).replace("\u202f", " ") if not line.isascii() else line


def _find_pattern(lines: Sequence[str]) -> re.Pattern[str] | None:
    """Return the pattern of the messages if it fits enough lines, the most frequent one first."""
    filled = sum(1 for line in lines if line.strip())
    timed = [line for line in lines if _CLOCK.search(line[:_MAX_LINE_CHARS])]
    best, most = None, 0
    for pattern in (*_INLINE, *_HEADED):
        matches = [line for line in timed if _match_name(line, pattern)]
        enough = 0.3 * filled if pattern in _INLINE else 0.15 * filled
        if len(matches) < max(_MIN_MESSAGES, enough, most + 1):
            continue
        if pattern in _INLINE or _are_followed_by_text(lines, pattern):
            best, most = pattern, len(matches)
    return best


def _are_followed_by_text(lines: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Return whether most lines with name and time have a text below them, unlike the rows of a timetable."""
    heads = [bool(_match_name(line, pattern)) for line in lines if line.strip()]
    followed = sum(1 for head, following in itertools.pairwise(heads) if head and not following)
    return 2 * followed > sum(heads)


def _match_name(line: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    head = line[:_MAX_LINE_CHARS]
    match = pattern.match(head) if pattern in _INLINE else pattern.fullmatch(head.rstrip())
    return match if match and not _LEVELS.fullmatch(match["name"]) else None


def _match(line: str, pattern: re.Pattern[str]) -> Message | None:
    match = _match_name(line, pattern)
    if match:
        return Message(match["name"].strip(), match["time"], [line[match.start("text") :]])
    if pattern in _INLINE:
        for system in _SYSTEM:
            match = system.match(line[:_MAX_LINE_CHARS])
            if match:
                return Message("", match["time"], [line[match.start("text") :]])
    return None
