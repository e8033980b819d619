"""Split RTF into its control words, groups and texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

TokenKind = Literal["open", "close", "word", "byte", "text"]

_TOKEN = re.compile(
    r"\\(?P<word>[A-Za-z]{1,40})(?P<number>-?\d{1,10})? ?"
    r"|\\'(?P<byte>[0-9A-Fa-f]{2})"
    r"|\\(?P<symbol>[^A-Za-z])"
    r"|(?P<brace>[{}])"
    r"|[\r\n]+"
    r"|(?P<text>[^\\{}\r\n]+)"
    r"|\\",
    re.DOTALL,
)


class Token(NamedTuple):
    """A token of an RTF file."""

    kind: TokenKind
    text: str = ""
    """Control word or symbol; characters, as bytes in Latin-1, of a text or an escaped byte."""
    number: int | None = None
    """Parameter of a control word."""


_OPEN, _CLOSE = Token("open"), Token("close")


def read_tokens(content: bytes) -> Iterator[Token]:
    r"""Return the tokens; binary data behind `\bin` is skipped."""
    source = content.decode("latin-1")
    position = 0
    while match := _TOKEN.match(source, position):
        position = match.end()
        kind = match.lastgroup
        if kind == "text":
            yield Token("text", match[0])
        elif kind == "brace":
            yield _OPEN if match[0] == "{" else _CLOSE
        elif kind in ("word", "number"):
            word, digits = match.group("word", "number")
            number = int(digits) if digits else None
            if word == "bin":
                position += max(0, number or 0)
            else:
                yield Token("word", word, number)
        elif kind == "byte":
            yield Token("byte", chr(int(match["byte"], 16)))
        elif kind == "symbol":
            yield Token("word", "par" if match["symbol"] in "\r\n" else match["symbol"])
