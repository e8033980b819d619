"""Number the items of ordered lists as a browser shows them."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from pipeline.backends.documents.readers.markup.tree import attribute, children

_INTEGER = re.compile(r"\s*([+-]?\d{1,9})")
_ROMAN = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
    (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


class ItemNumbers:
    """The markers of the items of one list."""

    def __init__(self, node: LexborNode) -> None:
        """Read the first number, the order and the kind of numbers of a list."""
        self._ordered = node.tag == "ol"
        self._kind = attribute(node, "type")
        self._step = 1
        start = _read_integer(attribute(node, "start"))
        if self._ordered and "reversed" in node.attributes:
            self._step = -1
            start = sum(child.tag == "li" for child in children(node)) if start is None else start
        self._next = 1 if start is None else start

    def next_marker(self, item: LexborNode) -> str:
        """Return the marker of the next item."""
        if not self._ordered:
            return "-"
        value = _read_integer(attribute(item, "value"))
        number = self._next if value is None else value
        self._next = number + self._step
        return f"{_format_number(number, self._kind or attribute(item, 'type'))}."


def _read_integer(text: str) -> int | None:
    match = _INTEGER.match(text)
    return int(match[1]) if match else None


def _format_number(number: int, kind: str) -> str:
    if kind in ("a", "A") and number > 0:
        letters = ""
        while number:
            number, letter = divmod(number - 1, 26)
            letters = chr(ord(kind) + letter) + letters
        return letters
    if kind in ("i", "I") and 0 < number < 4000:
        roman = ""
        for value, letters in _ROMAN:
            roman += letters * (number // value)
            number %= value
        return roman if kind == "I" else roman.lower()
    return str(number)
