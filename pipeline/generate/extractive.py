"""The extractive answer: the sentences of the passages that match the question best, each with its citation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.errors import Cancelled, LeaseLost
from pipeline.facts import Statement, distinct_statements
from pipeline.generate.abstention import abstain
from pipeline.generate.conflicts import distinct_groups, format_conflicts
from pipeline.generate.expected_answers import is_yes_no_question
from pipeline.generate.identifiers import find_identifiers, identifiers_of, mentions_one, names_another, names_one
from pipeline.generate.markers import drop_markers
from pipeline.generate.unit_scores import PlacedUnit, UnitScorer, adds_to_question, needs_heading
from pipeline.text.markdown import drop_link_targets
from pipeline.text.scripts import is_spaceless
from pipeline.text.sentences import is_block
from pipeline.text.terms import content_terms, split_terms, term_overlap
from pipeline.text.units import Unit, read_units
from pipeline.types import AnswerLanguage, Citation, Fallback, GenerationResult, RankedCandidate, Usage

SentenceScorer = Callable[[str, Sequence[str]], Sequence[float]]
"""Similarity of a question to each sentence, e.g. the cosine of their embeddings."""

EXTRACTIVE = "extractive"
MAX_SENTENCES = 3
MIN_RELATIVE_SCORE = 0.8
"""Minimum score of a further sentence, as a share of the best sentence's score."""
REPETITION_SHARE = 0.8
"""Share of common terms from which a sentence counts as a repetition of a chosen one."""
MAX_PER_PASSAGE = 40
"""Maximum number of sentences that are read per passage. A typical passage has about ten."""
MAX_COMPARED = 12
"""Maximum number of texts whose similarity to the question is computed; docs/evaluation.md has the measurements."""


def extract_answer(
    question: str,
    passages: Sequence[RankedCandidate],
    score_sentences: SentenceScorer | None = None,
    *,
    language: AnswerLanguage = "",
    fallbacks: tuple[Fallback, ...] = (),
    usage: Usage | None = None,
    prompt_hashes: tuple[str, ...] = (),
) -> GenerationResult:
    """Answer with the one to three best sentences, in the order of the passages.

    Sentences of other documents that contradict them are added, with a note that the sources disagree. `fallbacks`,
    `usage` and `prompt_hashes` of an earlier attempt become part of the result.
    """
    units = _read(passages) or _read_whole(passages)
    scorer = UnitScorer(question, units)
    similarity, missing = _compute_similarity(question, scorer.likely_texts(MAX_COMPARED), score_sentences)
    candidates = _find_candidates(question, units, scorer.score(similarity))
    if not candidates:  # all units are about other identifiers than the question
        abstained = abstain(question, passages, language=language, model=EXTRACTIVE)
        return replace(abstained, fallbacks=(*fallbacks, *missing), usage=usage or Usage(), prompt_hashes=prompt_hashes)
    best = _choose(candidates)
    chosen, conflicts = _add_contradictions(question, best, [c.placed for c in candidates], passages)
    citations = {
        u.passage + 1: cite(passages[u.passage], u.passage + 1, u.unit.text, passages[u.passage].candidate.page)
        for u in reversed(chosen)
    }
    note = format_conflicts(question, conflicts, language)
    return GenerationResult(
        text=f"{_format_units(question, chosen)}\n\n{note}".rstrip(),
        citations=tuple(citations[n] for n in sorted(citations)),
        abstained=False,
        model=EXTRACTIVE,
        conflicts=conflicts,
        fallbacks=(*fallbacks, *missing),
        usage=usage or Usage(),
        prompt_hashes=prompt_hashes,
    )


def cite(passage: RankedCandidate, n: int, quote: str, page: int | None) -> Citation:
    """Build the citation of a passage, with the page of the chunk that contains the quote."""
    candidate = passage.candidate
    return Citation(
        n=n,
        chunk_id=candidate.chunk_id,
        document_id=candidate.document_id,
        title=candidate.title,
        page=page,
        quote=quote,
        source=candidate.source,
        origin=candidate.origin,
        confidence=candidate.confidence,
    )


def _read(passages: Sequence[RankedCandidate]) -> list[PlacedUnit]:
    placed: list[PlacedUnit] = []
    for passage, ranked in enumerate(passages):
        candidate = ranked.candidate
        above = "\n".join((candidate.title, *candidate.headings))
        units = read_units(candidate.text, candidate.headings)[:MAX_PER_PASSAGE]
        placed.extend(PlacedUnit(unit, passage, place, above) for place, unit in enumerate(units))
    return placed


def _read_whole(passages: Sequence[RankedCandidate]) -> list[PlacedUnit]:
    """Return whole passages, for those without a word."""
    return [PlacedUnit(Unit(ranked.candidate.text), passage, 0, "") for passage, ranked in enumerate(passages)]


