"""The method `cross-encoder`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from pipeline.rerank.cross_encoder import CrossEncoderReranker
from pipeline.types import Usage
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


def explain(question: str, *texts: str) -> dict[int, str]:
    found = [candidate(n, text) for n, text in enumerate(texts, 1)]
    reranker = CrossEncoderReranker(LengthScorer())
    return dict(reranker.explain(question, found, deadline_s=5.0, spent=Usage()).reasons)


def test_explain__quotes_the_best_sentence_of_each_passage() -> None:
    reasons = explain("When?", "Short. The gate of the castle opens at nine.", "It is [closed](http://x.example/y).")
    assert reasons == {
        1: "Best sentence: The gate of the castle opens at nine.",
        2: "Best sentence: It is closed.",
    }
    assert explain("城门什么时候打开？", "城门九点打开。") == {1: "最相关的句子：城门九点打开。"}


def test_explain__scores_all_sentences_in_one_call() -> None:
    calls: list[int] = []

    class Counting(LengthScorer):
        def score(self, question: str, passages: Sequence[str]) -> list[float]:
            calls.append(len(passages))
            return super().score(question, passages)

    found = [candidate(1, "One is short. Two is longer."), candidate(2, "Three is a sentence. Four is one too.")]
    CrossEncoderReranker(Counting()).explain("q", found, deadline_s=5.0, spent=Usage())
    assert calls == [4]


def test_explain__ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("pipeline.rerank.batching.monotonic", lambda: now[0])

    class Slow(LengthScorer):
        def score(self, question: str, passages: Sequence[str]) -> list[float]:
            now[0] += 3
            return super().score(question, passages)

    found = [candidate(n, "One is short. Two is longer. Three is in between.") for n in range(1, 21)]
    explained = CrossEncoderReranker(Slow()).explain("q", found, deadline_s=5.0, spent=Usage())
    assert now[0] == 6.0
    # Two batches of 16 sentences contain all three sentences of ten passages, and two of another.
    assert set(explained.reasons) == set(range(1, 11))


def test_explain__without_time_or_sentences() -> None:
    assert explain("q", "***") == {}
    reranker = CrossEncoderReranker(LengthScorer())
    assert not reranker.explain("q", [candidate(1, "A sentence.")], deadline_s=0.0, spent=Usage()).reasons
