"""Building full permutations from scores."""

from __future__ import annotations

import math

from pipeline.rerank.results import CandidateScore, is_full_permutation, rank_by_recall, rank_by_score
from tests.answer_fakes import candidate, candidates


def test_rank_by_score__unscored_candidates_keep_their_place() -> None:
    found = candidates(4)
    result = rank_by_score(
        found, [CandidateScore(0.2), CandidateScore(None), CandidateScore(0.9), CandidateScore(math.nan)], "m"
    )
    assert [r.candidate.chunk_id for r in result] == [3, 2, 1, 4]
    assert [r.flags for r in result] == [(), ("unscored",), (), ("unscored",)]
    assert [r.score for r in result] == [0.9, 0.9, 0.2, 0.2]
    assert is_full_permutation(result, found)


def test_rank_by_score__ties_keep_recall_order_and_scores_stay_in_0_1() -> None:
    result = rank_by_score(candidates(3), [CandidateScore(0.5), CandidateScore(7.0), CandidateScore(0.5)], "m")
    assert [r.candidate.chunk_id for r in result] == [2, 1, 3]
    assert result[0].score == 1.0


def test_rank_by_recall__scores_are_shares_of_the_best() -> None:
    result = rank_by_recall([candidate(1, score=0.8), candidate(2, score=0.4), candidate(3, score=-0.1)], "none")
    assert [r.score for r in result] == [1.0, 0.5, 0.0]
    assert [r.score for r in rank_by_recall([candidate(1, score=-1.0)], "none")] == [1.0]
