"""Write the equations of Word as one readable line: x = (−b ± √(b² − 4ac))/(2a)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.backends.documents.readers.inline import to_subscript, to_superscript
from pipeline.backends.documents.readers.ooxml import XmlElement, attribute, child, children, name_of

MAX_DEPTH = 40
"""Nested parts of an equation that are written with their structure; deeper ones as plain text."""

_CHARACTERS = {0x2061: " ", 0x2062: "", 0x2063: "", 0x2064: ""}  # invisible operators


def format_equation(element: XmlElement, depth: int = 0) -> str:
    """Write an equation, or a part of one."""
    name = name_of(element)
    if name in ("m:t", "w:t"):
        return (element.text or "").translate(_CHARACTERS)
    if depth > MAX_DEPTH:
        return "".join(str(text) for text in element.itertext()).strip()
    if name.endswith("Pr"):
        return ""
    write = _WRITERS.get(name)
    return write(element, depth + 1) if write else _join(element, depth + 1)


def _join(element: XmlElement | None, depth: int) -> str:
    return "" if element is None else "".join(format_equation(part, depth) for part in element)


def _part(element: XmlElement, name: str, depth: int) -> str:
    return _join(child(element, name), depth).strip()


def _group(text: str) -> str:
    """Put a term of several characters in parentheses."""
    closed = text.startswith("(") and text.endswith(")") and text.count("(") == 1
    return text if len(text) <= 1 or (text.isascii() and text.isalnum()) or closed else f"({text})"


def _write_fraction(element: XmlElement, depth: int) -> str:
    return f"{_group(_part(element, 'm:num', depth))}/{_group(_part(element, 'm:den', depth))}"


def _write_superscript(element: XmlElement, depth: int) -> str:
    return _group(_part(element, "m:e", depth)) + _raise(_part(element, "m:sup", depth))


def _write_subscript(element: XmlElement, depth: int) -> str:
    return _part(element, "m:e", depth) + _lower(_part(element, "m:sub", depth))


def _write_both(element: XmlElement, depth: int) -> str:
    lowered, raised = _lower(_part(element, "m:sub", depth)), _raise(_part(element, "m:sup", depth))
    return _part(element, "m:e", depth) + lowered + raised


def _write_root(element: XmlElement, depth: int) -> str:
    degree = _part(element, "m:deg", depth)
    return f"{to_superscript(degree) if degree else ''}√{_group(_part(element, 'm:e', depth))}"


def _write_operator(element: XmlElement, depth: int) -> str:
    sign = child(element, "m:naryPr", "m:chr")
    symbol = attribute(sign, "m:val") if sign is not None else "∫"
    return f"{symbol}{_limits(element, depth)} {_part(element, 'm:e', depth)}"


def _limits(element: XmlElement, depth: int) -> str:
    low, high = _part(element, "m:sub", depth), _part(element, "m:sup", depth)
    return (f"_({low})" if low else "") + (f"^({high})" if high else "")


def _write_delimited(element: XmlElement, depth: int) -> str:
    properties = child(element, "m:dPr")
    begin, separator, end = (
        attribute(mark, "m:val") if (mark := child(properties, name)) is not None else default
        for name, default in (("m:begChr", "("), ("m:sepChr", "|"), ("m:endChr", ")"))
    )
    return begin + separator.join(_join(part, depth) for part in children(element, "m:e")) + end


def _write_function(element: XmlElement, depth: int) -> str:
    return f"{_part(element, 'm:fName', depth)} {_part(element, 'm:e', depth)}"


def _write_limit(element: XmlElement, depth: int) -> str:
    return f"{_part(element, 'm:e', depth)}_({_part(element, 'm:lim', depth)})"


def _write_rows(element: XmlElement, depth: int) -> str:
    rows = children(element, "m:mr")
    cells = [[_join(cell, depth).strip() for cell in children(row, "m:e")] for row in rows]
    if not rows:  # an array of equations below each other
        return "; ".join(_join(part, depth).strip() for part in children(element, "m:e"))
    return "[" + "; ".join(", ".join(row) for row in cells) + "]"


def _raise(text: str) -> str:
    return to_superscript(text) if text[:1].isdigit() or len(text) != 1 else f"^{text}"


def _lower(text: str) -> str:
    return "" if not text else lowered if (lowered := to_subscript(text)) != text else f"_{_group(text)}"


_WRITERS: Mapping[str, Callable[[XmlElement, int], str]] = {
    "m:f": _write_fraction,
    "m:sSup": _write_superscript,
    "m:sSub": _write_subscript,
    "m:sSubSup": _write_both,
    "m:sPre": _write_both,
    "m:rad": _write_root,
    "m:nary": _write_operator,
    "m:d": _write_delimited,
    "m:func": _write_function,
    "m:limLow": _write_limit,
    "m:limUpp": _write_limit,
    "m:m": _write_rows,
    "m:eqArr": _write_rows,
}
