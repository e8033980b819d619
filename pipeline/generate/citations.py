"""Citations: check that every `[n]` of a written answer names a passage that its sentence really rests on.

A marker that does not hold is dropped and its sentence stays. A sentence with a number that is in no passage it cites
goes as a whole: nobody can tell a made-up number from a true one.
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

LEAST_SHARE = 0.25
"""Share of a sentence's content terms that its passage must hold; chance agreement on common words stays below."""

# A claim runs to the end of the markers that follow it, also on a line of their own: "… in 1970 [1][2].",
# "… in 1970. [1]" and "… in 1970.\n[1]" are one claim each.
# Possessive quantifiers and one look at each end keep long runs linear.
_ON_NEXT_LINE = rf"\n[ \t]*+(?:{MARK}[ \t]*+)+[.\u3002]?(?=\n|\Z)"
_END = re.compile(
    rf"(?P<stop>[{LATIN_STOPS}{CJK_STOPS}]++)[{CLOSING_MARKS}]*+(?:[ \t]*+{MARK})*+[.]?(?:[ \t]*+{_ON_NEXT_LINE})?"
    rf"|{_ON_NEXT_LINE}|\n"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer and the passages it rests on."""

    text: str
    """Without markers."""
    cited: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """A written answer after the check."""

    text: str
    """Without the markers that did not hold and the sentences with a number that did not."""
    citations: tuple[Citation, ...]
    claims: tuple[Claim, ...] = ()
    dropped: tuple[str, ...] = ()
    """Numbers for which a sentence was dropped, as they were written."""


def verify_citations(question: str, answer: str, passages: Sequence[RankedCandidate]) -> VerifiedAnswer:
    """Keep the markers and sentences that hold; one citation per passage, with the words it rests on.

    A sentence without a citation has its numbers looked for in all passages.
    """
    citations: dict[int, Citation] = {}
    claims: list[Claim] = []
    kept: list[str] = []
    dropped: list[str] = []
    for claim, counted in _claims(answer, hide_numbering(answer, len(passages))):
        bare = drop_markers(counted)
        holds = cache(partial(supports, question, bare, passages))
        cited: dict[int, None] = {}

        def check(
            numbers: list[int],
            bare: str = bare,
            holds: Callable[[int], bool] = holds,
            cited: dict[int, None] = cited,
        ) -> str:
            held = [n for n in numbers if holds(n)]
            cited.update(dict.fromkeys(held))
            return (" " if held and not is_spaceless(bare) else "") + "".join(f"[{n}]" for n in held)

        checked = replace_markers(claim, check)
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
    """Tell whether passage n exists and shares content with a claim.

    Between scripts no words agree: there a claim has to share one of its numbers or Latin words, and only where it has
    none it is enough that it stays with the question.
    """
    if not 1 <= n <= len(passages):
        return False
    terms = content_terms(claim)
    passage = readable(passages[n - 1])
    if is_spaceless(claim) != is_spaceless(passage):
        names = frozenset(term for term in terms if _crosses_scripts(term, latin=is_spaceless(claim)))
        return term_overlap(names or terms, passage) > 0 or (not names and term_overlap(terms, question) > 0)
    shared = term_overlap(terms, passage)
    return shared >= LEAST_SHARE and round(shared * len(terms)) >= min(2, len(terms))


def find_quote(claim: str, passage: RankedCandidate) -> ContextPart:
    """Find the sentence of a passage that shares most with a claim, and the page of its chunk."""
    terms = content_terms(claim)
    parts = list(parts_of(passage))
    sentences = [ContextPart(text, part.page) for part in parts for text in split_sentences(part.text)]
    return max(sentences or parts, key=lambda sentence: term_overlap(terms, sentence.text))


def _close_gap(kept: list[str], dropped: str) -> None:
    """Keep the line break after a dropped claim, where the one before it did not end its line."""
    gap = dropped[len(dropped.rstrip()) :]
    if kept and "\n" in gap and "\n" not in kept[-1][len(kept[-1].rstrip()) :]:
        kept[-1] = kept[-1].rstrip() + gap


def _claims(answer: str, without_numbering: str) -> Iterator[tuple[str, str]]:
    """Cut an answer into claims; each as it stands, and without what numbers points or passages."""
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
    """Tell whether a term is written alike in both scripts: a number, or a Latin word in a text of the other script."""
    return any(character.isdigit() for character in term) or (latin and not is_spaceless(term))
