"""The method `none`."""

from __future__ import annotations

from pipeline.rerank.recall_order import RecallOrderReranker
from tests.answer_fakes import candidates, order


def test_rerank__keeps_the_order() -> None:
    found = candidates(5)
    result = RecallOrderReranker().rerank("q", found, deadline_s=0.0)
    assert order(result) == [1, 2, 3, 4, 5]
    assert result.fallbacks == ()
    assert RecallOrderReranker().rerank("q", [], deadline_s=1.0).ranked == ()
