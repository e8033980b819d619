"""The method `late-interaction`: MaxSim over the embedding model's token vectors, fused with the recall score.

The raw score is the mean, over the tokens of the question, of the highest similarity with any token of the passage. The
embedding model was not trained for this, so MaxSim is one more signal next to those of recall: the vector leg, the
keyword leg, or both. MaxSim and the recall score are standardised to mean 0 and deviation 1 over the candidates. Recall
has weight 1 per leg; MaxSim has weight 1, or less if the model's vocabulary covers only a part of the question. No
constant is tuned to a collection; docs/evaluation.md contains the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.ports import Matrix, TokenSpans, TokenVectors, Vocabulary
from pipeline.prompts import detect_language
from pipeline.rerank.batching import OUT_OF_TIME, score_in_batches
from pipeline.rerank.matching_words import EmbeddedText, match_words
from pipeline.rerank.reasons import Explanation
from pipeline.rerank.results import CandidateScore, failed_result, rank_by_score, unscored_fallbacks
from pipeline.rerank.score_scaling import sigmoid, standardize
from pipeline.text.passages import build_passage
from pipeline.text.terms import reading_share
from pipeline.types import Candidate, RerankResult, Usage


class LateInteractionReranker:
    """Orders candidates by MaxSim and recall score; needs no model besides the embedding model."""

    method = "late-interaction"

    def __init__(
        self,
        vectors: TokenVectors,
        *,
        query_prefix: str = "",
        passage_prefix: str = "",
        vocabulary: Vocabulary | None = None,
        spans: TokenSpans | None = None,
    ) -> None:
        """Create the reranker.

        Args:
            vectors: The embedding model.
            query_prefix: The profile's prefix for questions.
            passage_prefix: The profile's prefix for passages.
            vocabulary: The model's vocabulary; None if it is unknown, then the question counts as fully covered.
            spans: Finds the words of the token vectors; None if it cannot, then there are no reasons.
        """
        self._vectors = vectors
        self._vocabulary = vocabulary
        self._spans = spans
        self._query_prefix = query_prefix
        self._passage_prefix = passage_prefix

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order by the fused MaxSim and recall score."""
        question_tokens = self._vectors.encode_tokens([self._query_prefix + question])[0]
        weight = 1.0 if self._vocabulary is None else reading_share(question, self._vocabulary.known_units(question))
        if not len(question_tokens) or weight == 0:
            return failed_result(
                candidates, self.method, "The embedding model's vocabulary contains no word of the question."
            )

        def score(batch: Sequence[Candidate]) -> list[float]:
            return compute_max_sims(question_tokens, self._vectors.encode_tokens(self._passage_inputs(batch)))

        raw = score_in_batches(candidates, score, deadline_s=deadline_s, on_progress=on_progress)
        ranked = rank_by_score(candidates, fuse_scores(candidates, raw, weight), self.method)
        return RerankResult(ranked, self.method, unscored_fallbacks(ranked, self.method, OUT_OF_TIME))

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        """Name the words that matched best in each passage; their token vectors are cached by the ranking."""
        if self._spans is None:
            return Explanation()
        texts = [self._query_prefix + question, *self._passage_inputs(passages)]
        prefixes = [len(self._query_prefix), *[len(self._passage_prefix)] * len(passages)]
        asked, *found = map(
            EmbeddedText, texts, self._vectors.encode_tokens(texts), self._spans.token_spans(texts), prefixes
        )
        label = "匹配的词：" if detect_language(question) == "zh" else "Matching words: "
        separator = "、" if detect_language(question) == "zh" else ", "
        matches = match_words(asked, found)
        return Explanation(
            {
                passage.chunk_id: label + separator.join(map(str, words))
                for passage, words in zip(passages, matches, strict=True)
                if words
            }
        )

    def _passage_inputs(self, candidates: Sequence[Candidate]) -> list[str]:
        return [self._passage_prefix + build_passage(candidate.headings, candidate.text) for candidate in candidates]


def compute_max_sims(question: Matrix, passages: Sequence[Matrix]) -> list[float]:
    """Return for each passage the mean over the question's tokens of the largest cosine with any of its tokens.

    All passages are compared in one matrix product. A passage without tokens has the score 0.
    """
    read = [place for place, passage in enumerate(passages) if len(passage)]
    scores = [0.0] * len(passages)
    if not read:
        return scores
    lengths = [len(passages[place]) for place in read]
    similarities = np.concatenate([passages[place] for place in read]) @ question.T
    starts = np.cumsum([0, *lengths[:-1]])
    largest = np.maximum.reduceat(similarities, starts, axis=0)
    for place, score in zip(read, largest.mean(axis=1), strict=True):
        scores[place] = float(score)
    return scores


def fuse_scores(
    candidates: Sequence[Candidate], raw: Sequence[float | None], weight: float = 1.0
) -> list[CandidateScore]:
    """Fuse MaxSim with the recall score, both standardised over the candidates that were scored.

    Args:
        candidates: The candidates.
        raw: MaxSim per candidate; None for those that were not reached in time.
        weight: Weight of MaxSim; each leg of recall has weight 1.
    """
    known = [i for i, value in enumerate(raw) if value is not None]
    similarity = standardize([raw[i] or 0.0 for i in known])
    recall = standardize([candidates[i].recall_score for i in known])
    legs = _count_legs(candidates)
    scored = [CandidateScore(None)] * len(candidates)
    for position, i in enumerate(known):
        mean = (legs * recall[position] + weight * similarity[position]) / (legs + weight)
        scored[i] = CandidateScore(sigmoid(mean), raw[i])
    return scored


def _count_legs(candidates: Sequence[Candidate]) -> int:
    by_vector = any(candidate.dense_rank is not None for candidate in candidates)
    by_keyword = any(candidate.keyword_rank is not None for candidate in candidates)
    return max(1, by_vector + by_keyword)
