"""The method `cross-encoder`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from pipeline.rerank.cross_encoder import CrossEncoderReranker
from tests.answer_fakes import candidate, order


class LengthScorer:
    """A cross-encoder whose logit is the length of the passage."""

    name = "length"

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        return [float(len(passage)) - 20.0 for passage in passages]


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
