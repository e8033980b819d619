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
