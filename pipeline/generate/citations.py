"""Citations: check that every `[n]` of a written answer names a passage that its sentence really rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.generate.extractive import cite
from pipeline.generate.sentences import split_sentences
from pipeline.terms import content_terms, is_spaceless, term_overlap
from pipeline.types import Citation, Ranked

LEAST_SHARE = 0.25
"""Share of a sentence's content terms that its passage must hold; chance agreement on common words stays below."""

_MARKER = re.compile(
    r"[ \t]*[\[\u3010](?:passage |资料)?(\d{1,3}(?:\s*[,\u3001\uff0c;]\s*\d{1,3})*)[\]\u3011]", re.IGNORECASE
)
# A claim runs to the end of the markers that follow it: "… in 1970 [1][2]." and "… in 1970. [1]" are one claim each.
_MARKERS = r"(?:[ \t]*[\[\u3010][^\[\]\u3010\u3011\n]{1,20}[\]\u3011])*"
_CLAIM = re.compile(
    rf".+?(?:[.!?\u3002\uff01\uff1f]+[\"'\u201d\u2019)]*{_MARKERS}[.]?(?=\s|$)|[\u3002\uff01\uff1f]{_MARKERS}|\n|$)\s*",
    re.DOTALL,
)


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
    for claim in _CLAIM.findall(answer):
        bare = _MARKER.sub("", claim)

        def check(match: re.Match[str], bare: str = bare) -> str:
            held = [n for n in _numbers(match[1]) if supports(question, bare, passages, n)]
            for n in held:
                citations.setdefault(n, cite(passages[n - 1], n, find_quote(bare, passages[n - 1])))
            return (" " if held and not is_spaceless(bare) else "") + "".join(f"[{n}]" for n in held)

        claims.append(_MARKER.sub(check, claim))
    return Verified("".join(claims).strip(), tuple(citations[n] for n in sorted(citations)))


def supports(question: str, claim: str, passages: Sequence[Ranked], n: int) -> bool:
    """Tell whether passage n exists and shares content with a claim.

    Between languages no words agree, so there a claim only has to stay with the question or share a name or number.
    """
    if not 1 <= n <= len(passages):
        return False
    terms = content_terms(claim)
    passage = _readable(passages[n - 1])
    if is_spaceless(claim) != is_spaceless(passage):
        return term_overlap(terms, passage) > 0 or term_overlap(terms, question) > 0
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


def _numbers(listed: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", listed)]
