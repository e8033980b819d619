"""Versions: what contradicts a written answer is shown beside it, whether or not the model has seen it.

The model is asked to give every version and to name the passages in a line of its own. Contradictions in numbers are
looked for here as well, since a model that has found one answer likes to stop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.facts.number_words import write_in_digits
from pipeline.facts.numbers import find_numbers
from pipeline.generate.citations import Claim, VerifiedAnswer, find_quote
from pipeline.generate.conflicts import Statement, differing, disagree, distinct_groups, first_of_each, say_conflicts
from pipeline.generate.context import parts_of
from pipeline.generate.extractive import PER_PASSAGE, cite, write_quote
from pipeline.generate.markers import MARK
from pipeline.text.sentences import split_sentences
from pipeline.types import AnswerLanguage, Citation, RankedCandidate

# The line by which a model names the passages that contradict each other, as the prompt asks; never shown.
# In capitals with a colon, or with markers alone, it may not be meant for the reader; otherwise it needs both.
_CONFLICT_LINE = re.compile(
    rf"^[ \t>*_`-]*+CONFLICTS?(?:[ \t*_`]*+[:\uff1a][^\n]*|(?:[ \t,.*_`]|{MARK})*)$\n?"
    rf"|(?<![ \t>*_`-])[ \t>*_`-]*+(?i:conflicts?|冲突|矛盾)[ \t*_`]*+[:\uff1a][ \t*_`]*+"
    rf"{MARK}(?:[ \t,.\u3001\u3002*_`和与]|and|{MARK})*+$\n?",
    re.MULTILINE,
)

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """A written answer that holds."""

    text: str
    citations: tuple[Citation, ...]
    conflicts: Groups
    dropped: tuple[str, ...]
    """Numbers for which a sentence was dropped, as they were written."""


def drop_conflict_lines(said: str) -> str:
    """Drop the lines that name conflicts."""
    return _CONFLICT_LINE.sub("", said)


def named_conflicts(said: str, verified: VerifiedAnswer) -> Groups:
    """Give the conflicts that the model names, as far as the answer cites them and they are of different documents."""
    cited = {citation.n: citation.document_id for citation in verified.citations}
    lines = [map(int, re.findall(r"\d{1,3}", line)) for line in _CONFLICT_LINE.findall(said)]
    groups = [[n for n in line if n in cited] for line in lines]
    return distinct_groups(group for group in groups if len({cited[n] for n in group}) > 1)


def show_versions(
    question: str,
    verified: VerifiedAnswer,
    named: Groups,
    passages: Sequence[RankedCandidate],
    language: AnswerLanguage,
) -> CheckedAnswer:
    """Add what contradicts the answer and is not in it; say that the sources disagree where the model has not."""
    statements = [statement for n in range(1, len(passages) + 1) for statement in _statements(passages, n)]
    groups: list[tuple[int, ...]] = []
    missing: dict[Statement, None] = {}
    for claim in verified.claims:
        for n in claim.cited:
            quote = find_quote(claim.text, passages[n - 1])
            said = Statement.of(passages[n - 1], n, quote.text, quote.page)
            against = [s for s in statements if disagree(question, said, s) and _gives(claim, said, s)]
            shown = [s for s in against if any(s.n in c.cited and _gives(c, s, said) for c in verified.claims)]
            unshown = first_of_each(against, besides=shown)
            missing |= dict.fromkeys(unshown)
            groups.append((n, *(s.n for s in (*shown, *unshown))))
    conflicts = distinct_groups([*groups, *named])
    unsaid = [group for group in conflicts if not any(set(group) <= set(said) for said in named)]
    citations = {s.n: cite(passages[s.n - 1], s.n, s.text, s.page) for s in missing}
    citations |= {citation.n: citation for citation in verified.citations}
    parts = (verified.text, *(write_quote(s.text, s.n) for s in missing), say_conflicts(question, unsaid, language))
    text = "\n\n".join(part.strip() for part in parts if part)
    return CheckedAnswer(text, tuple(citations[n] for n in sorted(citations)), conflicts, verified.dropped)


def _statements(passages: Sequence[RankedCandidate], n: int) -> list[Statement]:
    return [
        Statement.of(passages[n - 1], n, sentence, part.page)
        for part in parts_of(passages[n - 1])
        for sentence in split_sentences(part.text)[:PER_PASSAGE]
    ]


def _gives(claim: Claim, one: Statement, other: Statement) -> bool:
    """Tell whether a claim has a number in which two statements differ, as the first gives it."""
    numbers = find_numbers(write_in_digits(claim.text))
    return any(number.same_as(given) for number in differing(one, other) for given in numbers)
