"""Abstention: decide that the library has no answer, and name the closest documents instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.generate.context import readable
from pipeline.prompts import detect_language
from pipeline.text.terms import content_terms, is_german, main_script, single_characters, split_terms, term_overlap
from pipeline.types import AnswerLanguage, GenerationResult, RankedCandidate, RecallResult

NEAREST = 3

UNKNOWN_SHARE = 0.5
"""Share of terms that a passage in another script than the question counts as containing."""

OTHERS = 10
"""Rank of the candidate that a passage in another script is compared with."""

STANDING_OUT = 3.0
"""Factor that puts the lead over that candidate on the scale of the relevance."""

SHORTEST_PART = 5
"""Minimum letters of a word that counts as a part of a German compound."""

USELESS_RATING = 1
"""Highest rating (0 to 10) that means "does not help" in the rating prompt."""


def should_abstain(
    question: str,
    recalled: RecallResult,
    passages: Sequence[RankedCandidate],
    *,
    baseline: float,
    abstain_below: float,
    reading_share: Callable[[str], float] = lambda _: 1.0,
) -> bool:
    """Return True if no passage is relevant enough to answer from.

    Either the language model has rated every passage as useless, or no passage reaches the relevance `abstain_below`.
    Its scale does not depend on the embedding model or the library. It is the mean of two shares, weighted like the
    scores in recall: how far the similarity is on the way from an average passage (0) to an identical text (1), and how
    many of the question's terms the passage contains.

    A passage in another script contains at most names and numbers of the question. If the model reads both, it counts
    as containing half of the terms, but then its similarity must stand out from that of the tenth candidate: the best
    of many unrelated passages is similar, too, and so are the next ones.

    Args:
        question: The question, rewritten if it is a follow-up.
        recalled: The result of recall.
        passages: The passages to answer from.
        baseline: Cosine similarity of the question to an average passage.
        abstain_below: Relevance, 0 to 1.
        reading_share: Returns the share of a text that the embedding model reads.
    """
    if all(_is_rated_useless(ranked) for ranked in passages):
        return True
    scores = sorted((c.dense_score for c in recalled.candidates if c.dense_score is not None), reverse=True)
    other = scores[OTHERS - 1] if len(scores) >= OTHERS else baseline

    def measure(ranked: RankedCandidate) -> float:
        text, score = readable(ranked), ranked.candidate.dense_score
        share = _share_of_terms(question, text)
        if score is None or baseline >= 1:
            return share
        similarity = (score - baseline) / (1 - baseline)
        relevance = (recalled.dense_weight * similarity + share) / (recalled.dense_weight + 1)
        if main_script(text) in {main_script(question), ""}:
            return relevance
        weight = min(recalled.dense_weight, reading_share(text))
        lead = (score - other) / (1 - baseline)
        return max(relevance, weight * min((similarity + UNKNOWN_SHARE) / 2, STANDING_OUT * lead))

    return max(map(measure, passages), default=0.0) < abstain_below


def _share_of_terms(question: str, text: str) -> float:
    """Return the share of a question's content terms in a text; a part of a German compound counts as the word."""
    # In scripts without spaces, half of the pairs of characters cross the boundaries of words; with single characters,
    # the share has the scale of other languages.
    terms = content_terms(question) | single_characters(question)
    if not is_german(frozenset(split_terms(question))):
        return term_overlap(terms, text)
    stated = frozenset(split_terms(text))
    words = tuple(word for word in stated if len(word) >= SHORTEST_PART)
    return sum(term in stated or _is_part_of_any(term, words) for term in terms) / len(terms)


def _is_part_of_any(term: str, words: Sequence[str]) -> bool:
    """Return True if a term begins or ends with one of the words, or one of them with the term."""
    if len(term) < SHORTEST_PART:
        return False
    return any(_starts_or_ends(term, word) or _starts_or_ends(word, term) for word in words)


def _starts_or_ends(text: str, part: str) -> bool:
    return text.startswith(part) or text.endswith(part)


def abstain(
    question: str, nearest: Sequence[RankedCandidate], *, language: AnswerLanguage = "", model: str = "extractive"
) -> GenerationResult:
    """Return an abstention that names the closest documents."""
    titles = list(dict.fromkeys(r.candidate.title or r.candidate.source for r in nearest if _is_named(r)))[:NEAREST]
    if (language or detect_language(question)) == "zh":
        text = "资料库中没有找到这个问题的答案。"
        if titles:
            text += "最接近的资料：" + "；".join(f"《{title}》" for title in titles) + "。"
    else:
        text = "I found nothing in the library that answers this."
        if titles:
            text += " Nearest sources: " + "; ".join(f"“{title}”" for title in titles) + "."
    return GenerationResult(text=text, citations=(), abstained=True, model=model)


def abstain_without_passages(question: str, *, by_keywords: bool, language: AnswerLanguage = "") -> GenerationResult:
    """Return an abstention for a recall without candidates: no keyword match, or an empty library."""
    if (language or detect_language(question)) == "zh":
        text = "资料库中没有任何段落含有这个问题的词语。" if by_keywords else "资料库是空的，请先添加资料，然后再提问。"
    elif by_keywords:
        text = "No passage of the library contains the words of this question, or the library is still empty."
    else:
        text = "The library is empty; add documents first, then ask again."
    return GenerationResult(text=text, citations=(), abstained=True, model="extractive")


def _is_rated_useless(ranked: RankedCandidate) -> bool:
    return ranked.method == "llm-pointwise" and ranked.raw_score is not None and ranked.raw_score <= USELESS_RATING


def _is_named(ranked: RankedCandidate) -> bool:
    return bool(ranked.candidate.title or ranked.candidate.source)
