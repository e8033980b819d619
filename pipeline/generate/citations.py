"""Citations: check that every `[n]` of a written answer names a passage that its sentence really rests on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from pipeline.generate.extractive import cite
from pipeline.generate.markers import drop_markers, replace_markers
from pipeline.generate.sentences import split_sentences
from pipeline.terms import content_terms, is_spaceless, term_overlap
from pipeline.types import Citation, Ranked

LEAST_SHARE = 0.25
"""Share of a sentence's content terms that its passage must hold; chance agreement on common words stays below."""

# A claim runs to the end of the markers that follow it, also on a line of their own: "… in 1970 [1][2].",
# "… in 1970. [1]" and "… in 1970.\n[1]" are one claim each.
# Possessive quantifiers and one look at each end keep long runs linear.
_MARK = r"[\[\u3010\uff3b][^\[\]\u3010\u3011\uff3b\uff3d\n]{1,40}[\]\u3011\uff3d]"
_ON_NEXT_LINE = rf"\n[ \t]*+(?:{_MARK}[ \t]*+)+[.\u3002]?(?=\n|\Z)"
_END = re.compile(
    rf"(?P<stop>[.!?\u3002\uff01\uff1f]++)[\"'\u201d\u2019)]*+(?:[ \t]*+{_MARK})*+[.]?(?:[ \t]*+{_ON_NEXT_LINE})?"
    rf"|{_ON_NEXT_LINE}|\n"
)
_CHINESE_STOPS = "\u3002\uff01\uff1f"


@dataclass(frozen=True, slots=True)
class Verified:
    """A written answer after the check."""

    text: str
    """Without the markers that did not hold."""
    citations: tuple[Citation, ...]


def verify_citations(question: str, answer: str, passages: Sequence[Ranked]) -> Verified:
    """Keep the markers that hold, drop the others; one citation per passage, with the words it rests on."""
    citations: dict[int, Citation] = {}
    claims: list[str] = []
    for claim in _claims(answer):
        bare = drop_markers(claim)
        holds = cache(partial(supports, question, bare, passages))

        def check(numbers: list[int], bare: str = bare, holds: Callable[[int], bool] = holds) -> str:
            held = [n for n in numbers if holds(n)]
            for n in held:
                if n not in citations:
                    citations[n] = cite(passages[n - 1], n, find_quote(bare, passages[n - 1]))
            return (" " if held and not is_spaceless(bare) else "") + "".join(f"[{n}]" for n in held)

        claims.append(replace_markers(claim, check))
    return Verified("".join(claims).strip(), tuple(citations[n] for n in sorted(citations)))


def supports(question: str, claim: str, passages: Sequence[Ranked], n: int) -> bool:
    """Tell whether passage n exists and shares content with a claim.

    Between scripts no words agree: there a claim has to share one of its numbers or Latin words, and only where it has
    none it is enough that it stays with the question.
    """
    if not 1 <= n <= len(passages):
        return False
    terms = content_terms(claim)
    passage = _readable(passages[n - 1])
    if is_spaceless(claim) != is_spaceless(passage):
        names = frozenset(term for term in terms if _crosses_scripts(term, latin=is_spaceless(claim)))
        return term_overlap(names or terms, passage) > 0 or (not names and term_overlap(terms, question) > 0)
    shared = term_overlap(terms, passage)
    return shared >= LEAST_SHARE and round(shared * len(terms)) >= min(2, len(terms))


def find_quote(claim: str, passage: Ranked) -> str:
    """Find the sentence of a passage that shares most with a claim."""
    terms = content_terms(claim)
    sentences = split_sentences(passage.candidate.text) or [passage.candidate.text]
    return max(sentences, key=lambda sentence: term_overlap(terms, sentence))


def _readable(passage: Ranked) -> str:
    candidate = passage.candidate
    return " ".join((candidate.title, *candidate.headings, candidate.text))


def _claims(answer: str) -> Iterator[str]:
    start = at = 0
    while end := _END.search(answer, at):
        at = end.end()
        stop = end["stop"]
        if stop and stop[-1] not in _CHINESE_STOPS and at < len(answer) and not answer[at].isspace():
            continue
        while at < len(answer) and answer[at].isspace():
            at += 1
        yield answer[start:at]
        start = at
    yield answer[start:]


def _crosses_scripts(term: str, *, latin: bool) -> bool:
    """Tell whether a term is written alike in both scripts: a number, or a Latin word in a text of the other script."""
    return any(character.isdigit() for character in term) or (latin and not is_spaceless(term))
