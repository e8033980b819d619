"""Collect the inline text of a block: runs of text with their formatting, and what stands for other elements."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from selectolax.lexbor import LexborNode

from pipeline.backends.documents.readers.inline import Span, format_spans
from pipeline.backends.documents.readers.markup.tree import attribute, children

Script = Literal["", "super", "sub"]

_SPACES = re.compile(r"[ \t\n\r\f\u00a0]+")
_WORD_ENDING = re.compile(r"[^\W\d_]{1,20}")
_LINE = re.compile(r"[ ]*\n[ ]*")
_BRACKETS = str.maketrans("", "", "[]")
_SHOWN_INPUTS = frozenset({
    "text", "email", "tel", "url", "number", "date", "time", "datetime-local", "month", "week", "color", "range",
    "search",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """The formatting of inline text."""

    struck: bool = False
    script: Script = ""
    target: str = ""

    def with_script(self, tag: str | None) -> Style:
        """Return the style inside a `sup` or `sub` element."""
        script: Script = "super" if tag == "sup" else "sub"
        return replace(self, script=script)


class InlineText:
    """The text of a block before it is formatted; whitespace is collapsed as a browser does."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._at_space = True

    def add(self, text: str, style: Style) -> None:
        """Add the text of a text node."""
        text = _SPACES.sub(" ", text)
        if self._at_space:
            text = text.removeprefix(" ")
        if not text:
            return
        self._at_space = text.endswith(" ")
        text = text if style.target else self._complete_link(text)
        if not text:
            return
        if style.script == "super":  # "[1]" would look like a citation
            text = text.translate(_BRACKETS)
        self._spans.append(Span(text, "struck" if style.struck else "", style.script, style.target))

    def _complete_link(self, text: str) -> str:
        """Add the rest of a word to the link inside it, as in `<a>rule</a>s`; return the text behind it."""
        last = self._spans[-1] if self._spans else None
        ending = _WORD_ENDING.match(text)
        if last is None or ending is None or not last.target or not last.text[-1:].isalpha():
            return text
        self._spans[-1] = replace(last, text=last.text + ending[0])
        return text[ending.end() :]

    def add_separate(self, text: str, style: Style) -> None:
        """Add text that spaces separate from what stands next to it."""
        self.add(f" {text} ", style)

    def start_script(self) -> None:
        """Separate a superscript from the one before it: notes 1 and 2 are not note 12."""
        if self._spans and self._spans[-1].script:
            self._spans.append(Span(" "))

    def add_line_break(self) -> None:
        """End the line."""
        self._spans.append(Span("\n"))
        self._at_space = True

    def take(self) -> str:
        """Return the formatted text and start the next one."""
        spans, self._spans, self._at_space = self._spans, [], True
        if len(spans) == 1 and spans[0] == Span(spans[0].text):
            return spans[0].text.strip()
        text = format_spans(spans).strip() if spans else ""
        return _LINE.sub("\n", text) if "\n" in text else text


def format_input(node: LexborNode) -> str:
    """Return what an input field shows: its value, or whether a box is ticked."""
    kind = attribute(node, "type").lower() or "text"
    if kind in ("checkbox", "radio"):
        return "[x]" if "checked" in node.attributes else "[ ]"
    return attribute(node, "value") if kind in _SHOWN_INPUTS else ""


def format_options(node: LexborNode) -> str:
    """Return the options of a selection list, with the selected ones marked."""
    options = []
    for option in node.css("option"):
        label = " ".join((option.text() or attribute(option, "label")).split())
        options.append(f"{label} (selected)" if label and "selected" in option.attributes else label)
    return ", ".join(filter(None, options))


def format_math(node: LexborNode) -> str:
    """Return a formula: its TeX source if the page contains it, otherwise its text."""
    source = next((each for each in node.css("annotation") if "tex" in attribute(each, "encoding")), None)
    if source is not None:
        return f"${' '.join(source.text().split())}$"
    return attribute(node, "alttext") or " ".join(node.text(separator=" ").split())


def read_code(node: LexborNode) -> str:
    """Return the text of preformatted code as written."""
    if node.css_first("br") is None:
        return str(node.text())
    return "".join(_code_parts(node))


def _code_parts(node: LexborNode) -> list[str]:
    parts: list[str] = []
    for child in children(node):
        if child.is_text_node:
            parts.append(child.text_content or "")
        elif child.tag == "br":
            parts.append("\n")
        elif child.is_element_node:
            parts += _code_parts(child)
    return parts


def find_code_language(node: LexborNode) -> str:
    """Return the language of a code block from its classes, for example `language-py`; empty if not stated."""
    code = node.css_first("code")
    parent = node.parent
    for each in (code, node, parent):
        names = attribute(each, "class") if each is not None else ""
        match = re.search(r"(?:^|\s)(?:lang(?:uage)?|highlight-source|brush:?)[- :]\s*([\w+#.-]{1,20})", names)
        if match:
            return match[1]
    return ""
