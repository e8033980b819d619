"""A second reading of Markdown: the words of the source, without the syntax."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from pipeline.backends.documents.reading import File

_FENCE = re.compile(r"^[ \t>]*(?:[-*+] +|\d+[.)] +)*(?P<fence>`{3,}|~{3,})")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]^][^\]]*\]:\s*\S+.*$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style|template)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TARGET = re.compile(r"\]\([^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?\)|\]\[[^\]\n]{0,200}\]")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+|[^<>\s@]+@[^<>\s@]+)>")
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>")
_SCRIPT = re.compile(r"<(su[bp])>([0-9+−=ni-]{1,8})</\1>")
_FORMATTING = re.compile(r"</?(?:b|i|u|em|strong|span|code|kbd|mark|small)>")
_LINE_START = re.compile(r"^[ \t]*(?:>[ \t]?|[-*+][ \t]+|\d{1,9}[.)][ \t]+|#{1,6}[ \t])*", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A\ufeff?(---|\+\+\+)[ \t]*\n(?:.*\n){0,200}?(?:\1|\.\.\.)[ \t]*(?:\n|\Z)")
_RULE = re.compile(r"^[ \t]*(?:=+|(?:[-*_][ \t]*){2,}|[|:\- \t]*-[|:\- \t]*)$", re.MULTILINE)
_NOTE = re.compile(r"\[\^([^\]\s]+)\]:?")
_MARKS = re.compile(r"(?<!\d)\*+|\*+(?!\d)|`+|\\(?=[!-/:-@\[-`{-~])")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")


def read_markdown_texts(file: File) -> Iterator[str]:
    """Yield the texts of the source paragraph by paragraph; code as written."""
    prose: list[str] = []
    fence = ""
    for line in _FRONT_MATTER.sub("", file.text).splitlines():
        match = _FENCE.match(line)
        if fence:
            if match and match["fence"].startswith(fence):
                fence = ""
            else:
                yield line
        elif match:
            yield from _read_prose("\n".join(prose))
            prose, fence = [], match["fence"]
        elif not _DEFINITION.match(line):
            prose.append(line)
    yield from _read_prose("\n".join(prose))


def _read_prose(text: str) -> Iterator[str]:
    for paragraph in _PARAGRAPH.split(_COMMENT.sub(" ", text)):
        words = _TARGET.sub("]", _RULE.sub("", _LINE_START.sub("", paragraph)))
        words = _NOTE.sub(_read_note, _TAG.sub(" ", _join_words(_AUTOLINK.sub(r"\1", words))))
        plain = html.unescape(_MARKS.sub("", words))
        if plain.strip():
            yield plain.replace("mailto:", "")


def _join_words(text: str) -> str:
    """Remove the tags that stand inside words: H<sub>2</sub>O is one word."""
    return _FORMATTING.sub("", _SCRIPT.sub(r"\2", text)) if "<" in text else text


def _read_note(match: re.Match[str]) -> str:
    label, is_definition = match[1], match[0].endswith(":")
    return label if label.isdecimal() and not is_definition else f" {label} "
