"""Walk the tree of a page and build its elements in reading order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from selectolax.lexbor import LexborNode

from pipeline.backends.documents.readers.markup import inlines, tables
from pipeline.backends.documents.readers.markup.inlines import InlineText, Style
from pipeline.backends.documents.readers.markup.links import LinkResolver
from pipeline.backends.documents.readers.markup.menus import find_link_lists, is_menu
from pipeline.backends.documents.readers.markup.numbering import ItemNumbers
from pipeline.backends.documents.readers.markup.tree import Attributes, Page, attribute, children, is_shown
from pipeline.parse import Element, Kind, build_table_elements

_BLOCK_TAGS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "details", "dialog", "dir", "div", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "html", "legend", "main", "menu", "nav",
    "p", "search", "section", "summary", "dl", "ul", "ol", "li", "dd", "dt", "table", "tr", "td", "th", "tbody",
    "thead", "tfoot", "caption", "optgroup", "option", "slot",
})  # fmt: skip
_HEADING = re.compile(r"h([1-6])")
_PARAGRAPHS = re.compile(r"\n{2,}")
_FENCE = re.compile(r"`{3,}")


class BlockReader:
    """Builds the elements of a page."""

    def __init__(self, page: Page, links: LinkResolver, *, with_menus: bool) -> None:
        """Prepare to read a page; `with_menus` reads its menus and banners as well."""
        self._page = page
        self._links = links
        self._with_menus = with_menus
        self._link_lists = frozenset() if with_menus else find_link_lists(page)
        self._elements: list[Element] = []
        self._text = InlineText()
        self._kind: Kind = "paragraph"
        self._level = 0
        self._marker = "-"
        self._prefix = ""
        self._list_depth = 0
        self._in_cell = False
        self._expanded: set[str] = set()

    def read(self, node: LexborNode) -> list[Element]:
        """Return the elements of a node and its descendants."""
        self._visit_children(node, Style())
        self._flush()
        return self._elements

    def _visit_children(self, node: LexborNode, style: Style) -> None:
        for child in children(node):
            if child.is_text_node:
                self._text.add(child.text_content or "", style)
            elif child.is_element_node:
                self._visit(child, style)

    def _visit(self, node: LexborNode, style: Style) -> None:
        tag = node.tag or ""
        attributes = node.attributes
        if not is_shown(node, attributes) or self._is_skipped(node, attributes):
            return
        if not style.struck and self._page.is_struck(node, attributes):
            style = replace(style, struck=True)
        special = self._VISITS.get(tag)
        if special is not None:
            special(self, node, style)
        elif match := _HEADING.fullmatch(tag):
            self._visit_heading(node, style, int(match[1]))
        elif attributes.get("role") == "heading":
            level = attributes.get("aria-level") or ""
            self._visit_heading(node, style, int(level) if level in set("123456") else 2)
        elif tag in _BLOCK_TAGS:
            self._flush()
            self._visit_children(node, style)
            self._flush()
        else:
            self._visit_children(node, style)

    def _is_skipped(self, node: LexborNode, attributes: Attributes) -> bool:
        if "katex-html" in (attributes.get("class") or ""):  # the same formula as the `math` element next to it
            return True
        return not self._with_menus and (node.mem_id in self._link_lists or is_menu(node, attributes))

    def _flush(self) -> None:
        """Add the collected text as an element; its first paragraph gets the pending kind, number and term."""
        text = self._text.take()
        if not text:
            return
        if self._in_cell or self._kind == "heading":
            self._add(text.replace("\n", " "))
            return
        for part in _PARAGRAPHS.split(text):
            self._add(part)

    def _add(self, text: str) -> None:
        if self._prefix:
            separator = "" if self._prefix.endswith((":", "?", "!")) else ":"
            text, self._prefix = f"{self._prefix}{separator} {text}", ""
        self._elements.append(Element(self._kind, text, level=self._level, marker=self._marker))
        if self._kind == "item":
            self._kind, self._level, self._marker = "paragraph", 0, "-"

    def _visit_heading(self, node: LexborNode, style: Style, level: int) -> None:
        self._flush()
        before = self._kind, self._level, self._marker
        self._kind, self._level = ("paragraph", 0) if self._in_cell else ("heading", level)
        self._visit_children(node, style)
        self._flush()
        self._kind, self._level, self._marker = before

    def _visit_list(self, node: LexborNode, style: Style) -> None:
        self._flush()
        numbers = ItemNumbers(node)
        self._list_depth += 1
        for child in children(node):
            if child.tag == "li" and is_shown(child):
                self._kind, self._level, self._marker = "item", self._list_depth - 1, numbers.next_marker(child)
                self._visit(child, style)
                self._kind, self._level, self._marker = "paragraph", 0, "-"
            elif child.is_element_node:
                self._visit(child, style)
        self._list_depth -= 1
        self._flush()

    def _visit_term(self, node: LexborNode, style: Style) -> None:
        self._flush()
        before, terms = self._take_elements(), self._prefix
        self._prefix = ""
        self._visit_children(node, style)
        self._flush()
        term = " ".join(element.text for element in self._elements)
        self._elements = before
        self._prefix = ", ".join(filter(None, (terms, term)))

    def _visit_description_list(self, node: LexborNode, style: Style) -> None:
        self._flush()
        self._visit_children(node, style)
        self._flush()
        if self._prefix:  # a term without a description
            prefix, self._prefix = self._prefix, ""
            self._add(prefix)

    def _visit_table(self, node: LexborNode, style: Style) -> None:
        self._flush()
        rows = tables.read_rows(node)
        for child in children(node):
            if child.tag == "caption" and is_shown(child):
                self._visit_children(child, style)
                self._flush()
        if self._in_cell or tables.is_layout(node, rows):
            for row in rows:
                for cell in row.cells:
                    self._visit(cell.node, style)
            return
        grid = tables.build_grid(rows, lambda cell: self._read_cell(cell, style))
        self._elements += build_table_elements(grid)

    def _read_cell(self, cell: tables.Cell, style: Style) -> str:
        text = _read_only_text(cell.node)
        if text is not None and not style.struck and not self._page.is_struck(cell.node, cell.attributes):
            return " ".join(text.split())
        with self._nested():
            self._visit(cell.node, style)
            self._flush()
            return " ".join(
                text for element in self._elements if (text := f"{_shown_marker(element)}{element.text}".strip())
            )

    @contextmanager
    def _nested(self) -> Iterator[None]:
        """Collect elements apart, as for a table cell."""
        state = self._in_cell, self._kind, self._level, self._marker, self._prefix
        before = self._take_elements()
        self._in_cell, self._kind, self._level, self._marker, self._prefix = True, "paragraph", 0, "-", ""
        yield
        self._in_cell, self._kind, self._level, self._marker, self._prefix = state
        self._elements = before

    def _take_elements(self) -> list[Element]:
        before, self._elements = self._elements, []
        return before

    def _visit_code(self, node: LexborNode, style: Style) -> None:
        if self._in_cell:
            self._text.add_separate(inlines.read_code(node), style)
            return
        self._flush()
        code = inlines.read_code(node).removeprefix("\n").rstrip()
        if code.strip():
            longest = max((len(mark) for mark in _FENCE.findall(code)), default=2)
            fence = "`" * (longest + 1)
            self._elements.append(Element("code", f"{fence}{inlines.find_code_language(node)}\n{code}\n{fence}"))

    def _visit_link(self, node: LexborNode, style: Style) -> None:
        target = self._links.resolve(attribute(node, "href"))
        self._visit_children(node, replace(style, target=target) if target else style)

    def _visit_script(self, node: LexborNode, style: Style) -> None:
        self._text.start_script()
        self._visit_children(node, style.with_script(node.tag))

    def _visit_abbreviation(self, node: LexborNode, style: Style) -> None:
        self._visit_children(node, style)
        title = " ".join(attribute(node, "title").split())
        if title and title not in self._expanded and title.casefold() != node.text().strip().casefold():
            self._expanded.add(title)
            self._text.add(f" ({title})", style)

    def _visit_quotation(self, node: LexborNode, style: Style) -> None:
        self._text.add("“", style)
        self._visit_children(node, style)
        self._text.add("”", style)

    def _visit_ruby_text(self, node: LexborNode, style: Style) -> None:
        self._text.add("(", style)
        self._visit_children(node, style)
        self._text.add(")", style)

    def _visit_frame(self, node: LexborNode, style: Style) -> None:
        source = attribute(node, "srcdoc")
        if source and not self._in_cell:
            self._flush()
            page = Page(source)
            if page.body is not None and page.select("iframe[srcdoc]") is None:
                self._elements += BlockReader(page, self._links, with_menus=self._with_menus).read(page.body)

    def _visit_separate(self, node: LexborNode, style: Style) -> None:
        self._text.add(" ", style)
        self._visit_children(node, style)
        self._text.add(" ", style)

    def _visit_drawing(self, node: LexborNode, style: Style) -> None:
        self._text.add(" ", style)
        for text in node.css("text"):
            self._text.add_separate(text.text(), style)

    def _visit_break(self, node: LexborNode, style: Style) -> None:
        self._text.add_line_break()

    def _visit_image(self, node: LexborNode, style: Style) -> None:
        self._text.add_separate(attribute(node, "alt"), style)

    def _visit_input(self, node: LexborNode, style: Style) -> None:
        self._text.add_separate(inlines.format_input(node), style)

    def _visit_options(self, node: LexborNode, style: Style) -> None:
        self._text.add_separate(inlines.format_options(node), style)

    def _visit_math(self, node: LexborNode, style: Style) -> None:
        self._text.add_separate(inlines.format_math(node), style)

    _VISITS: ClassVar[Mapping[str, Callable[[BlockReader, LexborNode, Style], None]]] = {
        "ul": _visit_list,
        "ol": _visit_list,
        "menu": _visit_list,
        "dl": _visit_description_list,
        "dt": _visit_term,
        "table": _visit_table,
        "pre": _visit_code,
        "listing": _visit_code,
        "xmp": _visit_code,
        "a": _visit_link,
        "sup": _visit_script,
        "sub": _visit_script,
        "abbr": _visit_abbreviation,
        "acronym": _visit_abbreviation,
        "q": _visit_quotation,
        "rt": _visit_ruby_text,
        "iframe": _visit_frame,
        "button": _visit_separate,
        "textarea": _visit_separate,
        "output": _visit_separate,
        "meter": _visit_separate,
        "progress": _visit_separate,
        "svg": _visit_drawing,
        "br": _visit_break,
        "img": _visit_image,
        "input": _visit_input,
        "select": _visit_options,
        "math": _visit_math,
    }
    """What reads the elements that are more than a block or a stretch of text."""


def _read_only_text(node: LexborNode) -> str | None:
    """Return the text of an element that contains nothing but one text node."""
    child = node.child
    return child.text_content if child is not None and child.is_text_node and child.next is None else None


def _shown_marker(element: Element) -> str:
    return f"{element.marker} " if element.kind == "item" and element.marker != "-" else ""
