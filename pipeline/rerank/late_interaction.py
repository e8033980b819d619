"""The method `late-interaction`: MaxSim over the embedding model's token vectors, fused with the recall score.

Each token of the question looks for its most similar token in the passage; the mean of these similarities is the raw
score. The embedding model was not trained for this, so it is one more witness beside those that recall heard: the
vector leg, the keyword leg, or both. Its score and the recall score are brought to mean 0 and deviation 1 over the
candidates; recall counts once for each of its legs, MaxSim once, or less where the model cannot read all of the
question. No constant is tuned to any collection; docs/evaluation.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.ports import Matrix, TokenVectors, Vocabulary
from pipeline.rerank.batching import OUT_OF_TIME, score_in_batches
from pipeline.rerank.results import CandidateScore, failed_result, rank_by_score, unscored_fallbacks
from pipeline.rerank.score_scaling import sigmoid, standardize
from pipeline.text.passages import build_passage
from pipeline.text.terms import reading_share
from pipeline.types import Candidate, RerankResult


class LateInteractionReranker:
    """Needs no weights beyond the embedding model's."""

    method = "late-interaction"

    def __init__(
        self,
        vectors: TokenVectors,
        *,
        query_prefix: str = "",
        passage_prefix: str = "",
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """Take the model, the prefixes of its profile, and its vocabulary; without one it reads everything."""
        self._vectors = vectors
        self._vocabulary = vocabulary
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
        """Order by MaxSim and recall score together."""
        asked = self._vectors.encode_tokens([self._query_prefix + question])[0]
        weight = 1.0 if self._vocabulary is None else reading_share(question, self._vocabulary.known_units(question))
        if not len(asked) or weight == 0:
            return failed_result(candidates, self.method, "The question has no word that the embedding model knows.")

        def score(part: Sequence[Candidate]) -> list[float]:
            passages = [self._passage_prefix + build_passage(candidate.headings, candidate.text) for candidate in part]
            return [max_sim(asked, tokens) for tokens in self._vectors.encode_tokens(passages)]

        raw = score_in_batches(candidates, score, deadline_s=deadline_s, on_progress=on_progress)
        ranked = rank_by_score(candidates, fuse_scores(candidates, raw, weight), self.method)
        return RerankResult(ranked, self.method, unscored_fallbacks(ranked, self.method, OUT_OF_TIME))


def max_sim(question: Matrix, passage: Matrix) -> float:
    """Mean over the question's tokens of the largest cosine with any token of the passage."""
    if not len(passage):
        return 0.0
    return float(np.mean(np.max(question @ passage.T, axis=1)))


def fuse_scores(
    candidates: Sequence[Candidate], raw: Sequence[float | None], weight: float = 1.0
) -> list[CandidateScore]:
    """Fuse MaxSim with the recall score, both standardised over the candidates that were read."""
    read = [i for i, value in enumerate(raw) if value is not None]
    similar = standardize([raw[i] or 0.0 for i in read])
    recalled = standardize([candidates[i].recall_score for i in read])
    legs = _count_legs(candidates)
    scored = [CandidateScore(None)] * len(candidates)
    for place, i in enumerate(read):
        mean = (legs * recalled[place] + weight * similar[place]) / (legs + weight)
        scored[i] = CandidateScore(sigmoid(mean), raw[i])
    return scored


def _count_legs(candidates: Sequence[Candidate]) -> int:
    by_vector = any(candidate.dense_rank is not None for candidate in candidates)
    by_keyword = any(candidate.keyword_rank is not None for candidate in candidates)
    return max(1, by_vector + by_keyword)
