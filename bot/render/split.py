"""Split long texts into messages; code blocks are closed and reopened at the boundaries."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.render.discord_markdown import CodeBlock, split_blocks
from pipeline.text.sentences import find_sentence_ends

MAX_MESSAGE_UNITS = 2000
_COMBINING = re.compile(r"[\u0300-\u036f\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
"""Combining marks, joiners and skin tones, which belong to the preceding character."""


def utf16_length(text: str) -> int:
    """Return the number of UTF-16 code units.

    Discord's API counts code points (discord-api-docs #1315), its clients count code units. The latter is never
    smaller.
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def truncate(text: str, limit: int) -> str:
    """Truncate to at most `limit` UTF-16 units, with an ellipsis."""
    if utf16_length(text) <= limit:
        return text
    return text[: _fitting_length(text, limit - 1)].rstrip() + "…"


def split_message(text: str, limit: int = MAX_MESSAGE_UNITS) -> list[str]:
    """Split a text into messages of at most `limit` units, preferably at paragraphs, lines, sentences or words."""
    parts = _MessageBuilder(limit)
    for block in split_blocks(text):
        if isinstance(block, CodeBlock):
            parts.add_fence(block)
        else:
            parts.add_prose(block.text)
    return parts.finished()


@dataclass(slots=True)
class _MessageBuilder:
    """Collects text into messages of at most `limit` UTF-16 units."""

    limit: int
    done: list[str] = field(default_factory=list)
    current: str = ""

    def add_prose(self, text: str) -> None:
        if self.current.endswith("```"):
            text = "\n" + text.lstrip("\n")
        while utf16_length(text) > (room := self._room()):
            if room < self.limit // 3:
                self._flush()
                continue
            at = _find_boundary(text, room)
            self.current += text[:at]
            self._flush()
            text = text[at:].lstrip()
        self.current += text

    def add_fence(self, fence: CodeBlock) -> None:
        whole = utf16_length(str(fence))
        if self.current and not self.current.endswith("\n"):
            self.current += "\n"
        if whole > self._room() and (whole <= self.limit or self._room() < self.limit // 3):
            self._flush()
        code = fence.code
        while utf16_length(str(CodeBlock(fence.language, code))) > (room := self._room()):
            at = _find_line_boundary(code, room - utf16_length(str(CodeBlock(fence.language, ""))))
            self.current += str(CodeBlock(fence.language, code[:at].rstrip("\n")))
            self._flush()
            code = code[at:].lstrip("\n")
        self.current += str(CodeBlock(fence.language, code))

    def finished(self) -> list[str]:
        self._flush()
        return self.done

    def _room(self) -> int:
        return self.limit - utf16_length(self.current)

    def _flush(self) -> None:
        if text := self.current.strip():
            self.done.append(text)
        self.current = ""


def _fitting_length(text: str, room: int) -> int:
    """Return how many characters fit into `room` units without splitting a visible character."""
    at = max(0, min(room, len(text)))
    while at > 0 and (over := utf16_length(text[:at]) - room) > 0:
        at -= -(-over // 2)
    if at == len(text):
        return at
    whole = at
    while whole > 0 and (_COMBINING.match(text[whole]) or text[whole - 1] == "\u200d"):
        whole -= 1
    return whole or max(at, 1)


def _find_boundary(text: str, room: int) -> int:
    end = _fitting_length(text, room)
    least = end // 2
    for mark in ("\n\n", "\n"):
        at = text.rfind(mark, least, end)
        if at > 0:
            return at
    at = max(find_sentence_ends(text, least, end), default=0)
    at = at or text.rfind(" ", least, end)
    return _move_before_code(text, at if at > 0 else end)


def _move_before_code(text: str, at: int) -> int:
    line = text.rfind("\n", 0, at) + 1
    if text.count("`", line, at) % 2 == 0:
        return at
    opening = text.rfind("`", line, at)
    return opening if opening > 0 else at


def _find_line_boundary(code: str, room: int) -> int:
    end = _fitting_length(code, room)
    at = code.rfind("\n", 0, end + 1)
    return at if at > 0 else end
