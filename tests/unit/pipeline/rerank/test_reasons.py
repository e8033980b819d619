"""Reasons for the ranks of the passages that an answer uses."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.errors import Cancelled, LlmTimeout
from pipeline.ports import Reranker
from pipeline.rerank import build_cascade
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.reasons import MAX_REASON_CHARS, Explanation, add_reasons, clean_reason, describe_recall
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import UNSCORED, rank_by_recall
from pipeline.types import Candidate, RerankResult, Usage
from tests.answer_fakes import candidate, candidates

FOUND = [candidate(n, keyword_rank=n + 1, dense_rank=n + 10) for n in range(1, 6)]


class Explaining(RecallOrderReranker):
    """Keeps the order, and explains passages with its name or raises an error."""

    def __init__(self, method: str, error: Exception | None = None) -> None:
        self.method = method
        self._error = error
        self.explained: list[list[int]] = []

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        self.explained.append([passage.chunk_id for passage in passages])
        if self._error is not None:
            raise self._error
        reasons = {passage.chunk_id: f"{self.method} {passage.chunk_id}" for passage in passages}
        return Explanation(reasons, Usage(1, 10, 5), ("hash",))


def explain(result: RerankResult, top_k: int, *rerankers: Reranker, question: str = "Where is it?") -> RerankResult:
    by_name = {reranker.method: reranker for reranker in rerankers}
    return add_reasons(question, result, result.ranked[:top_k], by_name, deadline_s=5.0)


def ranked_by(method: str) -> RerankResult:
    return RerankResult(rank_by_recall(FOUND, method), method, usage=Usage(2, 20, 10), prompt_hashes=("first",))


def test_add_reasons__of_the_top_k_only_with_their_usage() -> None:
    reranker = Explaining("best")
    result = explain(ranked_by("best"), 3, reranker)
    assert [item.reason for item in result.ranked] == ["best 1", "best 2", "best 3", "", ""]
    assert reranker.explained == [[1, 2, 3]]
    assert (result.usage, result.prompt_hashes) == (Usage(3, 30, 15), ("first", "hash"))


def test_add_reasons__of_the_stage_that_ranked_a_passage_last() -> None:
    first, second = Explaining("late-interaction"), Explaining("llm-pairwise")
    chains = {r.method: FallbackReranker(r, RecallOrderReranker()) for r in (first, second)}
    cascade = build_cascade("late-interaction:4>llm-pairwise:2", chains)
    result = explain(cascade.rerank("q", FOUND, deadline_s=5.0), 5, *chains.values())
    assert [item.reason for item in result.ranked] == [
        "llm-pairwise 1",
        "llm-pairwise 2",
        "late-interaction 3",
        "late-interaction 4",
        "Found by keywords, place 6; meaning, place 15",
    ]


def test_add_reasons__keeps_the_reasons_of_the_ranking() -> None:
    reranker = Explaining("best")
    ranked = ranked_by("best")
    ranked = replace(ranked, ranked=(replace(ranked.ranked[0], reason="It says so."), *ranked.ranked[1:]))
    assert [item.reason for item in explain(ranked, 2, reranker).ranked[:2]] == ["It says so.", "best 2"]
    assert reranker.explained == [[2]]


def test_add_reasons__without_an_explainer_names_the_legs() -> None:
    assert explain(ranked_by("none"), 1, RecallOrderReranker()).ranked[0].reason == (
        "Found by keywords, place 2; meaning, place 11"
    )


def test_add_reasons__unscored_passages_were_placed_by_recall() -> None:
    result = RerankResult(rank_by_recall(FOUND, "best", (UNSCORED,)), "best")
    assert explain(result, 1, Explaining("best")).ranked[0].reason.startswith("Found by keywords")


def test_add_reasons__a_failure_costs_only_the_reasons() -> None:
    error = LlmTimeout("Too slow.")
    error.usage = Usage(1, 7, 0)
    result = explain(ranked_by("best"), 2, Explaining("best", error))
    assert result.ranked[0].reason.startswith("Found by keywords")
    assert result.usage == Usage(3, 27, 10)


def test_add_reasons__cancellation_ends_the_question() -> None:
    with pytest.raises(Cancelled):
        explain(ranked_by("best"), 2, Explaining("best", Cancelled("Cancelled.")))


def test_describe_recall__one_leg_none_and_chinese() -> None:
    assert describe_recall(candidate(1, keyword_rank=2), "en") == "Found by keywords, place 2"
    assert describe_recall(candidate(1, dense_rank=4), "en") == "Found by meaning, place 4"
    assert describe_recall(candidates(1)[0], "en") == ""
    assert describe_recall(FOUND[0], "zh") == "按关键词找到，第 2 位；按含义找到，第 11 位"


@pytest.mark.parametrize(
    "text",
    ["one\n\ntwo\tthree", "a\x1b[31mred\x00\u202etxt.exe", "word " * 50_000, "[" * 200_000, "\ud800x", " \u2028\r\n"],
)
def test_clean_reason__is_one_bounded_line_without_control_characters(text: str) -> None:
    cleaned = clean_reason(text)
    assert len(cleaned) <= MAX_REASON_CHARS
    assert cleaned == " ".join(cleaned.split())
    assert not [character for character in cleaned if unicodedata.category(character)[0] == "C"]
