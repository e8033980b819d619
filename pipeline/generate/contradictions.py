"""Contradictions: show the statements that contradict a written answer, whether or not the model reports them.

The prompt asks the model to state every value and to name the contradicting passages in a separate line. A model that
has found one answer often stops there, so contradicting numbers are also detected here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.facts import Statement, distinct_statements, find_facts, write_in_digits
from pipeline.generate.citations import Claim, VerifiedAnswer, find_quote
from pipeline.generate.conflicts import Groups, distinct_groups, format_conflicts
from pipeline.generate.context import parts_of
from pipeline.generate.extractive import MAX_PER_PASSAGE, cite, format_quote
from pipeline.generate.markers import MARK
from pipeline.text.markdown import remove_struck
from pipeline.text.sentences import split_sentences
from pipeline.types import AnswerLanguage, Citation, RankedCandidate

# The line in which a model names contradicting passages, as the prompt asks; it is never shown. In capitals it needs a
# colon, or only markers after it. In other spellings it needs both.
_CONFLICT_LINE = re.compile(
    rf"^[ \t>*_`-]*+CONFLICTS?(?:[ \t*_`]*+[:\uff1a][^\n]*|(?:[ \t,.*_`]|{MARK})*)$\n?"
    rf"|(?<![ \t>*_`-])[ \t>*_`-]*+(?i:conflicts?|冲突|矛盾)[ \t*_`]*+[:\uff1a][ \t*_`]*+"
    rf"{MARK}(?:[ \t,.\u3001\u3002*_`和与]|and|{MARK})*+$\n?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """A written answer after all checks."""

    text: str
    citations: tuple[Citation, ...]
    conflicts: Groups
    dropped: tuple[str, ...]
    """Numbers for which a sentence was removed, as the model wrote them."""


def drop_conflict_lines(reply: str) -> str:
    """Return a reply without the lines that name conflicts."""
    return _CONFLICT_LINE.sub("", reply)


def named_conflicts(reply: str, verified: VerifiedAnswer) -> Groups:
    """Return the conflicts that the model names between cited passages of different documents."""
    cited = {citation.n: citation.document_id for citation in verified.citations}
    lines = [map(int, re.findall(r"\d{1,3}", line)) for line in _CONFLICT_LINE.findall(reply)]
    groups = [[n for n in line if n in cited] for line in lines]
    return distinct_groups(group for group in groups if len({cited[n] for n in group}) > 1)


def add_contradictions(
    question: str,
    verified: VerifiedAnswer,
    named: Groups,
    passages: Sequence[RankedCandidate],
    language: AnswerLanguage,
) -> CheckedAnswer:
    """Add the statements that contradict the answer, and name the conflicts that the model has not named."""
    groups: list[tuple[int, ...]] = []
    missing: dict[Statement, None] = {}
    for cited, shown, added in _find_contradictions(question, verified.claims, passages):
        missing |= dict.fromkeys(added)
        groups.append((cited.n, *(s.n for s in (*shown, *added))))
    conflicts = distinct_groups([*groups, *named])
    unnamed = [group for group in conflicts if not any(set(group) <= set(known) for known in named)]
    citations = {s.n: cite(passages[s.n - 1], s.n, s.text, s.page) for s in missing}
    citations |= {citation.n: citation for citation in verified.citations}
    quotes = (format_quote(s.text, s.n) for s in missing)
    parts = (verified.text, *quotes, format_conflicts(question, unnamed, language))
    text = "\n\n".join(part.strip() for part in parts if part)
    return CheckedAnswer(text, tuple(citations[n] for n in sorted(citations)), conflicts, verified.dropped)


def _find_contradictions(
    question: str, claims: Sequence[Claim], passages: Sequence[RankedCandidate]
) -> Iterator[tuple[Statement, list[Statement], list[Statement]]]:
    """Yield each cited statement with the statements that contradict it: those in the answer, and those to add."""
    statements = [statement for n, passage in enumerate(passages, 1) for statement in _statements(passage, n)]
    for claim in claims:
        for n in claim.cited:
            quote = find_quote(claim.text, passages[n - 1])
            cited = Statement.of(passages[n - 1], n, quote.text, quote.page)
            against = [s for s in statements if cited.contradicts(s, question) and _states(claim, cited, s)]
            shown = [s for s in against if any(s.n in c.cited and _states(c, s, cited) for c in claims)]
            yield cited, shown, distinct_statements(against, known=shown)


def _statements(passage: RankedCandidate, n: int) -> Iterator[Statement]:
    for part in parts_of(passage):
        for sentence in split_sentences(remove_struck(part.text))[:MAX_PER_PASSAGE]:
            yield Statement.of(passage, n, sentence, part.page)


def _states(claim: Claim, one: Statement, other: Statement) -> bool:
    """Return True if a claim contains a fact in which two statements differ, as the first states it."""
    facts = find_facts(write_in_digits(claim.text))
    return any(fact.matches(stated) for stated in one.differences(other) for fact in facts)
