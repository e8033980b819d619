"""Read the content of an OpenDocument paragraph: its text with formatting, and what is anchored in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pipeline.backends.documents.readers.inline import Change, Span, format_spans
from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, descendants, name_of
from pipeline.backends.documents.readers.opendocument.styles import Styles, TextFormat, to_int

MAX_NESTING = 60
"""Inline elements inside each other that are followed; deeper ones are read as plain text."""
MAX_SPACES = 100
"""Spaces in a row that are kept."""

_SPACES = re.compile(r"[ \t\r\n]+")
_PAGE_NUMBERS = frozenset({"text:page-number", "text:page-count", "text:page-continuation"})
_DRAWN = frozenset({"draw:frame", "draw:custom-shape", "draw:rect", "draw:g"})
_ANCHORED = frozenset({"draw:a", "text:note", "office:annotation"}) | _DRAWN
_SKIPPED = frozenset({"text:tracked-changes", "office:annotation-end", "text:note-citation", "text:label"})


@dataclass(slots=True)
class ParagraphContent:
    """What a paragraph contains."""

    spans: list[Span] = field(default_factory=list)
    anchored: list[XmlElement] = field(default_factory=list)
    """Notes, comments and drawings."""
    hidden: bool = False
    """Whether hidden text was left out."""
    page_numbers: bool = False
    """Whether page numbers were left out."""

    @property
    def text(self) -> str:
        """The text as Markdown."""
        return format_spans(self.spans).strip()


@dataclass(frozen=True, slots=True)
class _Place:
    """The elements around a text."""

    formatting: TextFormat
    target: str = ""
    depth: int = 0


class ParagraphReader:
    """Reads paragraphs in order; a tracked insertion may extend over several of them."""

    def __init__(self, styles: Styles, deletions: Mapping[str, XmlElement], insertions: frozenset[str]) -> None:
        """Set the styles and the tracked changes."""
        self._styles = styles
        self._deletions = deletions
        self._insertions = insertions
        self._open: set[str] = set()
        self._content = ParagraphContent()
        self._handlers: Mapping[str, Callable[[XmlElement, _Place], None]] = {
            "text:s": self._read_spaces,
            "text:tab": lambda _, place: self._add("\t", place),
            "text:line-break": lambda _, place: self._add("\n", place),
            "text:change": self._read_deletion,
            "text:change-start": self._open_insertion,
            "text:change-end": lambda element, _: self._open.discard(attribute(element, "text:change-id")),
            "text:ruby-text": self._read_ruby_text,
        }

    def read(self, paragraph: XmlElement) -> ParagraphContent:
        """Read a paragraph or heading."""
        self._content = ParagraphContent()
        style = attribute(paragraph, "text:style-name")
        self._walk(paragraph, _Place(self._styles.text_format("paragraph", style)))
        return self._content

    def _walk(self, container: XmlElement, place: _Place) -> None:
        if place.depth > MAX_NESTING:
            self._add(" ".join(str(text) for text in container.itertext()), place)
            return
        self._add_text(container.text, place)
        inner = replace(place, depth=place.depth + 1)
        for element in container:
            name = name_of(element)
            if name in self._handlers:
                self._handlers[name](element, inner)
            elif name in _ANCHORED:
                self._read_anchored(element, name, inner)
            elif name in _PAGE_NUMBERS:
                self._content.page_numbers = True
            elif name and name not in _SKIPPED:
                self._read_inline(element, name, inner)
            self._add_text(element.tail, place)

    def _read_inline(self, element: XmlElement, name: str, place: _Place) -> None:
        style = attribute(element, "text:style-name")
        if name in ("text:span", "text:a") and style:
            place = replace(place, formatting=self._styles.text_format("text", style).over(place.formatting))
        if name == "text:a":
            place = replace(place, target=attribute(element, "xlink:href"))
        if name == "text:hidden-text" or attribute(element, "text:is-hidden") == "true":
            self._content.hidden = True
            return
        self._walk(element, place)

    def _read_anchored(self, element: XmlElement, name: str, place: _Place) -> None:
        if name == "draw:a":  # a link around a picture
            self._content.anchored += [each for each in element if name_of(each) in _DRAWN]
            return
        self._content.anchored.append(element)
        if name == "text:note":
            label = note_label(element)
            before = self._content.spans[-1].text[-1:] if self._content.spans else ""
            self._content.spans += [Span(" ")] * before.isalnum() + [Span(label, self._change(place), "super")]

    def _read_deletion(self, element: XmlElement, place: _Place) -> None:
        deletion = self._deletions.get(attribute(element, "text:change-id"))
        texts = ["".join(str(text) for text in each.itertext()) for each in descendants(deletion, "text:p", "text:h")]
        if any(texts):
            self._content.spans.append(Span(" ".join(texts), "deleted", "", place.target))

    def _open_insertion(self, element: XmlElement, _: _Place) -> None:
        identifier = attribute(element, "text:change-id")
        if identifier in self._insertions:
            self._open.add(identifier)

    def _read_ruby_text(self, element: XmlElement, place: _Place) -> None:
        self._add(f"({''.join(str(text) for text in element.itertext())})", place)

    def _read_spaces(self, element: XmlElement, place: _Place) -> None:
        self._add(" " * min(to_int(attribute(element, "text:c"), 1), MAX_SPACES), place)

    def _add_text(self, text: str | None, place: _Place) -> None:
        if text:
            text = _SPACES.sub(" ", text)
            ends_with_space = self._content.spans and self._content.spans[-1].text.endswith(" ")
            self._add(text.lstrip(" ") if ends_with_space else text, place)

    def _add(self, text: str, place: _Place) -> None:
        if place.formatting.hidden:
            self._content.hidden |= bool(text.strip())
        elif text:
            self._content.spans.append(Span(text, self._change(place), place.formatting.script or "", place.target))

    def _change(self, place: _Place) -> Change:
        if place.formatting.struck:
            return "struck"
        return "inserted" if self._open else ""


def note_label(note: XmlElement) -> str:
    """Return the number of a footnote or endnote as shown."""
    citation = child(note, "text:note-citation")
    return "".join(str(text) for text in citation.itertext()).strip() if citation is not None else ""
