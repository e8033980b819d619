"""Write the text of a paragraph as Markdown: struck-out text, links, superscripts and subscripts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

Change = Literal["", "struck", "deleted", "inserted"]
"""Struck-out by its formatting; deleted or inserted as a tracked change."""

_SUPERSCRIPTS = str.maketrans("0123456789+-−=()∘niaobcdegkmptuvxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾°ⁿⁱᵃᵒᵇᶜᵈᵉᵍᵏᵐᵖᵗᵘᵛˣʸᶻ")
_SUBSCRIPTS = str.maketrans("0123456789+-−=()aeoxhklmnpst", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜ")
_RAISED_NUMBER = re.compile(r"[0-9+\-−=ni]{1,8}|∘")
_LOWERED_NUMBER = re.compile(r"[0-9+\-−=]{1,8}")
_LINK_TARGET = re.compile(r"(?:https?://|mailto:|tel:)\S", re.IGNORECASE)
_WORDS = re.compile(r"\S+|\s+")
_TARGET_ESCAPES = str.maketrans({" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "\n": "", "\t": ""})


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text with the same formatting."""

    text: str
    change: Change = ""
    script: Literal["", "super", "sub"] = ""
    target: str = ""
    """Target of the link that it belongs to."""


def to_superscript(text: str) -> str:
    """Write raised text: numbers with the characters of Unicode, for example 10³, otherwise as 10^(x+1)."""
    return _raise(text, _RAISED_NUMBER, _SUPERSCRIPTS, "^")


def to_subscript(text: str) -> str:
    """Write lowered text: numbers with the characters of Unicode, for example H₂O, otherwise unchanged."""
    return _raise(text, _LOWERED_NUMBER, _SUBSCRIPTS, "")


def _raise(text: str, number: re.Pattern[str], characters: dict[int, int], mark: str) -> str:
    core = text.strip()
    if not core:
        return text
    if number.fullmatch(core):
        return text.replace(core, core.translate(characters))
    if not mark or re.fullmatch(r"[^\W\d_]{1,4}\.?|[®™*†‡§°º]+", core):  # 1st, M. with a raised "lle", footnote marks
        return text
    return text.replace(core, f"{mark}{core}" if len(core) == 1 else f"{mark}({core})")


def format_link(words: str, target: str) -> str:
    """Format a link; only the words where the target is not a web, mail or telephone address, or says the same."""
    target = target.strip().translate(_TARGET_ESCAPES)
    core = words.strip()
    same = core.casefold().rstrip("/") in {
        target.casefold().rstrip("/"),
        re.sub(r"^(?:mailto|tel|https?):(?://)?", "", target.casefold()).rstrip("/"),
    }
    if not core or same or not _LINK_TARGET.match(target):
        return words
    label = " ".join(core.split()).replace("[", "(").replace("]", ")")
    return words.replace(core, f"[{label}]({target})")


def format_spans(spans: Iterable[Span]) -> str:
    """Format the spans of a paragraph."""
    spans = list(spans)
    if not any(span.change or span.script or span.target for span in spans):
        return "".join(span.text for span in spans)
    scripted = []
    for (change, script, target), group in groupby(spans, key=lambda span: (span.change, span.script, span.target)):
        text = "".join(span.text for span in group)
        text = to_superscript(text) if script == "super" else to_subscript(text) if script == "sub" else text
        scripted.append(Span(text, change, "", target))
    parts = []
    for target, group in groupby(scripted, key=lambda span: span.target):
        text = _format_changes(list(group))
        parts.append(format_link(text, target) if target else text)
    return "".join(parts)


def _format_changes(spans: Sequence[Span]) -> str:
    """Mark struck-out and deleted text word by word, so that the marks enclose whole words."""
    if not any(span.change in ("struck", "deleted") for span in spans):
        return "".join(span.text for span in spans)
    result: list[str] = []
    word: list[Span] = []
    for span in spans:
        for piece in _WORDS.findall(span.text):
            if not piece.isspace():
                word.append(replace(span, text=piece))
                continue
            result += [*_format_word(word), piece]
            word = []
    result += _format_word(word)
    # Adjacent struck words share one pair of marks.
    return re.sub(r"~~([^\S\n]+)~~", r"\1", "".join(result))


def _format_word(pieces: Sequence[Span]) -> list[str]:
    changes = {piece.change for piece in pieces}
    if not changes & {"struck", "deleted"}:
        return [piece.text for piece in pieces]
    deleted = "".join(piece.text for piece in pieces if piece.change == "deleted")
    if "" in changes and any(
        map(str.isalnum, deleted)
    ):  # a tracked change inside a word: the old word, then the new one
        old = "".join(piece.text for piece in pieces if piece.change != "inserted")
        new = "".join(piece.text for piece in pieces if piece.change not in ("struck", "deleted"))
        return [f"~~{old}~~", " " * bool(new), new]
    result: list[str] = []
    for struck, group in groupby(pieces, key=lambda piece: piece.change in ("struck", "deleted")):
        text = "".join(piece.text for piece in group)
        if result and text[0].isalnum() and result[-1].strip("~")[-1:].isalnum():
            result.append(" ")  # "~~60~~75" would be one word
        result.append(f"~~{text}~~" if struck else text)
    return result
