"""`refdesk evaluate` as a person runs it: a small collection, a real worker, Postgres and the embedding model."""

from __future__ import annotations

import pytest

pytest.importorskip("pytrec_eval", reason="the extra `evaluate` is not installed")

CORPUS = """\
{"_id": "cats", "title": "Cats", "text": "Cats sleep most of the day and hunt at dusk & dawn."}
{"_id": "bread", "title": "Bread", "text": "Dough rises because yeast makes carbon dioxide."}
{"_id": "bread-again", "title": "Bread", "text": "Dough rises because yeast makes carbon dioxide."}
{"_id": "tides", "title": "", "text": "The moon pulls the sea, so there are two high tides a day."}
{"_id": "nothing", "title": "", "text": ""}
"""
QUERIES = """\
{"_id": "q1", "text": "Why does dough rise?"}
{"_id": "q2", "text": "When do cats hunt?"}
"""
QRELS = "query-id\tcorpus-id\tscore\nq1\tbread\t1\nq1\tbread-again\t1\nq2\tcats\t2\n"


@pytest.fixture
def collection(tmp_path):
    folder = tmp_path / "small"
    (folder / "runs").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(CORPUS, encoding="utf-8")
    (folder / "queries.jsonl").write_text(QUERIES, encoding="utf-8")
    (folder / "qrels.tsv").write_text(QRELS, encoding="utf-8")
    # A run with the best documents last: its own order must be worse than the dense one.
    lines = ["q1 Q0 tides 1 9 t", "q1 Q0 bread 2 8 t", "q2 Q0 tides 1 9 t", "q2 Q0 cats 2 8 t"]
    (folder / "runs" / "poor.trec").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_evaluate__from_folder_to_figures(desk, collection):
    desk.start_worker("ingest")
    whole, code = desk.json("evaluate", str(collection), "--run", "none", "--recall", "dense")
    assert code == 0
    assert whole["dataset"] == {"name": "small", "documents": 5, "queries": 2}
    assert whole["recall"] == "dense"
    assert [method["method"] for method in whole["methods"]] == ["none", "late-interaction"]
    # Both documents with the same words are found: neither was taken for the other.
    assert [(method["ndcg@10"], method["recall@50"]) for method in whole["methods"]] == [(1.0, 1.0), (1.0, 1.0)]

    own, _ = desk.json("evaluate", str(collection), "--recall", "keyword", "--reranker", "none")
    assert own["methods"][0]["mrr@10"] == 0.5
    dense, _ = desk.json("evaluate", str(collection), "--recall", "dense", "--reranker", "none")
    assert dense["methods"][0]["mrr@10"] == 1.0
    # All of that was ingested once.
    assert desk.value("SELECT count(*) FROM jobs WHERE kind = 'ingest'") == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--reranker", "best"], "There is no reranker 'best'"),
        (["--run", "BM25"], 'has no run called "BM25"; its runs are: poor'),
    ],
)
def test_evaluate__unknown_name_is_one_sentence(desk, collection, options, expected):
    ended = desk.refdesk("evaluate", str(collection), *options)
    assert ended.returncode == 1
    assert expected in " ".join(ended.stderr.decode().split())
    assert b"Traceback" not in ended.stderr
    assert desk.value("SELECT count(*) FROM jobs") == 0


def test_evaluate__folder_without_files_is_one_sentence(desk, tmp_path):
    ended = desk.refdesk("evaluate", str(tmp_path))
    assert ended.returncode == 1
    assert "corpus.jsonl is missing" in " ".join(ended.stderr.decode().split())


def test_feedback_and_compare__on_the_own_library(desk, tmp_path):
    for name, content in {"cats": "Cats hunt at dusk.", "bread": "Dough rises because yeast makes gas."}.items():
        (tmp_path / f"{name}.txt").write_text(content)
    desk.start_worker("ingest")
    desk.start_worker("query")
    assert desk.refdesk("ingest", str(tmp_path / "cats.txt"), str(tmp_path / "bread.txt")).returncode == 0
    nothing = desk.refdesk("evaluate", "--feedback")
    assert nothing.returncode == 1
    assert "Ask some questions" in " ".join(nothing.stderr.decode().split())
    desk.refdesk_all(("ask", "When do cats hunt?", "--json"), ("ask", "Why does dough rise?", "--json"))

    measured, code = desk.json("evaluate", "--feedback", "--reranker", "none", "--differences", "1")
    assert (code, measured["dataset"]) == (0, {"name": "local", "documents": 2, "queries": 2})
    assert measured["methods"][0]["ndcg@10"] == 1.0
    assert {question["text"] for question in measured["questions"]} == {"When do cats hunt?", "Why does dough rise?"}

    compared, code = desk.json(
        "compare", "When do cats hunt?", "--recall", "keyword", "--recall", "dense", "--reranker", "none", "--answers"
    )
    assert code == 0
    assert [(way["recall"], way["method"]) for way in compared["methods"]] == [("keyword", "none"), ("dense", "none")]
    assert [len(way["passages"]) for way in compared["methods"]] == [1, 2]
    assert {way["passages"][0]["text"] for way in compared["methods"]} == {"Cats hunt at dusk."}
    assert all("[1]" in way["answer"] for way in compared["methods"])
    assert desk.value("SELECT count(*) FROM queries") == 2

    both = desk.refdesk("evaluate", str(tmp_path), "--feedback")
    unknown = desk.refdesk("compare", "Who?", "--reranker", "none,best")
    assert (both.returncode, unknown.returncode) == (2, 1)
    assert "Name a folder, or use --feedback" in both.stderr.decode()
    assert "There is no reranker 'best'" in " ".join(unknown.stderr.decode().split())
