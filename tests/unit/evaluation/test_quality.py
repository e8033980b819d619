"""Measurement of methods with fakes: rankings, counts and reports."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evaluation.datasets import Question, Run, RunEntry
from evaluation.differences import compare_methods
from evaluation.embedding import EmbeddingFigures
from evaluation.plots import plot_quality
from evaluation.quality import measure_methods
from evaluation.report import (
    COLUMNS,
    EMBEDDING_COLUMNS,
    Evaluation,
    as_json,
    difference_rows,
    embedding_rows,
    evaluation_json,
    evaluation_rows,
    format_notes,
    join_evaluations,
)
from evaluation.runs import RunRecall
from pipeline.errors import InvalidInput
from pipeline.types import Candidate, EmbeddingProfile, Fallback, RankedCandidate, RecallResult, RerankResult, Usage
from pipeline.usage import record_usage
from tests.required_libraries import require_library

require_library("pytrec_eval", "the extra `evaluate` is not installed")

QUESTIONS = (Question("q1", "first?"), Question("q2", "second?"))
QRELS = {"q1": {"d2": 1}, "q2": {"d1": 1}}


def candidate(chunk_id, document, rank=1, score=0.0):
    return Candidate(chunk_id, int(document[1:]), document, f"text {chunk_id}", rank, score, source=document)


def recall(question):
    # Two chunks of d1 come before the only chunk of d2.
    chunks = [candidate(10, "d1", 1, 0.9), candidate(11, "d1", 2, 0.8), candidate(20, "d2", 3, 0.7)]
    return RecallResult(tuple(chunks), requested=50, plan="exact")


class Fake:
    """A reranker that sorts by a key and reports a usage."""

    def __init__(self, method, key, usage=None, fallbacks=(), flags=()):
        self.method = method
        self.key = key
        self.usage = usage or Usage()
        self.fallbacks = fallbacks
        self.flags = flags
        self.asked = []

    def rerank(self, question, candidates, *, deadline_s, on_progress=None):
        self.asked.append((question, len(candidates)))
        ordered = sorted(candidates, key=self.key)
        ranked = [RankedCandidate(c, rank, 1 / rank, flags=self.flags) for rank, c in enumerate(ordered, start=1)]
        # Not sorted by rank, because the rank counts and not the position in the tuple.
        return RerankResult(tuple(reversed(ranked)), self.method, self.fallbacks, self.usage)


def keep_order():
    return Fake("none", key=lambda c: c.recall_rank)


def reverse_order():
    return Fake("reverse", key=lambda c: -c.recall_rank, usage=Usage(2, 100, 20, 0.01))


def measured(**kwargs):
    options = {
        "recall": recall,
        "document_of": lambda c: c.source,
        "deadline_s": 5.0,
        "rerankers": {"none": keep_order()},
    }
    return measure_methods(QUESTIONS, QRELS, **{**options, **kwargs})


def test_measure__document_counts_with_its_best_chunk():
    (result,) = measured()
    assert result.rankings == {"q1": ("d1", "d2"), "q2": ("d1", "d2")}
    assert result.mrr_at_10 == pytest.approx((1 / 2 + 1) / 2)
    assert result.recall_at_50 == 1.0


def test_measure__methods_see_the_same_candidates():
    keep, turn = keep_order(), reverse_order()
    results = measured(rerankers={"none": keep, "reverse": turn})
    assert [result.method for result in results] == ["none", "reverse"]
    assert results[1].rankings["q1"] == ("d2", "d1")
    assert keep.asked == turn.asked


def test_measure__warm_up_is_not_measured():
    turn = reverse_order()
    (result,) = measured(rerankers={"reverse": turn})
    assert turn.asked == [("first?", 1), ("first?", 3), ("second?", 3)]
    assert result.usage == Usage(4, 200, 40, 0.02)
    assert result.tokens == 240


def test_measure__latency_includes_recall_and_reranking():
    (result,) = measured()
    assert 0 < result.p50_ms <= result.p95_ms


def test_measure__nothing_recalled_counts_as_zero():
    reranker = keep_order()
    (result,) = measured(recall=lambda question: RecallResult((), 50, "exact"), rerankers={"none": reranker})
    assert (result.ndcg_at_10, result.recall_at_50, reranker.asked) == (0.0, 0.0, [])


def test_measure__counts_fallbacks_and_unscored():
    fallback = Fallback("rerank", "llm-pointwise", "none", "it answered nonsense")
    broken = Fake("llm-pointwise", key=lambda c: c.recall_rank, fallbacks=(fallback,), flags=("unscored",))
    (result,) = measured(rerankers={"llm-pointwise": broken})
    assert (result.fallbacks, result.unscored) == (2, 6)


def test_measure__reports_progress():
    seen = []
    measured(on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


RUN = Run("BM25", {"q1": (RunEntry("d1", 9.0), RunEntry("d2", 4.0), RunEntry("d3", 1.0))})
CHUNKS = {"d1": [candidate(10, "d1"), candidate(11, "d1")], "d2": [candidate(20, "d2")], "d3": [candidate(30, "d3")]}
COSINES = {10: 0.1, 11: 0.5, 20: 0.8, 30: 0.3}


def run_recall(mode, top_n=50):
    return RunRecall(
        RUN,
        mode,
        top_n,
        chunks_of=lambda wanted: {name: CHUNKS[name] for name in wanted},
        dense_scores=lambda text, wanted: {number: COSINES[number] for number in wanted},
    )


@pytest.mark.parametrize(
    ("mode", "expected"), [("keyword", [10, 11, 20, 30]), ("dense", [20, 11, 30, 10]), ("hybrid", [20, 11, 10, 30])]
)
def test_run_recall__orders_the_run_by_mode(mode, expected):
    recalled = run_recall(mode)(QUESTIONS[0])
    assert [c.chunk_id for c in recalled.candidates] == expected
    assert [c.recall_rank for c in recalled.candidates] == [1, 2, 3, 4]
    scores = [c.recall_score for c in recalled.candidates]
    assert scores == sorted(scores, reverse=True)


def test_run_recall__top_n_counts_documents():
    assert [c.chunk_id for c in run_recall("keyword", top_n=1)(QUESTIONS[0]).candidates] == [10, 11]


def test_run_recall__question_missing_in_the_run():
    assert run_recall("dense")(QUESTIONS[1]).candidates == ()


def evaluation():
    results = measured(rerankers={"none": keep_order(), "reverse": reverse_order()})
    return Evaluation("proverbs", 3, len(QUESTIONS), "dense", results)


def test_evaluation_json__has_exactly_the_documented_keys():
    document = json.loads(json.dumps(evaluation_json(evaluation())))
    assert document["dataset"] == {"name": "proverbs", "documents": 3, "queries": 2}
    assert document["recall"] == "dense"
    assert set(document) == {"dataset", "profile", "recall", "methods"}
    expected = {"method", "ndcg@10", "mrr@10", "recall@50", "p50_ms", "p95_ms", "calls", "tokens", "cost_usd"}
    assert [set(method) for method in document["methods"]] == [expected, expected]
    assert document["methods"][1]["tokens"] == 240
    assert document["methods"][1]["cost_usd"] == 0.02


def test_evaluation_json__by_question():
    results = measured(rerankers={"none": keep_order(), "reverse": reverse_order()})
    texts = {question.id: question.text for question in QUESTIONS}
    document = evaluation_json(Evaluation("proverbs", 3, 2, "dense", results, texts=texts), by_question=True)
    assert document["questions"] == [
        {"id": "q1", "text": "first?", "ndcg@10": {"none": 0.6309, "reverse": 1.0}},
        {"id": "q2", "text": "second?", "ndcg@10": {"none": 1.0, "reverse": 0.6309}},
    ]


def several_evaluations():
    profile = EmbeddingProfile(2, "e5", "multilingual-e5-small", 384, 512, "query: ", "passage: ", True)
    figures = EmbeddingFigures(profile, chunks=1000, chunks_per_s=31.25, tokens=2000, usd=0.5)
    first = evaluation()
    e5 = replace(first, profile="e5", embedding=figures)
    return (replace(first, profile="minilm", recall="keyword"), e5, replace(e5, recall="hybrid"))


def test_join_evaluations__methods_are_named_by_what_differs():
    assert [each.method for each in join_evaluations([evaluation()]).methods] == ["none", "reverse"]
    modes = join_evaluations(several_evaluations()[1:])
    assert modes.recall == "dense, hybrid"
    assert [each.method for each in modes.methods] == [
        "dense · none",
        "dense · reverse",
        "hybrid · none",
        "hybrid · reverse",
    ]
    assert join_evaluations(several_evaluations()).methods[-1].method == "e5 · hybrid · reverse"


def test_embedding_rows__one_row_per_profile():
    (row,) = embedding_rows(several_evaluations())
    assert dict(zip(EMBEDDING_COLUMNS, row, strict=True)) == {
        "profile": "e5",
        "model": "multilingual-e5-small",
        "dimensions": "384",
        "precision": "full",
        "chunks": "1000",
        "chunks/s": "31.2",
        "MB": "0.77",
        "tokens": "2000",
        "USD": "0.5000",
    }


def test_as_json__several_evaluations_list_their_profiles():
    one = evaluation()
    assert as_json([one]) == evaluation_json(one)
    (_, e5, _) = several_evaluations()
    assert [costs["profile"] for costs in as_json([e5])["profiles"]] == ["e5"]
    document = json.loads(json.dumps(as_json(several_evaluations())))
    assert [(one["profile"], one["recall"]) for one in document["evaluations"]] == [
        ("minilm", "keyword"),
        ("e5", "dense"),
        ("e5", "hybrid"),
    ]
    tiny = replace(one, methods=(replace(one.methods[0], usage=Usage(1, 10, cost_usd=0.0000002)),))
    assert evaluation_json(tiny)["methods"][0]["cost_usd"] == 0.0000002
    (e5,) = document["profiles"]
    assert (e5["profile"], e5["chunks_per_s"], e5["megabytes"], e5["cost_usd"]) == ("e5", 31.2, 0.768, 0.5)


def test_compare_methods__counts_wins_and_lists_the_largest_differences():
    results = measured(rerankers={"none": keep_order(), "reverse": reverse_order(), "same": keep_order()})
    reverse, same = compare_methods(results, {"q1": "first?", "q2": "second?"}, 1)
    assert (reverse.method, reverse.against, reverse.won, reverse.tied, reverse.lost) == ("reverse", "none", 1, 0, 1)
    assert reverse.p == 1.0
    assert [(one.text, round(one.before, 2), one.after) for one in reverse.largest] == [("first?", 0.63, 1.0)]
    assert difference_rows(reverse) == [("1.000", "0.631", "reverse", "first?")]
    assert (same.won, same.tied, same.lost, same.largest) == (0, 2, 0, ())
    assert compare_methods((), {}, 1) == ()


def test_evaluation_rows__fit_the_columns():
    rows = evaluation_rows(evaluation())
    assert [row[0] for row in rows] == ["none", "reverse"]
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert rows[1][-1] == "10.00"


def test_format_notes__fallbacks_unscored_and_prices():
    whole = evaluation()
    assert format_notes(whole) == []
    damaged = replace(whole, methods=(replace(whole.methods[0], fallbacks=1, unscored=3),))
    assert len(format_notes(damaged)) == 2
    unpriced = replace(whole, methods=(replace(whole.methods[1], usage=Usage(calls=2, prompt_tokens=9)),))
    assert format_notes(unpriced) == ["reverse: its calls have no price and count as free. Set REFDESK_PRICES."]


def test_plot__writes_an_image(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `evaluate` is not installed")
    path = tmp_path / "plot.png"
    plot_quality(evaluation(), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_plot__path_that_is_not_writable(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `evaluate` is not installed")
    with pytest.raises(InvalidInput, match="cannot be written"):
        plot_quality(evaluation(), tmp_path / "no such folder" / "plot.png")


def test_measure__embedding_the_question_counts_for_each_method():
    def paid_recall(question):
        record_usage(Usage(1, 10, cost_usd=0.002))
        return recall(question)

    keep, reverse = measured(recall=paid_recall, rerankers={"none": keep_order(), "reverse": reverse_order()})
    assert keep.usage == Usage(2, 20, 0, 0.004)
    assert (reverse.usage.calls, reverse.tokens) == (6, 260)
    assert reverse.usage.cost_usd == pytest.approx(0.024)
    assert evaluation_rows(Evaluation("d", 2, 2, "dense", (keep,)))[0][6:9] == ("2", "20", "0.0040")
