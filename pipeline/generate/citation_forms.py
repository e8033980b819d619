"""Read citations in the forms that models write them in, and rewrite them as `[n]`.

Forms in brackets or tags mean a citation wherever they stand. A superscript, a number in round brackets or a mention in
the prose means one only if the answer has no other form, the number is that of a passage, and neither its position nor
the passages show that it belongs to the text: `10³`, `(1911)`, "two (2) doors".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.generate.context import readable
from pipeline.generate.markers import REFERENCE, find_numbers, find_references
from pipeline.types import RankedCandidate

_NUMBERS = r"\d{1,3}(?:\s?[-\u2013,;&\u3001\uff0c]\s?\d{1,3}){0,9}"
_LINK_TARGET = r"\([^()\s]{0,300}\)"
_ESCAPED = re.compile(rf"\\\[\s?({_NUMBERS})\s?\\\]")
_LINK = re.compile(rf"(\[{{1,2}})(\^?{_NUMBERS})(\]{{1,2}}){_LINK_TARGET}")
_NESTED = re.compile(r"\[\s?((?:\[[^\[\]\n]{1,40}\][ ,;]{0,2}){1,10})\]")
_POWER = re.compile(rf"\$?\^\{{?(\[{_NUMBERS}\])\}}?\$?")
# <cite>1</cite>, <sup>[1]</sup>, <a href="#1">[1]</a>; emphasis counts only around brackets.
_TAGGED = re.compile(
    rf"<(?P<tag>cite|citation|ref|reference|source|passage|a|c|sup|sub|b|strong|em|i|mark|span|small)\b[^<>\n]{{0,120}}>\s?"
    rf"(?P<open>\[?)\s?(?:passage|source|n)?\s?[:=#]?\s?(?P<numbers>{_NUMBERS})\s?\]?\s?</(?P=tag)>",
    re.IGNORECASE,
)
_EMPTY_TAG = re.compile(
    r"<(?:cite|citation|ref|reference|source|passage)\s{1,3}(?:[a-z]{1,10}\s?=\s?)?[\"']?(\d{1,3})[\"']?\s?/?>"
    r"(?:</(?:cite|citation|ref|reference|source|passage)>)?",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"[(\uff08]\s?(?:see\s|cf\.\s)?(?:(?:source:?\s)?passage|source|citation|cite|quelle|ref(?:erence)?|资料|来源|段落|参考)s?\.?\s?[:=#]?\s?"
    rf"({_NUMBERS})\s?[)\uff09]",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"[\[\u3010\uff3b]([^\[\]\u3010\u3011\uff3b\uff3d\n\d]{1,20}\d[^\[\]\u3010\u3011\uff3b\uff3d\n]{0,100})[\]\u3011\uff3d]"
)
_REPEATED_LABEL = re.compile(r"(?<=[,;\s])(?:passage|source|document|doc|citation)s?\s(?=\d)", re.IGNORECASE)
# A number with a page or a title, "[1, p. 2]" and "[1: weir.pdf]", and brackets around brackets, "(see [1])".
_DETAILED = re.compile(r"\[(\d{1,2})\s?[:,|]\s?(?=[^\[\]\n]{0,60}[^\W\d_])[^\[\]\n]{1,80}\]")
_ENCLOSED = re.compile(
    r"[(\uff08]\s?(?:(?:see|cf\.|source|passage|quelle):?\s){0,2}((?:\[[^\[\]\n]{1,40}\][ ,;]{0,2}){1,10})[)\uff09]",
    re.IGNORECASE,
)
_EMPHASIS = re.compile(r"(?<![*_`])(\*{1,3}|_{1,3}|`)((?:\[[^\[\]\n]{1,40}\] ?){1,10})(?<=\])\1(?![*_`\w])")
_TAG_WITHOUT_NUMBERS = ("a", "b", "strong", "em", "i", "mark", "span", "small", "sub")

_SUPERSCRIPT_DIGITS = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
_TO_DIGITS = str.maketrans(_SUPERSCRIPT_DIGITS, "0123456789")
_TO_SUPERSCRIPT = str.maketrans("0123456789", _SUPERSCRIPT_DIGITS)
_SUPERSCRIPT = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,4}")
_UNIT = re.compile(r"(?:[kcdm\u00b5n]?m|ft|in|yd|mi|ha|s|h|kg|[a-zA-Z])")
_WORD_BEFORE = re.compile(r"(?:[^\W\d_]{1,30}|\d[\d.,]{0,20})\Z")
_ROUND = re.compile(rf"[(\uff08]\s?({_NUMBERS})\s?[)\uff09]")
_CLAUSE_END = re.compile(r"[ \t]{0,3}(?:[.!?;,:|\u3002\uff01\uff1f\uff1b\uff0c]|\Z|\n|[(\uff08]\s?\d)")
_SENTENCE_BEFORE = re.compile(r"[.!?\u3002\uff01\uff1f]\s?\Z")
_LINE_START = re.compile(r"(?:\A|\n)[ \t>*_#-]{0,10}\Z")
_NUMBER_WORDS = {
    word: number
    for words in (
        "one two three four five six seven eight nine ten",
        "一 二 三 四 五 六 七 八 九 十",
    )
    for number, word in enumerate(words.split(), 1)
} | {"两": 2}
_MENTION = re.compile(
    r"\b((?:passage|source)s?)\s(\d{1,2})\b|(资料|段落|来源)\s?(\d{1,2})(?!\d)"
    r"|第\s?(\d{1,2})\s?段",
    re.IGNORECASE,
)

_LIST_HEAD = re.compile(
    r"[\s>*_#-]{0,10}(?:sources?|references?|citations?|footnotes?|cited passages|quellen"
    r"|来源|参考(?:文献|资料)?|引用)[ \t*_]{0,6}"
    r"(?:[:\uff1a][ \t*_]{0,6}(?P<rest>.*)|\Z)",
    re.IGNORECASE,
)
_LIST_WORDS = re.compile(r"\[[^\[\]\n]{1,40}\]|\d{1,3}|\band\b|[\s,;.\u3001\uff0c*_()和-]", re.IGNORECASE)
_RULE = re.compile(r"\n\s{0,10}[-*_]{3,20}\Z")
_FOOTNOTE = re.compile(r"[ \t]{0,4}\[\^?(\d{1,3})\](?::[ \t]?[^\n]{1,200}|[ \t][^\n]{1,80}(?<![.!?\u3002]))")
_LIST_ITEM = re.compile(r"[ \t]{0,8}(?:[-*+\u2022][ \t]{1,3})?(?:\[\^?\s?(\d{1,3})\s?\]|\(?(\d{1,3})[.):])")


@dataclass(frozen=True, slots=True)
class CitedText:
    """An answer whose citations are written as `[n]`."""

    text: str
    has_citations: bool
    """Whether the answer has any citation, of whatever passage."""
    assumed: tuple[int, ...] = ()
    """The passages of a list of sources at the end of an answer that has no other citation."""


def normalize_citations(text: str, passages: Sequence[RankedCandidate]) -> CitedText:
    """Rewrite the citations of an answer as `[n]`, and remove a list of sources at its end."""
    text = _rewrite_brackets(text, len(passages))
    text, listed = _split_sources(text, len(passages))
    references = find_references(text)
    if any(1 <= n <= len(passages) for n in references):
        return CitedText(text, has_citations=True)
    if listed:
        return CitedText(text, has_citations=True, assumed=listed)
    known = "\n".join(map(readable, passages))
    for rewrite in (_rewrite_superscripts, _rewrite_round, _rewrite_mentions):
        if (rewritten := rewrite(text, passages, known)) != text:
            return CitedText(rewritten, has_citations=True)
    return CitedText(text, has_citations=bool(references))


def _rewrite_brackets(text: str, count: int) -> str:
    text = _ESCAPED.sub(r"[\1]", text)
    text = _TAGGED.sub(_rewrite_tag, text)
    text = _EMPTY_TAG.sub(r"[\1]", text)
    text = _LINK.sub(r"\1\2\3", text)
    text = _NESTED.sub(lambda match: match[1] if _is_references(match[1]) else match[0], text)
    text = _POWER.sub(r"\1", text)
    text = _NAMED.sub(_rewrite_named, text)
    text = _DETAILED.sub(lambda match: f"[{match[1]}]" if _are_passages(match[1], count) else match[0], text)
    text = _ENCLOSED.sub(lambda match: match[1] if _is_references(match[1]) else match[0], text)
    text = _LABELLED.sub(lambda match: f"[{match[1]}]" if _are_passages(match[1], count) else match[0], text)
    return _EMPHASIS.sub(lambda match: match[2] if _is_references(match[2]) else match[0], text)


def _rewrite_named(match: re.Match[str]) -> str:
    """Leave out the label of a citation, for example in `[ref. 1]`, whose stop would end the sentence."""
    inside = _REPEATED_LABEL.sub("", match[1])
    numbers = find_numbers(inside) if REFERENCE.fullmatch(inside) else []
    return f"[{', '.join(map(str, numbers))}]" if numbers else match[0]


def _rewrite_tag(match: re.Match[str]) -> str:
    tag = match["tag"].lower()
    if match["open"]:
        return f"[{match['numbers']}]"
    if tag == "sup" and match["numbers"].isdigit():
        return match["numbers"].translate(_TO_SUPERSCRIPT)
    if tag in _TAG_WITHOUT_NUMBERS:
        return match[0]
    return f"[{match['numbers']}]"


def _split_sources(text: str, count: int) -> tuple[str, tuple[int, ...]]:
    """Separate a list of sources at the end of an answer; return the text before it and the numbers of its passages."""
    lines = text.rstrip().split("\n")
    for at in range(len(lines) - 1, 0, -1):
        head = _LIST_HEAD.fullmatch(lines[at])
        if head is None:
            continue
        rest = head["rest"] or ""
        items = [_LIST_ITEM.match(line) for line in lines[at + 1 :] if line.strip()]
        if not all(items) or (_LIST_WORDS.sub("", rest) and not _LIST_ITEM.match(rest)) or not (rest.strip() or items):
            break
        numbers = [*map(int, re.findall(r"\d{1,3}", rest)), *(int(item[1] or item[2]) for item in items if item)]
        before = _RULE.sub("", "\n".join(lines[:at]).rstrip())
        return before, tuple(dict.fromkeys(n for n in numbers if 1 <= n <= count))
    return _split_footnotes(text, count)


def _split_footnotes(text: str, count: int) -> tuple[str, tuple[int, ...]]:
    """Separate footnotes at the end, such as `[1] weir.pdf` and `[^1]: weir.pdf`, which have no heading."""
    before, gap, last = text.rstrip().rpartition("\n\n")
    notes = [_FOOTNOTE.fullmatch(line) for line in last.split("\n")]
    if not gap or not before.strip() or not all(notes):
        return text, ()
    numbers = [int(note[1]) for note in notes if note]
    return _RULE.sub("", before.rstrip()), tuple(dict.fromkeys(n for n in numbers if 1 <= n <= count))


def _rewrite_superscripts(text: str, passages: Sequence[RankedCandidate], known: str) -> str:
    def rewrite(match: re.Match[str]) -> str:
        number = match[0].translate(_TO_DIGITS)
        numbers = [number] if 1 <= int(number) <= len(passages) else list(number)
        if not all(1 <= int(n) <= len(passages) for n in numbers):
            return match[0]
        before = _WORD_BEFORE.search(text[max(0, match.start() - 30) : match.start()])
        word = before[0] if before else ""
        if word and (_is_power(word, match[0], number, known) or not _is_base_cited(word, numbers, passages)):
            return match[0]
        return "".join(f"[{n}]" for n in numbers)

    return _SUPERSCRIPT.sub(rewrite, text)


def _is_power(word: str, superscript: str, number: str, known: str) -> bool:
    """Return whether a superscript behind a word is an exponent: of a unit, or as a passage writes it."""
    return bool(_UNIT.fullmatch(word)) or any(
        f"{word}{written}" in known for written in (superscript, f"^{number}", f"<sup>{number}", f"**{number}")
    )


def _is_base_cited(word: str, numbers: Sequence[str], passages: Sequence[RankedCandidate]) -> bool:
    """Return whether a number before a superscript is in the cited passages; True for other words."""
    return not word[0].isdigit() or any(word.rstrip(".,") in readable(passages[int(n) - 1]) for n in numbers)


def _rewrite_round(text: str, passages: Sequence[RankedCandidate], known: str) -> str:
    compact = "".join(known.split())

    def is_citation(match: re.Match[str], *, anywhere: bool) -> bool:
        before = text[max(0, match.start() - 30) : match.start()]
        word = _WORD_BEFORE.search(before.rstrip())
        if _LINE_START.search(before) or not _are_passages(match[1], len(passages)):
            return False
        if word and (str(_NUMBER_WORDS.get(word[0].lower())) == match[1] or f"{word[0]}({match[1]})" in compact):
            return False
        return anywhere or bool(_CLAUSE_END.match(text, match.end()) or _SENTENCE_BEFORE.search(before))

    if not any(is_citation(match, anywhere=False) for match in _ROUND.finditer(text)):
        return text
    return _ROUND.sub(lambda match: f"[{match[1]}]" if is_citation(match, anywhere=True) else match[0], text)


def _rewrite_mentions(text: str, passages: Sequence[RankedCandidate], known: str) -> str:  # noqa: ARG001 - one of three rules
    def rewrite(match: re.Match[str]) -> str:
        number = match[2] or match[4] or match[5]
        if not 1 <= int(number) <= len(passages):
            return match[0]
        if match[5]:
            return f"段落[{number}]"
        return f"{match[1]} [{number}]" if match[1] else f"{match[3]}[{number}]"

    return _MENTION.sub(rewrite, text)


def _is_references(text: str) -> bool:
    inside = re.findall(r"\[([^\[\]\n]{1,40})\]", text)
    return all(REFERENCE.fullmatch(one) for one in inside)


def _are_passages(numbers: str, count: int) -> bool:
    found = find_numbers(numbers)
    return bool(found) and all(1 <= n <= count for n in found)
