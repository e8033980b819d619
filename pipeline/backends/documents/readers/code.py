"""Read source code: blocks of definitions with the language of the file; its name is the title."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import CODE_LANGUAGES, extension_of
from pipeline.parse import Element
from pipeline.text.cleaning import clean_line, clean_text

_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+(?=\S)")
_CONTINUES = re.compile(r"[)}\]]|else\b|elif\b|except\b|finally\b|catch\b|end\b")
_BLOCK_CHARS = 700
"""Characters up to which short definitions are joined in one block."""


def read_code(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read source code; a block ends at a blank line before a line without indentation."""
    language = CODE_LANGUAGES.get(extension_of(file.name), "")
    text = clean_text(file.text).expandtabs(4)
    elements = [build_code(part, language) for part in _split_definitions(text)]
    return Reading(elements, title=clean_line(re.split(r"[/\\]", file.name)[-1], 200))


def build_code(text: str, language: str) -> Element:
    """Build a fenced code block; its fence is longer than those in the code."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return Element("code", f"{fence}{language}\n{text.strip(chr(10)).rstrip()}\n{fence}")


def _split_definitions(text: str) -> Iterator[str]:
    block = ""
    start = 0
    for match in [*_BLANK_LINES.finditer(text), None]:
        if match is not None and (text[match.end() - 1] in " \t" or _CONTINUES.match(text, match.end())):
            continue
        part = text[start : match.start() if match else len(text)].strip("\n")
        if block and len(block) + len(part) > _BLOCK_CHARS:
            yield block
            block = ""
        block += ("\n\n" if block else "") + part
        start = match.end() if match else len(text)
    if block.strip():
        yield block
