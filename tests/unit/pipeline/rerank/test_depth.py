"""A limited reranker reads the first candidates; a number in a cascade replaces the limit."""

from __future__ import annotations

from pipeline.ports import Reranker
from pipeline.rerank import build_cascade
from pipeline.rerank.depth import DepthLimit
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import is_full_permutation
from tests.answer_fakes import WordEmbedder, candidate, candidates, order

NONE = RecallOrderReranker()
FOUND = [
    candidate(1, "the weather is fine", score=0.5),
    candidate(2, "old lamps are blue", score=0.5),
    candidate(3, "nothing of the kind", score=0.5),
    candidate(4, "red lamps give red light", score=0.5),
]


def test_rerank__others_follow_in_recall_order() -> None:
    result = DepthLimit(LateInteractionReranker(WordEmbedder()), 2).rerank("red lamps", FOUND, deadline_s=5.0)
    assert order(result) == [2, 1, 3, 4]
    assert is_full_permutation(result.ranked, FOUND)
    assert [r.method for r in result.ranked] == ["late-interaction"] * 2 + ["none"] * 2
    scores = [r.score for r in result.ranked]
    assert scores == sorted(scores, reverse=True)
    assert result.fallbacks == ()


def test_rerank__failure_is_a_failure_of_all_candidates() -> None:
    limited = DepthLimit(LateInteractionReranker(WordEmbedder()), 2)
    assert all(r.flags == ("unscored",) for r in limited.rerank("", candidates(4), deadline_s=5.0).ranked)
    result = FallbackReranker(limited, NONE).rerank("", candidates(4), deadline_s=5.0)
    assert (result.method, order(result)) == ("none", [1, 2, 3, 4])
    assert limited.rerank("lamps", [], deadline_s=5.0).ranked == ()


def test_cascade__a_number_replaces_the_limit() -> None:
    late = FallbackReranker(DepthLimit(LateInteractionReranker(WordEmbedder()), 2), NONE)
    rerankers: dict[str, Reranker] = {"none": NONE, "late-interaction": late}
    plain, numbered = (
        build_cascade(name, rerankers).rerank("red lamps", FOUND, deadline_s=5.0)
        for name in ("late-interaction", "late-interaction:4")
    )
    assert order(plain) == [2, 1, 3, 4]
    assert order(numbered)[0] == 4
