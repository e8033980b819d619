"""Read Markdown: render it as HTML with markdown-it, and read the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from pipeline.backends.documents.readers.html import read_markup
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.parse import Element, build_table_elements
from pipeline.text.markdown import MAX_BRACKETS, split_row, split_tables

HUGE_TABLE_ROWS = 300
"""Rows from which a table is read without the library, which needs 20 µs per cell."""

_FRONT_MATTER = re.compile(
    r"\A\ufeff?(?P<fence>---|\+\+\+)[ \t]*\n(?P<fields>(?:.*\n){0,200}?)(?:(?P=fence)|\.\.\.)[ \t]*(?:\n|\Z)"
)
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(?P<title>.+)$", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"[\w.-]+[ \t]*(?:=|:(?:[ \t]|$))")
_TERM = re.compile(r"(?<=\S)[ \t]*\n:[ \t]+")
_BOLD_LINE = re.compile(r"^(\*\*[^*\n]{1,300}\*\*)[ \t]*\n", re.MULTILINE)
_MATH = re.compile(r"\$\$[^$]{1,5000}\$\$|\$(?![\s$])[^$\n]{0,500}(?<![\s\\])\$(?![\d$])")
_PRODUCT = re.compile(r"(?<=\d)\*(?=\d)")
_NAME = re.compile(r"(?<!\w)__[a-z0-9]+(?:_[a-z0-9]+)*__(?!\w)")
_NOTE = re.compile(r"\[\^([^\]\s]{1,50})\]")
_NOTE_DEFINITION = re.compile(r"\[\^([^\]\s]{1,50})\]:[ \t]*")
_CELL_MARKUP = re.compile(r"[*_`~<\[\\&$!]")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)([^<>]*)>")
_ELEMENTS = frozenset({
    "a", "abbr", "acronym", "address", "area", "article", "aside", "audio", "b", "base", "bdi", "bdo", "big",
    "blockquote", "body", "br", "button", "canvas", "caption", "center", "cite", "code", "col", "colgroup", "data",
    "datalist", "dd", "del", "details", "dfn", "dialog", "dir", "div", "dl", "dt", "em", "embed", "fieldset",
    "figcaption", "figure", "font", "footer", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head",
    "header", "hgroup", "hr", "html", "i", "iframe", "img", "input", "ins", "kbd", "label", "legend", "li", "link",
    "main", "map", "mark", "math", "menu", "meta", "meter", "nav", "noscript", "object", "ol", "optgroup", "option",
    "output", "p", "param", "picture", "pre", "progress", "q", "rp", "rt", "ruby", "s", "samp", "script", "search",
    "section", "select", "slot", "small", "source", "span", "strike", "strong", "style", "sub", "summary", "sup", "svg",
    "table", "tbody", "td", "template", "textarea", "tfoot", "th", "thead", "time", "title", "tr", "track", "tt", "u",
    "ul", "var", "video", "wbr",
})  # fmt: skip
_FORMATTING = frozenset({
    "a", "b", "big", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s", "small", "span", "strong", "sub", "sup",
    "u",
})  # fmt: skip


def read_markdown(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a Markdown file; its title is that of the front matter, otherwise the first heading."""
    text = file.text.replace("\r\n", "\n").replace("\r", "\n")
    title, fields, body = _split_front_matter(text)
    elements = [Element("paragraph", fields)] if fields else []
    language: str | None = None
    for table, part in _split_huge_tables(body):
        if table:
            elements += build_table_elements(
                [[_read_cell(cell, file.name) for cell in split_row(row)] for row in (table[0], *table[2:])]
            )
        elif part.strip():
            elements += read_markup(_RENDERER.render(part), file.name, with_menus=True).elements
    return Reading(elements, title=title, language=language)


def _split_front_matter(text: str) -> tuple[str | None, str, str]:
    """Return the title and the other fields of the front matter, and the text behind it."""
    match = _FRONT_MATTER.match(text)
    if match is None or not _FIELD.match(match["fields"].lstrip("\n")):
        return None, "", text
    title = _TITLE.search(match["fields"])
    fields = _TITLE.sub("", match["fields"]).strip()
    return title["title"].strip().strip("\"'") if title else None, fields, text[match.end() :]


def _split_huge_tables(text: str) -> Iterator[tuple[Sequence[str], str]]:
    """Yield the huge tables as lines, and the text between them."""
    if text.count("|") < 2 * HUGE_TABLE_ROWS:
        yield (), text
        return
    lines: list[str] = []
    for block in split_tables(text.split("\n")):
        if block.kind == "table" and len(block.lines) >= HUGE_TABLE_ROWS:
            yield (), "\n".join(lines)
            lines = []
            yield block.lines, ""
        else:
            lines += block.lines
    yield (), "\n".join(lines)


