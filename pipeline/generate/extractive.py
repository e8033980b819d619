"""The extractive answer: the sentences of the passages that match the question best, each with its citation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.errors import Cancelled, LeaseLost
from pipeline.facts import Statement, distinct_statements
from pipeline.generate.conflicts import distinct_groups, format_conflicts
from pipeline.generate.markers import drop_markers
from pipeline.text.scripts import is_spaceless
from pipeline.text.sentences import is_block, split_sentences
from pipeline.text.terms import content_terms, term_overlap
from pipeline.types import AnswerLanguage, Citation, Fallback, GenerationResult, RankedCandidate, Usage

SentenceScorer = Callable[[str, Sequence[str]], Sequence[float]]
"""Similarity of a question to each sentence, e.g. the cosine of their embeddings."""

EXTRACTIVE = "extractive"
MAX_SENTENCES = 3
MIN_RELATIVE_SCORE = 0.85
"""Minimum score of a further sentence, as a share of the best sentence's score."""
REPETITION_SHARE = 0.8
"""Share of common terms from which a sentence counts as a repetition of a chosen one."""
MAX_PER_PASSAGE = 40
"""Maximum number of sentences that are compared per passage. A typical passage has about ten."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence with its position and score."""

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
    """Answer with the one to three best sentences, in the order of the passages.

    Sentences of other documents that contradict them are added, with a note that the sources disagree. `fallbacks`,
    `usage` and `prompt_hashes` of an earlier attempt become part of the result.
    """
    sentences = _split(passages)
    similarity, missing = _compute_similarity(question, sentences, score_sentences)
    best = _choose(_score(question, sentences, similarity))
    chosen, conflicts = _add_contradictions(question, best, sentences, passages)
    citations = {
        s.passage + 1: cite(passages[s.passage], s.passage + 1, s.text, passages[s.passage].candidate.page)
        for s in reversed(chosen)
    }
    note = format_conflicts(question, conflicts, language)
    return GenerationResult(
        text=f"{_format_sentences(chosen)}\n\n{note}".rstrip(),
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


def _split(passages: Sequence[RankedCandidate]) -> list[_Sentence]:
    return [
        _Sentence(text, passage, place, 0.0)
        for passage, ranked in enumerate(passages)
        for place, text in enumerate(
            split_sentences(ranked.candidate.text)[:MAX_PER_PASSAGE] or [ranked.candidate.text]
        )
    ]


def _compute_similarity(
    question: str, sentences: Sequence[_Sentence], score_sentences: SentenceScorer | None
) -> tuple[Sequence[float], tuple[Fallback, ...]]:
    no_scores = [0.0] * len(sentences)
    if score_sentences is None:
        return no_scores, ()
    try:
        return score_sentences(question, [sentence.text for sentence in sentences]), ()
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - common terms alone still rank the sentences
        reason = f"{type(error).__name__}: {error}"
        return no_scores, (Fallback("generate", "sentence similarity", "keywords", reason),)


def _score(question: str, sentences: Sequence[_Sentence], similarity: Sequence[float]) -> list[_Sentence]:
    terms = content_terms(question)
    return [
        # The rank of the passage decides near-ties, because the reranker has read the whole passage.
        replace(s, score=similar + term_overlap(terms, s.text) / 2 + 0.1 / (s.passage + 1))
        for s, similar in zip(sentences, similarity, strict=True)
    ]


def _choose(sentences: Sequence[_Sentence]) -> list[_Sentence]:
    chosen: list[_Sentence] = []
    for sentence in sorted(sentences, key=lambda s: -s.score):
        if len(chosen) == MAX_SENTENCES or (chosen and sentence.score < MIN_RELATIVE_SCORE * chosen[0].score):
            break
        if not any(_is_repetition(sentence.text, other.text) for other in chosen):
            chosen.append(sentence)
    return sorted(chosen, key=lambda s: (s.passage, s.place))


def _add_contradictions(
    question: str, chosen: Sequence[_Sentence], sentences: Sequence[_Sentence], passages: Sequence[RankedCandidate]
) -> tuple[list[_Sentence], tuple[tuple[int, ...], ...]]:
    """Return the chosen sentences and those that contradict them, and the groups of contradicting passages."""
    stated = {Statement.of(passages[s.passage], s.passage + 1, s.text): s for s in sentences}
    shown = {(s.passage, s.place): s for s in chosen}
    groups: list[tuple[int, ...]] = []
    for said in [statement for statement, s in stated.items() if (s.passage, s.place) in shown]:
        against = distinct_statements(other for other in stated if said.contradicts(other, question))
        groups.append((said.n, *(other.n for other in against)))
        shown |= {(s.passage, s.place): s for s in map(stated.__getitem__, against)}
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


def _format_sentences(chosen: Sequence[_Sentence]) -> str:
    written = ""
    for sentence in chosen:
        block = is_block(sentence.text)
        if written:
            written += "\n\n" if block or written.endswith("\n") else ("" if is_spaceless(written) else " ")
        written += format_quote(sentence.text, sentence.passage + 1)
    return written.strip()
