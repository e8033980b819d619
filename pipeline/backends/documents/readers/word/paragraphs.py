"""Read the content of a Word paragraph: its text with formatting, and what is anchored in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.backends.documents.readers.inline import Change, Span, format_spans
from pipeline.backends.documents.readers.ooxml import (
    Relationship,
    XmlElement,
    attribute,
    child,
    name_of,
    properties_of,
)
from pipeline.backends.documents.readers.symbols import translate_symbol, translate_symbols
from pipeline.backends.documents.readers.word.equations import format_equation
from pipeline.backends.documents.readers.word.fields import PAGE_FIELD, Field, format_box, link_target, read_form_field
from pipeline.backends.documents.readers.word.styles import RunFormat, Styles, combine, read_run_format

MAX_NESTING = 60
"""Inline elements inside each other that are followed, deeper ones are read as plain text; open fields."""

AnchorKind = Literal["footnote", "endnote", "comment", "drawing"]

_CHARACTERS = {"w:tab": "\t", "w:ptab": "\t", "w:cr": "\n", "w:noBreakHyphen": "-"}
_SKIPPED = frozenset({"w:pPr", "w:rPr", "w:sdtPr", "w:sdtEndPr", "w:moveFrom", "w:customXmlPr", "w:smartTagPr"})
_REFERENCES: Mapping[str, AnchorKind] = {
    "w:footnoteReference": "footnote",
    "w:endnoteReference": "endnote",
    "w:commentReference": "comment",
}
_RUN_WRAPPERS = frozenset({"w:ruby", "mc:AlternateContent"})
_HEXADECIMAL = re.compile("[0-9a-fA-F]{1,6}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A note, comment or drawing at a place in the paragraph."""

    kind: AnchorKind
    element: XmlElement
    label: str = ""
    """Number of a note as shown."""


@dataclass(slots=True)
class ParagraphContent:
    """What a paragraph contains."""

    spans: list[Span] = field(default_factory=list)
    anchors: list[Anchor] = field(default_factory=list)
    hidden: bool = False
    """Whether hidden text was left out."""
    page_fields: bool = False
    """Whether page numbers were left out."""

    @property
    def text(self) -> str:
        """The text as Markdown."""
        return format_spans(self.spans).strip()


@dataclass(frozen=True, slots=True)
class _Place:
    """The elements around a run."""

    change: Change = ""
    target: str = ""
    depth: int = 0


NumberNote = Callable[[str, XmlElement], str]
"""Return the number of a footnote or endnote at its reference."""