def _read_cell(cell: str, name: str) -> str:
    if not _CELL_MARKUP.search(cell):
        return cell
    elements = read_markup(_RENDERER.renderInline(cell), name, with_menus=True).elements
    return " ".join(element.text for element in elements)


def _join_terms(state: StateCore) -> None:
    """Join a term with its definition on the next line, which starts with a colon; end lines of bold text only."""
    for token in state.tokens:
        if token.type == "inline":
            if "\n" in token.content:
                token.content = _BOLD_LINE.sub(r"\1  \n", _TERM.sub(": ", token.content))
            if token.content.count("[") > MAX_BRACKETS:  # the library needs quadratic time for them
                token.content = token.content.replace("[", "\\[")


def _keep_numbers(state: StateCore) -> None:
    """Keep the number of an item that skips numbers, as in rules of which one was withdrawn: 1, 2, 4."""
    shown: list[int] = []
    for token in state.tokens:
        if token.type == "ordered_list_open":
            shown.append(int(token.attrGet("start") or 1) - 1)
        elif token.type == "ordered_list_close":
            shown.pop()
        elif token.type == "list_item_open" and token.info:
            number = int(token.info)
            if number > shown[-1] + 1:
                token.attrSet("value", str(number))
            shown[-1] = max(number, shown[-1] + 1)


def _parse_verbatim(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the interface of the library
    """Keep formulas between dollar signs, products such as 2*3*4, and names such as `__init__`, as written."""
    pattern = {"$": _MATH, "_": _NAME, "*": _PRODUCT}.get(state.src[state.pos])
    match = pattern.match(state.src, state.pos, state.posMax) if pattern else None
    if match is None:
        return False
    if not silent:
        state.push("text", "", 0).content = match[0]
    state.pos = match.end()
    return True


def _parse_note_reference(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the interface of the library
    """Write the number of a footnote as superscript, another label in brackets."""
    match = _NOTE.match(state.src, state.pos, state.posMax) if state.src[state.pos] == "[" else None
    if match is None:
        return False
    if not silent and match[1].isdecimal():
        state.push("html_inline", "", 0).content = f"<sup>{match[1]}</sup>"
    elif not silent:
        state.push("text", "", 0).content = f" (note {match[1]})"
    state.pos = match.end()
    return True


def _parse_note_definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - as above
    """Read the definition of a footnote, with the indented lines behind it, as a paragraph where it stands."""
    begin = state.bMarks[start] + state.tShift[start]
    match = _NOTE_DEFINITION.match(state.src, begin, state.eMarks[start])
    if match is None:
        return False
    if silent:
        return True
    lines = [state.src[match.end() : state.eMarks[start]]]
    line = start + 1
    while line < end and not state.isEmpty(line) and not _NOTE_DEFINITION.match(state.src, state.bMarks[line]):
        lines.append(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]])
        line += 1
    state.line = line
    state.push("paragraph_open", "p", 1).map = [start, line]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = f"Note {match[1]}: " + "\n".join(lines), [start, line], []
    state.push("paragraph_close", "p", -1)
    return True


def _escape_unknown_tags(markup: str) -> str:
    """Escape what looks like a tag but is none of HTML, for example `List<Book>` and `<your-name>`."""
    return _TAG.sub(lambda match: match[0] if match[2].lower() in _ELEMENTS else escape(match[0], quote=False), markup)


def _render_html_block(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return _escape_unknown_tags(tokens[index].content)


def _render_html_inline(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    content = tokens[index].content
    match = _TAG.fullmatch(content)
    if match and not match[1] and not match[3] and match[2].lower() in _FORMATTING:
        end = f"</{match[2]}>".lower()
        rest = tokens[index + 1 : index + 200]
        if not any(token.type == "html_inline" and token.content.lower() == end for token in rest):
            return escape(content, quote=False)  # "never write <b>"
    return _escape_unknown_tags(content)


def _build_renderer() -> MarkdownIt:
    library = MarkdownIt("commonmark", {"maxNesting": 40}).enable(["table", "strikethrough"])
    library.core.ruler.before("inline", "terms", _join_terms)
    library.core.ruler.before("inline", "numbers", _keep_numbers)
    library.inline.ruler.before("escape", "verbatim", _parse_verbatim)
    library.inline.ruler.before("link", "note", _parse_note_reference)
    library.block.ruler.before("reference", "note", _parse_note_definition, {"alt": ["paragraph"]})
    library.add_render_rule("html_block", _render_html_block)
    library.add_render_rule("html_inline", _render_html_inline)
    return library


_RENDERER = _build_renderer()
