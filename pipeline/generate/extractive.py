"""The extractive answer: the sentences of the passages that answer best, each with its citation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.errors import Cancelled, LeaseLost
from pipeline.facts import Statement, distinct_versions
from pipeline.generate.conflicts import distinct_groups, format_conflicts
from pipeline.generate.markers import drop_markers
from pipeline.text.scripts import is_spaceless
from pipeline.text.sentences import is_block, split_sentences
from pipeline.text.terms import content_terms, term_overlap
from pipeline.types import AnswerLanguage, Citation, Fallback, GenerationResult, RankedCandidate, Usage

SentenceScorer = Callable[[str, Sequence[str]], Sequence[float]]
"""Similarity of a question to each sentence, e.g. the cosine of their embeddings."""

EXTRACTIVE = "extractive"
MOST_SENTENCES = 3
WORTH_ADDING = 0.85
"""Share of the best sentence's score that a further one needs."""
SAME_SENTENCE = 0.8
"""Share of common terms above which a further sentence only repeats one already chosen."""
PER_PASSAGE = 40
"""Sentences of one passage that are looked at; a passage of the usual size has about ten."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence and where it stands."""

    text: str
    passage: int
    """0-based position of its passage."""
    place: int
    score: float


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
    """Answer with the one to three best sentences, in the order of the passages; what came before goes on record.

    Sentences of other documents that contradict them are shown as well, and it is said that the sources disagree.
    """
    found = _find(passages)
    similarity, missing = _compare(question, found, score_sentences)
    chosen, conflicts = _add_contradictions(question, _choose(_weigh(question, found, similarity)), found, passages)
    citations = {
        s.passage + 1: cite(passages[s.passage], s.passage + 1, s.text, passages[s.passage].candidate.page)
        for s in reversed(chosen)
    }
    said = format_conflicts(question, conflicts, language)
    return GenerationResult(
        text=f"{_write(chosen)}\n\n{said}".rstrip(),
        citations=tuple(citations[n] for n in sorted(citations)),
        abstained=False,
        model=EXTRACTIVE,
        conflicts=conflicts,
        fallbacks=(*fallbacks, *missing),
        usage=usage or Usage(),
        prompt_hashes=prompt_hashes,
    )


def cite(passage: RankedCandidate, n: int, quote: str, page: int | None) -> Citation:
    """Write the citation of a passage, with the page of the chunk that holds the quote."""
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
    )


def _find(passages: Sequence[RankedCandidate]) -> list[_Sentence]:
    return [
        _Sentence(text, passage, place, 0.0)
        for passage, ranked in enumerate(passages)
        for place, text in enumerate(split_sentences(ranked.candidate.text)[:PER_PASSAGE] or [ranked.candidate.text])
    ]


def _compare(
    question: str, found: Sequence[_Sentence], score_sentences: SentenceScorer | None
) -> tuple[Sequence[float], tuple[Fallback, ...]]:
    nothing = [0.0] * len(found)
    if score_sentences is None:
        return nothing, ()
    try:
        return score_sentences(question, [sentence.text for sentence in found]), ()
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - common words still tell sentences apart
        reason = f"{type(error).__name__}: {error}"
        return nothing, (Fallback("generate", "sentence similarity", "keywords", reason),)


def _weigh(question: str, found: Sequence[_Sentence], similarity: Sequence[float]) -> list[_Sentence]:
    wanted = content_terms(question)
    return [
        # The passage's own rank breaks near-ties: reranking has read more than this one sentence.
        replace(s, score=similar + term_overlap(wanted, s.text) / 2 + 0.1 / (s.passage + 1))
        for s, similar in zip(found, similarity, strict=True)
    ]


def _choose(sentences: Sequence[_Sentence]) -> list[_Sentence]:
    chosen: list[_Sentence] = []
    for sentence in sorted(sentences, key=lambda s: -s.score):
        if len(chosen) == MOST_SENTENCES or (chosen and sentence.score < WORTH_ADDING * chosen[0].score):
            break
        if not any(_repeats(sentence.text, other.text) for other in chosen):
            chosen.append(sentence)
    return sorted(chosen, key=lambda s: (s.passage, s.place))


def _add_contradictions(
    question: str, chosen: Sequence[_Sentence], found: Sequence[_Sentence], passages: Sequence[RankedCandidate]
) -> tuple[list[_Sentence], tuple[tuple[int, ...], ...]]:
    """Add to the chosen sentences those that contradict them; gives also which passages disagree."""
    stated = {Statement.of(passages[s.passage], s.passage + 1, s.text): s for s in found}
    shown = {(s.passage, s.place): s for s in chosen}
    groups: list[tuple[int, ...]] = []
    for said in [statement for statement, s in stated.items() if (s.passage, s.place) in shown]:
        against = distinct_versions(other for other in stated if said.contradicts(other, question))
        groups.append((said.n, *(other.n for other in against)))
        shown |= {(s.passage, s.place): s for s in map(stated.__getitem__, against)}
    return [shown[place] for place in sorted(shown)], distinct_groups(groups)


def _repeats(text: str, other: str) -> bool:
    if term_overlap(content_terms(text), other) >= SAME_SENTENCE:
        return True
    return Statement(0, 0, text).repeats(Statement(0, 0, other))


def format_quote(text: str, n: int) -> str:
    """Write a sentence of passage n with its citation."""
    block = is_block(text)
    # The source's own "[2]" would name another passage here; in code, brackets are no references.
    shown = text if text.startswith(("```", "~~~")) else drop_markers(text)
    return shown + ("\n" if block else " ") + f"[{n}]" + ("\n" if block else "")


def _write(chosen: Sequence[_Sentence]) -> str:
    written = ""
    for sentence in chosen:
        block = is_block(sentence.text)
        if written:
            written += "\n\n" if block or written.endswith("\n") else ("" if is_spaceless(written) else " ")
        written += format_quote(sentence.text, sentence.passage + 1)
    return written.strip()
