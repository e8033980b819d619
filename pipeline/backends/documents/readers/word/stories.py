"""Read the stories of a Word document: its body, each header and footer, the notes and the comments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.backends.documents.readers.charts import read_chart, read_diagram
from pipeline.backends.documents.readers.embedded import EmbeddedFiles
from pipeline.backends.documents.readers.number_formats import to_roman
from pipeline.backends.documents.readers.ooxml import (
    Package,
    Relationship,
    XmlElement,
    attribute,
    child,
    children,
    name_of,
    properties_of,
)
from pipeline.backends.documents.readers.word.drawings import DrawingPart, find_drawing_parts
from pipeline.backends.documents.readers.word.equations import format_equation
from pipeline.backends.documents.readers.word.numbering import Numbering
from pipeline.backends.documents.readers.word.paragraphs import Anchor, ParagraphReader, choose_alternative
from pipeline.backends.documents.readers.word.styles import Styles
from pipeline.backends.documents.readers.word.tables import Row, read_grid, read_rows
from pipeline.parse import Element, build_table_elements

MAX_NESTING = 25
"""Tables and text boxes inside each other that are read with their structure; deeper ones as plain text."""
MAX_PAGE_LABEL_WORDS = 3
"""Words around a page number, as in "Page 3 of 7", that are left out with it."""


@dataclass(slots=True)
class Document:
    """What the stories of a document share, and what was found in them."""

    package: Package
    styles: Styles
    numbering: Numbering
    files: EmbeddedFiles
    notes: dict[tuple[str, str], tuple[str, XmlElement]] = field(default_factory=dict)
    """Part and element of each footnote, endnote and comment by its kind and identifier."""
    numbers: Counter[str] = field(default_factory=Counter)
    """Footnotes and endnotes that were referred to."""
    hidden_paragraphs: int = 0

    def number_note(self, kind: str, reference: XmlElement) -> str:
        """Return the next number of a footnote or endnote as Word shows it by default."""
        if (kind, attribute(reference, "w:id")) not in self.notes:
            return ""
        self.numbers[kind] += 1
        return to_roman(self.numbers[kind]) if kind == "endnote" else str(self.numbers[kind])


class Story:
    """The content of one part."""

    def __init__(self, document: Document, part: str, *, marginal: bool = False) -> None:
        """Prepare reading a part; `marginal` for headers and footers, whose page numbers are left out."""
        self._document = document
        self._marginal = marginal
        self._relationships: dict[str, Relationship] = document.package.relationships(part)
        self._paragraphs = ParagraphReader(
            document.styles, self._relationships, document.number_note, page_numbers=not marginal
        )

    def read(self, container: XmlElement, depth: int = 0) -> Iterator[Element]:
        """Return the elements of a body, text box, note or other container of paragraphs."""
        for element in container:
            name = name_of(element)
            if name == "w:p":
                main, anchored = self._read_paragraph(element, depth)
                yield from main
                yield from anchored
            elif name == "w:tbl":
                yield from self._read_table(element, depth + 1)
            else:
                yield from self._read_other(element, name, depth + 1)

    def _read_other(self, element: XmlElement, name: str, depth: int) -> Iterator[Element]:
        if name == "w:altChunk":
            yield from self._read_file_of(attribute(element, "r:id"))
        elif name == "mc:AlternateContent":
            chosen = choose_alternative(element)
            if chosen is not None and depth <= MAX_NESTING:
                yield from self.read(chosen, depth)
        elif name in ("m:oMathPara", "m:oMath"):
            yield Element("paragraph", format_equation(element))
        elif name and not name.endswith("Pr") and name != "w:moveFrom":
            yield from self.read(element, depth) if depth <= MAX_NESTING else _read_plain(element)

    def _read_paragraph(self, paragraph: XmlElement, depth: int) -> tuple[list[Element], list[Element]]:
        """Return the element of a paragraph, if it has text, and those of what is anchored in it."""
        document = self._document
        properties = properties_of(paragraph, "w:pPr")
        style = document.styles.style_of(properties)
        content = self._paragraphs.read(paragraph, style)
        document.hidden_paragraphs += content.hidden
        label = document.numbering.label(properties, style)
        text = content.text
        if content.page_fields:
            text = _remove_page_labels(text)
        anchored = [element for anchor in content.anchors for element in self._read_anchor(anchor, depth + 1)]
        if not text:
            return [], anchored
        marker, level = (label.marker, label.level) if label else ("", 0)
        outline = self._find_outline_level(properties, style)
        if outline is not None:
            return [Element("heading", " ".join(f"{marker.rstrip('-')} {text}".split()), level=outline)], anchored
        if marker:
            return [Element("item", text, level=level, marker=marker)], anchored
        return [Element("paragraph", text)], anchored

    def _find_outline_level(self, properties: XmlElement | None, style: str) -> int | None:
        if self._marginal:
            return None
        if self._document.styles.is_title(style):
            return 1
        level = attribute(child(properties, "w:outlineLvl"), "w:val")
        if level.isdigit():
            return int(level) + 1 if int(level) < 9 else None
        return self._document.styles.outline_level(style)

    def _read_table(self, table: XmlElement, depth: int) -> Iterator[Element]:
        if depth > MAX_NESTING:
            yield from _read_plain(table)
            return
        rows = read_rows(table)
        if len(rows) < 2 or max(len(row.cells) for row in rows) < 2:  # layout
            for row in rows:
                for cell in row.cells:
                    yield from self.read(cell.element, depth)
            return
        anchored: list[Element] = []
        grid = read_grid(rows, lambda cell: self._read_cell(cell, depth, anchored))
        yield from build_table_elements(grid)
        yield from anchored

    def _read_cell(self, cell: XmlElement, depth: int, anchored: list[Element]) -> str:
        """Return the text of a cell; what is anchored in it is added to a list."""
        lines: list[str] = []
        for element in cell:
            name = name_of(element)
            if name == "w:p":
                main, more = self._read_paragraph(element, depth)
                lines += [_format_line(each) for each in main]
                anchored += more
            elif name == "w:tbl":
                lines += self._read_nested_rows(read_rows(element), depth + 1, anchored)
            elif name.startswith("w:") and not name.endswith("Pr") and name != "w:moveFrom":
                lines.append(self._read_cell(element, depth + 1, anchored) if depth <= MAX_NESTING else "")
        return "\n".join(filter(None, lines))

    def _read_nested_rows(self, rows: list[Row], depth: int, anchored: list[Element]) -> list[str]:
        """Return a line for each row of a table inside a cell."""
        if depth > MAX_NESTING:
            return [" ".join(text for row in rows for cell in row.cells for text in _read_texts(cell.element))]
        texts = [[self._read_cell(cell.element, depth, anchored) for cell in row.cells] for row in rows]
        lines = [", ".join(" ".join(text.split()) for text in row if text) for row in texts if any(row)]
        return [f"{line};" for line in lines[:-1]] + lines[-1:]

    def _read_anchor(self, anchor: Anchor, depth: int) -> Iterator[Element]:
        if depth > MAX_NESTING:
            yield from _read_plain(anchor.element)
        elif anchor.kind == "drawing":
            parts = list(find_drawing_parts(anchor.element))
            described = any(part.kind in ("text", "text_box", "chart", "diagram", "object") for part in parts)
            for part in parts:
                yield from self._read_drawing_part(part, described=described, depth=depth)
        else:
            yield from read_note(self._document, anchor.kind, attribute(anchor.element, "w:id"), anchor.label, depth)

    def _read_drawing_part(self, part: DrawingPart, *, described: bool, depth: int) -> Iterator[Element]:
        target = self._find_target(part.reference)
        if part.kind == "text" and part.text.strip():
            yield Element("paragraph", part.text)
        elif part.kind == "text_box" and part.element is not None:
            yield from self.read(part.element, depth)
        elif part.kind == "picture" and target and not (described or self._marginal):
            self._document.files.pictures[target] = part.square_points
        elif part.kind in ("chart", "diagram") and target:
            root = self._document.package.parse(target)
            read = read_chart if part.kind == "chart" else read_diagram
            yield from read(root) if root is not None else ()
        elif part.kind == "object":
            yield from self._read_file_of(part.reference)

    def _find_target(self, reference: str) -> str:
        relationship = self._relationships.get(reference)
        return "" if relationship is None or relationship.external else relationship.target

    def _read_file_of(self, reference: str) -> list[Element]:
        name = self._find_target(reference)
        content = self._document.package.read(name) if name else b""
        return self._document.files.read(name, content) if content else []


def index_notes(document: Document, kind: str, part: str) -> None:
    """Index the footnotes, endnotes or comments of a part; separators between text and notes are left out."""
    for note in children(document.package.parse(part), f"w:{kind}"):
        if attribute(note, "w:type") in ("", "normal"):
            document.notes[kind, attribute(note, "w:id")] = part, note


def read_note(document: Document, kind: str, identifier: str, label: str, depth: int) -> Iterator[Element]:
    """Return a note or comment as paragraphs; each is returned once."""
    part, note = document.notes.pop((kind, identifier), ("", None))
    if note is None:
        return
    author = " ".join(attribute(note, "w:author").split())
    prefix = f"Comment by {author}:" if kind == "comment" and author else f"{kind.capitalize()}:"
    if kind != "comment":
        prefix = f"Note {label}:" if label else "Note:"
    elements = list(Story(document, part).read(note, depth))
    if elements and elements[0].kind != "table":
        elements[0] = Element("paragraph", f"{prefix} {_format_line(elements[0])}")
    yield from elements


def _format_line(element: Element) -> str:
    return f"{element.marker} {element.text}" if element.kind == "item" else element.text


def _remove_page_labels(text: str) -> str:
    """Remove the stretches around a page number, which was left out, that only say that it is one."""
    stretches = [stretch.strip() for stretch in text.replace("\n", "\t").split("\t")]
    kept = [each for each in stretches if any(map(str.isdigit, each)) or len(each.split()) > MAX_PAGE_LABEL_WORDS]
    return "\t".join(kept)


def _read_texts(element: XmlElement) -> Iterator[str]:
    return (text for node in element.iter() if name_of(node) in ("w:t", "w:delText") and (text := node.text or ""))


def _read_plain(element: XmlElement) -> list[Element]:
    text = " ".join(_read_texts(element))
    return [Element("paragraph", text)] if text else []
