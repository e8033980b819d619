"""Fields of Word documents: links, form fields and page numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, children, is_on

_HYPERLINK = re.compile(r'\s*HYPERLINK\s+(?!\\)(?:"([^"]*)"|([^\s"\\]\S*))', re.IGNORECASE)
_ANCHOR = re.compile(r'\\l\s+"([^"]*)"', re.IGNORECASE)
PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)
"""Instruction of a field that shows a page number or a number of pages."""


@dataclass(slots=True)
class Field:
    """A field that has begun and not ended yet."""

    instruction: str = ""
    in_result: bool = False
    """Whether its instruction is complete; only the result is shown."""

    @property
    def target(self) -> str:
        """Target of a link; empty for other fields."""
        return link_target(self.instruction) if self.in_result else ""


def link_target(instruction: str) -> str:
    """Return the address in the instruction of a HYPERLINK field."""
    match = _HYPERLINK.match(instruction)
    if not match:
        return ""
    address = match[1] or match[2] or ""
    anchor = _ANCHOR.search(instruction)
    return f"{address}#{anchor[1]}" if anchor and address else address


def read_form_field(begin: XmlElement) -> str:
    """Return the value of a check box or drop-down list; the value of a text field is the field's result."""
    data = child(begin, "w:ffData")
    box = child(data, "w:checkBox")
    if box is not None:
        checked = child(box, "w:checked")
        return format_box(ticked=is_on(checked if checked is not None else child(box, "w:default")))
    choices = [attribute(entry, "w:val") for entry in children(child(data, "w:ddList"), "w:listEntry")]
    chosen = attribute(child(data, "w:ddList", "w:result"), "w:val") or "0"
    return choices[int(chosen)] if chosen.isdigit() and int(chosen) < len(choices) else ""


def format_box(*, ticked: bool) -> str:
    """Write a check box as text."""
    return "[yes]" if ticked else "[no]"