class ParagraphReader:
    """Reads the paragraphs of one part in order; a field may extend over several of them."""

    def __init__(
        self, styles: Styles, relationships: Mapping[str, Relationship], number_note: NumberNote, *, page_numbers: bool
    ) -> None:
        """Set what the paragraphs refer to; without `page_numbers`, page number fields are left out."""
        self._styles = styles
        self._relationships = relationships
        self._number_note = number_note
        self._page_numbers = page_numbers
        self._fields: list[Field] = []
        self._content = ParagraphContent()
        self._paragraph_format = RunFormat()
        self._handlers: Mapping[str, Callable[[XmlElement, _Place], None]] = {
            "w:r": self._read_run,
            "w:hyperlink": self._read_hyperlink,
            "w:fldSimple": self._read_simple_field,
            "w:sdt": self._read_control,
            "w:ins": self._read_inserted,
            "w:moveTo": self._read_inserted,
            "w:del": self._read_deleted,
            "m:oMath": self._read_equation,
            "mc:AlternateContent": self._read_alternative,
        }

    def read(self, paragraph: XmlElement, style: str) -> ParagraphContent:
        """Read a paragraph."""
        # An instruction does not extend over paragraphs: without this, a field that is not closed hides the rest.
        self._fields = [each for each in self._fields if each.in_result]
        self._content = ParagraphContent()
        self._paragraph_format = self._styles.run_format(style)
        self._walk(paragraph, _Place())
        return self._content

    def _walk(self, container: XmlElement, place: _Place) -> None:
        if place.depth > MAX_NESTING:
            self._add("".join(str(text) for text in container.itertext()), RunFormat(), place)
            return
        inner = _Place(place.change, place.target, place.depth + 1)
        for element in container:
            name = name_of(element)
            if name and name not in _SKIPPED:
                self._handlers.get(name, self._walk)(element, inner)

    def _read_inserted(self, element: XmlElement, place: _Place) -> None:
        self._walk(element, _Place(place.change or "inserted", place.target, place.depth))

    def _read_deleted(self, element: XmlElement, place: _Place) -> None:
        self._walk(element, _Place("deleted", place.target, place.depth))

    def _read_hyperlink(self, element: XmlElement, place: _Place) -> None:
        relationship = self._relationships.get(attribute(element, "r:id"))
        target = relationship.target if relationship and relationship.external else ""
        anchor = attribute(element, "w:anchor")
        if target and anchor and "#" not in target:
            target = f"{target}#{anchor}"
        self._walk(element, _Place(place.change, target, place.depth))

    def _read_simple_field(self, element: XmlElement, place: _Place) -> None:
        instruction = attribute(element, "w:instr")
        if not self._page_numbers and PAGE_FIELD.match(instruction):
            self._content.page_fields = True
            return
        self._walk(element, _Place(place.change, link_target(instruction) or place.target, place.depth))

    def _read_control(self, element: XmlElement, place: _Place) -> None:
        box = child(element, "w:sdtPr", "w14:checkbox")
        if box is not None:
            ticked = attribute(child(box, "w14:checked"), "w14:val") in ("1", "true", "on")
            self._add(format_box(ticked=ticked), RunFormat(), place)
            return
        self._walk(element, place)

    def _read_equation(self, element: XmlElement, place: _Place) -> None:
        self._add(format_equation(element), RunFormat(), place)

    def _read_alternative(self, element: XmlElement, place: _Place) -> None:
        chosen = choose_alternative(element)
        if chosen is not None:
            self._walk(chosen, place)

    def _read_run(self, run: XmlElement, place: _Place) -> None:
        properties = properties_of(run, "w:rPr")
        formatting = self._paragraph_format
        if properties is not None:
            style = attribute(child(properties, "w:rStyle"), "w:val")
            formatting = combine(read_run_format(properties), self._styles.run_format(style), formatting)
        for element in run:
            self._read_run_part(element, formatting, place)

    def _read_run_part(self, element: XmlElement, formatting: RunFormat, place: _Place) -> None:
        name = name_of(element)
        if name in ("w:t", "w:delText"):
            self._add(element.text or "", formatting, place)
        elif name in _CHARACTERS:
            self._add(_CHARACTERS[name], formatting, place)
        elif name == "w:br":
            self._add("\n" if attribute(element, "w:type") in ("", "textWrapping") else " ", formatting, place)
        elif name == "w:sym":
            self._add(_read_symbol(element), formatting, place)
        elif name in ("w:fldChar", "w:instrText"):
            self._read_field_part(element, name, formatting, place)
        elif name in _REFERENCES:
            self._read_reference(element, _REFERENCES[name], place)
        elif name in ("w:drawing", "w:pict", "w:object"):
            self._content.anchors.append(Anchor("drawing", element))
        elif name in _RUN_WRAPPERS:
            self._read_run_wrapper(element, name, formatting, place)

    def _read_run_wrapper(self, element: XmlElement, name: str, formatting: RunFormat, place: _Place) -> None:
        if name == "w:ruby":
            self._read_ruby(element, place)
        elif (chosen := choose_alternative(element)) is not None:
            for part in chosen:
                self._read_run_part(part, formatting, place)

    def _read_field_part(self, element: XmlElement, name: str, formatting: RunFormat, place: _Place) -> None:
        kind = attribute(element, "w:fldCharType")
        if name == "w:instrText":
            if self._fields and not self._fields[-1].in_result:
                self._fields[-1].instruction += element.text or ""
        elif kind == "begin":
            self._add(read_form_field(element), formatting, place)
            if len(self._fields) < MAX_NESTING:
                self._fields.append(Field())
        elif kind == "separate" and self._fields:
            self._fields[-1].in_result = True
        elif kind == "end" and self._fields:
            instruction = self._fields.pop().instruction
            self._content.page_fields |= not self._page_numbers and bool(PAGE_FIELD.match(instruction))

    def _read_reference(self, element: XmlElement, kind: AnchorKind, place: _Place) -> None:
        if kind == "comment":
            self._content.anchors.append(Anchor("comment", element))
            return
        label = self._number_note(kind, element)
        self._content.anchors.append(Anchor(kind, element, label))
        if attribute(element, "w:customMarkFollows") not in ("1", "true", "on"):
            before = self._content.spans[-1].text[-1:] if self._content.spans else ""
            # "20¹" would be read as 201, and "rules¹" not be found as "rules".
            self._content.spans += [Span(" ")] * before.isalnum() + [Span(label, place.change, "super")]

    def _read_ruby(self, element: XmlElement, place: _Place) -> None:
        base, reading = child(element, "w:rubyBase"), child(element, "w:rt")
        if base is not None:
            self._walk(base, place)
        if reading is not None:
            self._add("(", RunFormat(), place)
            self._walk(reading, place)
            self._add(")", RunFormat(), place)

    def _is_shown(self) -> bool:
        if any(not each.in_result for each in self._fields):
            return False
        return self._page_numbers or not any(PAGE_FIELD.match(each.instruction) for each in self._fields)

    def _add(self, text: str, formatting: RunFormat, place: _Place) -> None:
        if not text or (self._fields and not self._is_shown()):
            return
        if formatting.hidden:
            self._content.hidden |= bool(text.strip())
            return
        change: Change = place.change
        if formatting.struck and change != "deleted":
            change = "struck"
        target = place.target
        if self._fields and not target:
            target = next((each.target for each in reversed(self._fields) if each.target), "")
        script = formatting.script if formatting.script in ("super", "sub") else ""
        self._content.spans.append(
            Span(translate_symbols(text, formatting.font or ""), change, script, target)  # type: ignore[arg-type]
        )


def choose_alternative(element: XmlElement) -> XmlElement | None:
    """Return one of the copies of the same content in `mc:AlternateContent`."""
    chosen = child(element, "mc:Choice")
    return chosen if chosen is not None else child(element, "mc:Fallback")


def _read_symbol(element: XmlElement) -> str:
    code = attribute(element, "w:char")
    return translate_symbol(int(code, 16), attribute(element, "w:font")) if _HEXADECIMAL.fullmatch(code) else ""