def _compute_similarity(
    question: str, texts: Sequence[str], score_sentences: SentenceScorer | None
) -> tuple[Mapping[str, float], tuple[Fallback, ...]]:
    no_scores = dict.fromkeys(texts, 0.0)
    if score_sentences is None:
        return no_scores, ()
    try:
        return dict(zip(texts, score_sentences(question, list(map(drop_link_targets, texts))), strict=True)), ()
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - common terms alone still rank the units
        reason = f"{type(error).__name__}: {error}"
        return no_scores, (Fallback("generate", "sentence similarity", "keywords", reason),)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A unit that may be quoted."""

    placed: PlacedUnit
    score: float
    terms: frozenset[str]
    """Content terms of the question that the unit contains."""


def _find_candidates(question: str, units: Sequence[PlacedUnit], scores: Sequence[float]) -> list[_Candidate]:
    """Return the units that can be an answer, the best first.

    A unit that repeats the question is none, and neither is one about another identifier than the question.
    """
    asked, terms = find_identifiers(question), content_terms(question)
    fitting, exact, has_others = list[_Candidate](), set[PlacedUnit](), False
    for placed, score in zip(units, scores, strict=True):
        named = identifiers_of(placed.unit) if asked else frozenset()
        if names_another(asked, named):
            has_others = True
        elif placed.unit.is_quotable:
            fitting.append(_Candidate(placed, score, terms.intersection(split_terms(placed.unit.text))))
            exact |= {placed} if names_one(asked, named) else set()
    # In a list of similar records, only the record with the identifier is an answer.
    if has_others and exact:
        fitting = [candidate for candidate in fitting if candidate.placed in exact]
    elif has_others and not any(mentions_one(asked, f"{p.above}\n{p.unit.text}") for p in units):
        return []
    if not is_yes_no_question(question):
        fitting = [c for c in fitting if adds_to_question(question, c.placed.unit)] or fitting
    return sorted(fitting, key=lambda c: -c.score)


def _choose(candidates: Sequence[_Candidate]) -> list[PlacedUnit]:
    best = candidates[0]
    chosen: list[_Candidate] = []
    for candidate in candidates:
        if len(chosen) == MAX_SENTENCES or candidate.score < MIN_RELATIVE_SCORE * best.score:
            break
        if candidate is best or (_belongs(candidate, best) and not _repeats_any(candidate, chosen)):
            chosen.append(candidate)
    return sorted((c.placed for c in chosen), key=lambda p: (p.passage, p.place))


def _repeats_any(candidate: _Candidate, chosen: Sequence[_Candidate]) -> bool:
    return any(_is_repetition(candidate.placed.unit.text, other.placed.unit.text) for other in chosen)


def _belongs(candidate: _Candidate, best: _Candidate) -> bool:
    """Return True if a unit may be quoted after the best one: no answer to another question, no other row."""
    one, other = best.placed.unit, candidate.placed.unit
    if one.is_answer or other.is_answer:
        return one.context == other.context
    if one.cells and other.cells:
        return bool(best.terms) and best.terms <= candidate.terms
    return True


def _add_contradictions(
    question: str, chosen: Sequence[PlacedUnit], units: Sequence[PlacedUnit], passages: Sequence[RankedCandidate]
) -> tuple[list[PlacedUnit], tuple[tuple[int, ...], ...]]:
    """Return the chosen units and those that contradict them, and the groups of contradicting passages."""
    stated = {Statement.of(passages[u.passage], u.passage + 1, u.unit.text): u for u in units}
    shown = {(u.passage, u.place): u for u in chosen}
    groups: list[tuple[int, ...]] = []
    for said in [statement for statement, u in stated.items() if (u.passage, u.place) in shown]:
        against = distinct_statements(other for other in stated if said.contradicts(other, question))
        groups.append((said.n, *(other.n for other in against)))
        shown |= {(u.passage, u.place): u for u in map(stated.__getitem__, against)}
    return [shown[place] for place in sorted(shown)], distinct_groups(groups)


def _is_repetition(text: str, other: str) -> bool:
    if term_overlap(content_terms(text), other) >= REPETITION_SHARE:
        return True
    return Statement(0, 0, text).repeats(Statement(0, 0, other))


def format_quote(text: str, n: int) -> str:
    """Format a sentence of passage n with its citation."""
    block = is_block(text)
    # A "[2]" in the source would refer to another passage here. In code, brackets are not references.
    shown = text if text.startswith(("```", "~~~")) else drop_markers(text)
    return shown + ("\n" if block else " ") + f"[{n}]" + ("\n" if block else "")


def _format_units(question: str, chosen: Sequence[PlacedUnit]) -> str:
    written = ""
    for placed in chosen:
        block = is_block(placed.unit.text)
        heading = drop_markers(placed.unit.heading) if needs_heading(question, placed.unit) else ""
        if written:
            written += "\n\n" if block or written.endswith("\n") else ("" if is_spaceless(written) else " ")
        if heading:
            written += f"{heading}:\n\n" if block else f"{heading}: "
        written += format_quote(placed.unit.text, placed.passage + 1)
    return written.strip()
