"""Citations: check that the passage of every `[n]` in a written answer supports the sentence.

An unsupported marker is removed and its sentence remains. A sentence with a number that no cited passage contains is
removed completely, because a reader cannot tell an invented number from a correct one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from pipeline.facts import find_unsupported
from pipeline.generate.context import ContextPart, parts_of, readable
from pipeline.generate.extractive import cite
from pipeline.generate.markers import MARK, drop_markers, replace_markers
from pipeline.generate.numbering import hide_numbering
from pipeline.text.scripts import is_spaceless
from pipeline.text.sentences import CJK_STOPS, CLOSING_MARKS, LATIN_STOPS, split_sentences
from pipeline.text.terms import content_terms, term_overlap
from pipeline.types import Citation, RankedCandidate

MIN_SHARE = 0.25
"""Minimum share of a sentence's content terms in its passage. Unrelated sentences share fewer terms."""

# A claim includes the markers that follow it, even on the next line: "… in 1970 [1][2].", "… in 1970. [1]" and
# "… in 1970.\n[1]" are one claim each. Possessive quantifiers keep the search linear in long runs.
_ON_NEXT_LINE = rf"\n[ \t]*+(?:{MARK}[ \t]*+)+[.\u3002]?(?=\n|\Z)"
_END = re.compile(
    rf"(?P<stop>[{LATIN_STOPS}{CJK_STOPS}]++)[{CLOSING_MARKS}]*+(?:[ \t]*+{MARK})*+[.]?(?:[ \t]*+{_ON_NEXT_LINE})?"
    rf"|{_ON_NEXT_LINE}|\n"
)
# A short line with a label and a value, for example a list item about the year.
_LABELLED_VALUE = re.compile(
    r"[-*+\u2022\d.)\s]{0,8}[^:\uff1a\n]{1,40}[:\uff1a][*_\s]{0,6}(?P<value>[^:\uff1a\n]{1,80})"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer and the passages that support it."""

    text: str
    """The sentence without markers."""
    cited: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """A written answer after the check of its citations and numbers."""

    text: str
    """The answer without unsupported markers and without sentences with unsupported numbers."""
    citations: tuple[Citation, ...]
    claims: tuple[Claim, ...] = ()
    dropped: tuple[str, ...] = ()
    """Numbers for which a sentence was removed, as the model wrote them."""


def verify_citations(
    question: str, answer: str, passages: Sequence[RankedCandidate], assumed: Sequence[int] = ()
) -> VerifiedAnswer:
    """Remove unsupported markers and sentences, and build one citation per passage with the sentence that supports it.

    The numbers of a sentence without citations are compared with all passages. If the answer cites its sources in a
    list at its end, each sentence gets those of the `assumed` passages that support it.
    """
    citations: dict[int, Citation] = {}
    claims: list[Claim] = []
    kept: list[str] = []
    dropped: list[str] = []
    for claim, counted in _claims(answer, hide_numbering(answer, len(passages))):
        bare = drop_markers(counted)
        is_supported = cache(partial(supports, question, bare, passages))
        cited: dict[int, None] = {}

        def check(
            numbers: list[int],
            bare: str = bare,
            is_supported: Callable[[int], bool] = is_supported,
            cited: dict[int, None] = cited,
        ) -> str:
            supported = [n for n in numbers if is_supported(n)]
            cited.update(dict.fromkeys(supported))
            return (" " if supported and not is_spaceless(bare) else "") + "".join(f"[{n}]" for n in supported)

        checked = replace_markers(claim, check)
        if assumed and bare.strip():
            checked = f"{checked.rstrip()}{check(list(assumed))}{checked[len(checked.rstrip()) :]}"
        sources = [passages[n - 1] for n in cited] or passages
        texts = (part.text for source in sources for part in parts_of(source))
        if missing := find_unsupported(bare, map(readable, sources), question, texts):
            dropped.extend(fact.text for fact in missing)
            _close_gap(kept, claim)
            continue
        kept.append(checked)
        claims.append(Claim(bare.strip(), tuple(cited)))
        for n in cited.keys() - citations.keys():
            quote = find_quote(bare, passages[n - 1])
            citations[n] = cite(passages[n - 1], n, quote.text, quote.page)
    return VerifiedAnswer(
        "".join(kept).strip(), tuple(citations[n] for n in sorted(citations)), tuple(claims), tuple(dropped)
    )


def supports(question: str, claim: str, passages: Sequence[RankedCandidate], n: int) -> bool:
    """Return True if passage n exists and shares content with a claim.

    A short "label: value" is supported by its value, because the label is often the model's own word.

    Texts in different scripts have no words in common. There, the claim must share a number or a Latin word with the
    passage. If it contains none, a term in common with the question is enough.
    """
    if not 1 <= n <= len(passages):
        return False
    terms = content_terms(claim)
    passage = readable(passages[n - 1])
    if is_spaceless(claim) != is_spaceless(passage):
        names = frozenset(term for term in terms if _crosses_scripts(term, latin=is_spaceless(claim)))
        return term_overlap(names or terms, passage) > 0 or (not names and term_overlap(terms, question) > 0)
    labelled = _LABELLED_VALUE.fullmatch(claim.strip())
    if labelled and term_overlap(content_terms(labelled["value"]), passage) == 1:
        return True
    shared = term_overlap(terms, passage)
    return shared >= MIN_SHARE and round(shared * len(terms)) >= min(2, len(terms))


def find_quote(claim: str, passage: RankedCandidate) -> ContextPart:
    """Return the sentence of a passage that shares most terms with a claim, and the page of its chunk."""
    terms = content_terms(claim)
    parts = list(parts_of(passage))
    sentences = [ContextPart(text, part.page) for part in parts for text in split_sentences(part.text)]
    return max(sentences or parts, key=lambda sentence: term_overlap(terms, sentence.text))


def _close_gap(kept: list[str], dropped: str) -> None:
    """Preserve the line break after a removed claim if the claim before it does not end with one."""
    gap = dropped[len(dropped.rstrip()) :]
    if kept and "\n" in gap and "\n" not in kept[-1][len(kept[-1].rstrip()) :]:
        kept[-1] = kept[-1].rstrip() + gap


def _claims(answer: str, without_numbering: str) -> Iterator[tuple[str, str]]:
    """Split an answer into claims. Yield each as written, and without the numbers of list items and passages."""
    start = at = 0
    while end := _END.search(without_numbering, at):
        at = end.end()
        stop = end["stop"]
        if stop and stop[-1] not in CJK_STOPS and at < len(answer) and not answer[at].isspace():
            continue
        while at < len(answer) and answer[at].isspace():
            at += 1
        yield answer[start:at], without_numbering[start:at]
        start = at
    yield answer[start:], without_numbering[start:]


def _crosses_scripts(term: str, *, latin: bool) -> bool:
    """Return True if a term is the same in both scripts: a number, or a Latin word in a text of the other script."""
    return any(character.isdigit() for character in term) or (latin and not is_spaceless(term))
