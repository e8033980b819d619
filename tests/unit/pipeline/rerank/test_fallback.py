"""Rerankers without a language model, and chains of them: always a full permutation, scores from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from pipeline.errors import Cancelled, LlmUnreachable
from pipeline.rerank.cross_encoder import CrossEncoderReranker
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.late_interaction import LateInteractionReranker, max_sim
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import CandidateScore, failed_result, is_full_permutation, rank_by_recall, rank_by_score
from pipeline.rerank.score_scaling import sigmoid, standardize
from pipeline.types import Candidate, RankedCandidate, RerankResult, Usage
from tests.answer_fakes import WordEmbedder, candidate, candidates, order


class Failing:
    """A method that raises."""

    method = "failing"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        raise self._error


class Giving(Failing):
    """A method that gives a prepared result and keeps the deadline it got."""

    method = "giving"

    def __init__(self, result: RerankResult) -> None:
        self._result = result
        self.deadlines_s: list[float] = []

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        self.deadlines_s.append(deadline_s)
        return self._result


class LengthScorer:
    """A cross-encoder that likes long passages."""

    name = "length"

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        return [float(len(passage)) - 20.0 for passage in passages]


def test_order_by_score__unscored_keep_their_place() -> None:
    found = candidates(4)
    result = rank_by_score(
        found, [CandidateScore(0.2), CandidateScore(None), CandidateScore(0.9), CandidateScore(math.nan)], "m"
    )
    assert [r.candidate.chunk_id for r in result] == [3, 2, 1, 4]
    assert [r.flags for r in result] == [(), ("unscored",), (), ("unscored",)]
    assert [r.score for r in result] == [0.9, 0.9, 0.2, 0.2]
    assert is_full_permutation(result, found)


def test_order_by_score__ties_keep_recall_order_and_scores_stay_in_0_1() -> None:
    result = rank_by_score(candidates(3), [CandidateScore(0.5), CandidateScore(7.0), CandidateScore(0.5)], "m")
    assert [r.candidate.chunk_id for r in result] == [2, 1, 3]
    assert result[0].score == 1.0


def test_recall_order__scores_are_shares_of_the_best() -> None:
    result = rank_by_recall([candidate(1, score=0.8), candidate(2, score=0.4), candidate(3, score=-0.1)], "none")
    assert [r.score for r in result] == [1.0, 0.5, 0.0]
    assert [r.score for r in rank_by_recall([candidate(1, score=-1.0)], "none")] == [1.0]


def test_none__keeps_everything() -> None:
    found = candidates(5)
    result = RecallOrderReranker().rerank("q", found, deadline_s=0.0)
    assert order(result) == [1, 2, 3, 4, 5]
    assert result.fallbacks == ()
    assert RecallOrderReranker().rerank("q", [], deadline_s=1.0).ranked == ()


def test_max_sim__is_the_mean_of_the_best_matches() -> None:
    tokens = WordEmbedder().encode_tokens(["red lamp", "a red car", "nothing"])
    assert max_sim(tokens[0], tokens[1]) == pytest.approx(0.5)
    assert max_sim(tokens[0], tokens[2]) == pytest.approx(0.0)
    assert max_sim(tokens[0], tokens[2][:0]) == 0.0


def test_late_interaction__fuses_similarity_with_recall() -> None:
    found = [
        candidate(1, "the weather is fine", score=0.5),
        candidate(2, "old lamps are blue", score=0.5),
        candidate(3, "red lamps give red light", score=0.49),
        candidate(4, "nothing of the kind", score=0.1),
    ]
    result = LateInteractionReranker(WordEmbedder()).rerank("red lamps", found, deadline_s=5.0)
    assert order(result) == [3, 2, 1, 4]
    assert is_full_permutation(result.ranked, found)
    assert result.ranked[0].raw_score == pytest.approx(1.0)


def test_late_interaction__reads_the_headings() -> None:
    found = [candidate(1, "It is easy.", score=0.5), candidate(2, "It is easy.", score=0.5, headings=("Red lamps",))]
    assert order(LateInteractionReranker(WordEmbedder()).rerank("red lamps", found, deadline_s=5.0)) == [2, 1]


class Reads:
    """A vocabulary that knows the first letters of every text."""

    def __init__(self, letters: int) -> None:
        self._letters = letters

    def known_units(self, text: str) -> list[tuple[int, int]]:
        return [(0, self._letters)]


def late_order(found: Sequence[Candidate], letters: int) -> list[int]:
    reranker = LateInteractionReranker(WordEmbedder(), vocabulary=Reads(letters))
    return order(reranker.rerank("red lamps", found, deadline_s=5.0))


def test_late_interaction__counts_by_what_the_model_reads() -> None:
    found = [candidate(1, "old blue cars", score=0.5), candidate(2, "red lamps", score=0.38), candidate(3, score=0.1)]
    assert late_order(found, letters=9) == [2, 1, 3]
    assert late_order(found, letters=2) == [1, 2, 3]


def test_late_interaction__question_that_the_model_cannot_read() -> None:
    reranker = LateInteractionReranker(WordEmbedder(), vocabulary=Reads(0))
    result = reranker.rerank("red lamps", candidates(3), deadline_s=5.0)
    assert order(result) == [1, 2, 3]
    assert (result.method, result.fallbacks[0].used) == ("none", "none")


def test_late_interaction__recall_counts_for_each_of_its_legs() -> None:
    texts = ["old blue cars", "red lamps", "grey stones"]
    scores = [0.5, 0.3, 0.1]
    one = [candidate(n + 1, texts[n], score=scores[n], dense_rank=n + 1) for n in range(3)]
    both = [replace(c, keyword_rank=c.dense_rank) for c in one]
    by_one, by_both = (
        LateInteractionReranker(WordEmbedder()).rerank("red lamps", found, deadline_s=5.0) for found in (one, both)
    )
    assert order(by_one) == [2, 1, 3]
    assert order(by_both) == [1, 2, 3]


def test_late_interaction__question_without_tokens() -> None:
    result = LateInteractionReranker(WordEmbedder()).rerank("", candidates(2), deadline_s=5.0)
    assert order(result) == [1, 2]
    assert (result.method, result.fallbacks[0].used) == ("none", "none")


def test_late_interaction__out_of_time() -> None:
    result = LateInteractionReranker(WordEmbedder()).rerank("lamp", candidates(3), deadline_s=0.0)
    assert order(result) == [1, 2, 3]
    assert all(r.flags == ("unscored",) for r in result.ranked)
    assert "3 of 3 candidates kept their recall place" in result.fallbacks[0].reason


def test_cross_encoder__sigmoid_of_logits() -> None:
    found = [candidate(1, "short"), candidate(2, "a longer passage, by far")]
    seen: list[tuple[int, int]] = []
    result = CrossEncoderReranker(LengthScorer()).rerank(
        "q", found, deadline_s=5.0, on_progress=lambda *done: seen.append(done)
    )
    assert order(result) == [2, 1]
    assert result.ranked[0].raw_score == 4.0
    assert result.ranked[0].score == pytest.approx(1 / (1 + math.exp(-4)))
    assert seen == [(2, 2)]


def test_standardize() -> None:
    assert standardize([1.0, 3.0]) == [-1.0, 1.0]
    assert standardize([2.0, 2.0]) == [0.0, 0.0]
    assert standardize([]) == []


def test_sigmoid__any_logit() -> None:
    assert (sigmoid(0.0), sigmoid(1e6), sigmoid(-1e6)) == (0.5, 1.0, 0.0)


def test_fallback__records_what_failed_and_what_held() -> None:
    chain = FallbackReranker(Failing(LlmUnreachable()), LateInteractionReranker(WordEmbedder()))
    result = chain.rerank("Passage number 2", candidates(3), deadline_s=5.0)
    assert chain.method == "failing"
    assert result.method == "late-interaction"
    assert [(f.stage, f.method, f.used) for f in result.fallbacks] == [("rerank", "failing", "late-interaction")]
    assert "LlmUnreachable: The language model endpoint cannot be reached." in result.fallbacks[0].reason


def test_fallback__nothing_works() -> None:
    chain = FallbackReranker(Failing(RuntimeError("x")), Failing(MemoryError("y")))
    result = chain.rerank("q", candidates(3), deadline_s=5.0)
    assert order(result) == [1, 2, 3]
    assert result.method == "none"
    assert [f.used for f in result.fallbacks] == ["none", "none"]


def test_fallback__keeps_the_costs_of_a_method_that_gave_up() -> None:
    found = candidates(2)
    gave_up = Giving(failed_result(found, "giving", "nonsense", Usage(4, 40, 4, 0.1), ("hash",)))
    result = FallbackReranker(gave_up, RecallOrderReranker()).rerank("q", found, deadline_s=5.0)
    assert result.usage == Usage(4, 40, 4, 0.1)
    assert result.prompt_hashes == ("hash",)
    assert result.ranked[0].flags == ()
    assert [(f.method, f.used, f.reason) for f in result.fallbacks] == [("giving", "none", "nonsense")]


@pytest.mark.parametrize(
    "ranked",
    [
        (),
        (RankedCandidate(candidate(1), 1, 0.5),),
        (RankedCandidate(candidate(1), 1, 0.5), RankedCandidate(candidate(1), 2, 0.5)),
        (RankedCandidate(candidate(1), 1, 0.5), RankedCandidate(candidate(2), 1, 0.5)),
        (RankedCandidate(candidate(1), 1, 9.5), RankedCandidate(candidate(2), 2, 0.5)),
    ],
)
def test_fallback__refuses_what_is_no_permutation(ranked: tuple[RankedCandidate, ...]) -> None:
    result = FallbackReranker(Giving(RerankResult(ranked, "giving"))).rerank("q", candidates(2), deadline_s=5.0)
    assert order(result) == [1, 2]
    assert "not a permutation of the candidates" in result.fallbacks[0].reason


def test_fallback__leaves_time_for_the_next() -> None:
    found = candidates(1)
    first, second = (
        Giving(failed_result(found, "giving", "x")),
        Giving(RerankResult(rank_by_recall(found, "giving"), "giving")),
    )
    FallbackReranker(first, second, RecallOrderReranker()).rerank("q", found, deadline_s=8.0)
    assert 5.0 < first.deadlines_s[0] <= 6.0
    assert 6.0 < second.deadlines_s[0] <= 8.0


def test_fallback__cancellation_passes() -> None:
    with pytest.raises(Cancelled):
        FallbackReranker(Failing(Cancelled())).rerank("q", candidates(1), deadline_s=5.0)


def test_fallback__no_candidates() -> None:
    assert FallbackReranker(CrossEncoderReranker(LengthScorer())).rerank("q", [], deadline_s=5.0).ranked == ()
