"""`refdesk evaluate` and `refdesk compare` on a small collection, with real workers and the embedding model."""

from __future__ import annotations

import pytest

from tests.required_libraries import require_library

require_library("pytrec_eval", "the extra `evaluate` is not installed")

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
    # A run that ranks the relevant documents last.
    lines = ["q1 Q0 tides 1 9 t", "q1 Q0 bread 2 8 t", "q2 Q0 tides 1 9 t", "q2 Q0 cats 2 8 t"]
    (folder / "runs" / "poor.trec").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_evaluate__dataset_folder(installation, collection):
    installation.start_worker("ingest")
    report, code = installation.refdesk_json("evaluate", str(collection), "--run", "none", "--recall", "dense")
    assert code == 0
    assert report["dataset"] == {"name": "small", "documents": 5, "queries": 2}
    assert report["recall"] == "dense"
    assert [method["method"] for method in report["methods"]] == ["none", "late-interaction"]
    # The two documents with the same text are found separately.
    assert [(method["ndcg@10"], method["recall@50"]) for method in report["methods"]] == [(1.0, 1.0), (1.0, 1.0)]

    reranked, _ = installation.refdesk_json(
        "evaluate", str(collection), "--recall", "keyword,dense", "--reranker", "none"
    )
    found = {one["recall"]: one["methods"][0]["mrr@10"] for one in reranked["evaluations"]}
    assert found == {"keyword": 0.5, "dense": 1.0}
    # Both evaluations ingest the documents only once.
    assert installation.value("SELECT count(*) FROM jobs WHERE kind = 'ingest'") == 4

    assert (
        installation.refdesk(
            "profiles", "add", "other", "--model", "all-MiniLM-L6-v2", "--passage-prefix", "note: "
        ).returncode
        == 0
    )
    not_built = installation.refdesk("evaluate", str(collection), "--profiles", "other")
    assert "run `refdesk profiles build other`" in " ".join(not_built.stderr.decode().split())
    assert installation.refdesk("profiles", "build", "other").returncode == 0
    compared, code = installation.refdesk_json(
        *("evaluate", str(collection), "--run", "none", "--recall", "keyword,dense", "--reranker", "none"),
        *("--profiles", "all-MiniLM-L6-v2,other"),
    )
    assert code == 0
    assert [(one["profile"], one["recall"]) for one in compared["evaluations"]] == [
        *(("all-MiniLM-L6-v2", "keyword"), ("all-MiniLM-L6-v2", "dense")),
        *(("other", "keyword"), ("other", "dense")),
    ]
    live, other = compared["profiles"]
    assert (live["chunks"], other["chunks"]) == (4, 4)
    assert other["tokens"] > live["tokens"] > 0  # the prefix is counted
    assert min(live["chunks_per_s"], other["chunks_per_s"]) > 0


def test_evaluate__invalid_input_is_reported_before_a_worker_starts(installation, collection, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    expected = {
        (str(collection), "--reranker", "best"): "There is no reranker 'best'",
        (str(collection), "--run", "BM25"): 'has no run called "BM25"; its runs are: poor',
        (str(collection), "--recall", "keyword,sparse"): (
            "There is no recall 'sparse'. Choose from: hybrid, dense, keyword."
        ),
        (str(collection), "--profiles", "missing"): "There is no embedding profile 'missing'",
        (str(empty),): "corpus.jsonl is missing",
    }
    results = installation.refdesk_all(*(("evaluate", *arguments) for arguments in expected))
    for result, message in zip(results, expected.values(), strict=True):
        assert result.returncode == 1
        assert message in " ".join(result.stderr.decode().split())
        assert b"Traceback" not in result.stderr
        assert b"starting a worker" not in result.stderr
    assert installation.value("SELECT count(*) FROM jobs") == 0


def test_feedback_and_compare__on_ingested_documents(installation, tmp_path):
    for name, content in {"cats": "Cats hunt at dusk.", "bread": "Dough rises because yeast makes gas."}.items():
        (tmp_path / f"{name}.txt").write_text(content)
    installation.start_workers("ingest", "query")
    assert installation.refdesk("ingest", str(tmp_path / "cats.txt"), str(tmp_path / "bread.txt")).returncode == 0
    no_questions = installation.refdesk("evaluate", "--feedback")
    assert no_questions.returncode == 1
    assert "Ask some questions" in " ".join(no_questions.stderr.decode().split())
    installation.refdesk_all(("ask", "When do cats hunt?", "--json"), ("ask", "Why does dough rise?", "--json"))

    measured, code = installation.refdesk_json("evaluate", "--feedback", "--reranker", "none", "--differences", "1")
    assert (code, measured["dataset"]) == (0, {"name": "local", "documents": 2, "queries": 2})
    assert measured["methods"][0]["ndcg@10"] == 1.0
    assert {question["text"] for question in measured["questions"]} == {"When do cats hunt?", "Why does dough rise?"}

    compared, code = installation.refdesk_json(
        "compare", "When do cats hunt?", "--recall", "keyword", "--recall", "dense", "--reranker", "none", "--answers"
    )
    assert code == 0
    assert [(method["recall"], method["method"]) for method in compared["methods"]] == [
        ("keyword", "none"),
        ("dense", "none"),
    ]
    assert [len(method["passages"]) for method in compared["methods"]] == [1, 2]
    assert {method["passages"][0]["text"] for method in compared["methods"]} == {"Cats hunt at dusk."}
    assert all("[1]" in method["answer"] for method in compared["methods"])
    assert installation.value("SELECT count(*) FROM queries") == 2

    both, unknown = installation.refdesk_all(
        ("evaluate", str(tmp_path), "--feedback"), ("compare", "Who?", "--reranker", "none,best")
    )
    assert (both.returncode, unknown.returncode) == (2, 1)
    assert "Name a folder, or use --feedback" in both.stderr.decode()
    assert "There is no reranker 'best'" in " ".join(unknown.stderr.decode().split())
