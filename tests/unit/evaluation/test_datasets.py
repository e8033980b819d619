"""Datasets: reading, and the messages for invalid files."""

from __future__ import annotations

import pytest

from evaluation.datasets import CorpusDocument, Question, RunEntry, load_dataset, load_run
from pipeline.errors import InvalidInput, UnknownName

CORPUS = '{"_id": "d1", "title": "One", "text": "first"}\n{"_id": "d2", "title": "", "text": ""}\n'
QUERIES = '{"_id": "q1", "text": "what is first?"}\n{"_id": "q2", "text": "not judged"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "corpus.jsonl").write_text(CORPUS, encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text(QUERIES, encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text(QRELS, encoding="utf-8")
    return tmp_path


def test_load_dataset__reads_all_parts(folder):
    dataset = load_dataset(folder)
    assert dataset.name == folder.name
    assert dataset.document_ids == {"d1", "d2"}
    assert dataset.judged_questions == (Question("q1", "what is first?"),)
    assert len(dataset.questions) == 2
    assert dataset.qrels == {"q1": {"d1": 2, "d2": 0}}
    assert dataset.run_names == ()
    assert list(dataset.documents()) == [CorpusDocument("d1", "One", "first"), CorpusDocument("d2", "", "")]
    assert [document.empty for document in dataset.documents()] == [False, True]


def test_load_dataset__name_comes_from_meta(folder):
    (folder / "meta.json").write_text('{"name": "proverbs"}', encoding="utf-8")
    assert load_dataset(folder).name == "proverbs"


def test_load_dataset__accepts_byte_order_mark_and_blank_lines(folder):
    (folder / "queries.jsonl").write_text("\ufeff" + QUERIES + "\n\n", encoding="utf-8")
    assert len(load_dataset(folder).questions) == 2


def test_load_dataset__accepts_crlf_and_repeated_judgements(folder):
    for name, content in (("corpus.jsonl", CORPUS), ("queries.jsonl", QUERIES), ("qrels.tsv", QRELS + "q1\td1\t2\n")):
        (folder / name).write_bytes(("\ufeff" + content.replace("\n", "\r\n\r\n")).encode())
    dataset = load_dataset(folder)
    assert dataset.qrels == {"q1": {"d1": 2, "d2": 0}}
    assert dataset.questions[1] == Question("q2", "not judged")
    assert next(dataset.documents()) == CorpusDocument("d1", "One", "first")


def test_load_dataset__folder_instead_of_a_file(folder):
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl").mkdir()
    with pytest.raises(InvalidInput, match=r"corpus\.jsonl cannot be read"):
        load_dataset(folder)


def test_load_dataset__corpus_hash_follows_the_content_only(folder):
    before = load_dataset(folder).corpus_sha256
    (folder / "corpus.jsonl").write_text(CORPUS.replace(": ", ":") + "\n", encoding="utf-8")
    assert load_dataset(folder).corpus_sha256 == before
    (folder / "corpus.jsonl").write_text(CORPUS.replace("first", "second"), encoding="utf-8")
    assert load_dataset(folder).corpus_sha256 != before


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_load_dataset__missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InvalidInput, match=name):
        load_dataset(folder)


def test_load_dataset__not_a_folder(folder):
    with pytest.raises(InvalidInput, match="not a folder"):
        load_dataset(folder / "corpus.jsonl")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("corpus.jsonl", CORPUS + "{broken\n", "corpus.jsonl, line 3, is not JSON"),
        ("corpus.jsonl", CORPUS + "[]\n", "corpus.jsonl, line 3, must contain a JSON object"),
        ("corpus.jsonl", CORPUS + '{"title": "x", "text": "y"}\n', 'corpus.jsonl, line 3, needs a string in "_id"'),
        ("corpus.jsonl", CORPUS + '{"_id": "d1", "text": "y"}\n', 'corpus.jsonl, line 3, has the _id "d1"'),
        ("corpus.jsonl", '{"_id": "d1", "text": 7}\n', 'corpus.jsonl, line 1, needs a string in "text"'),
        ("corpus.jsonl", "\n", "corpus.jsonl contains no documents"),
        ("queries.jsonl", QUERIES + '{"_id": "q3", "text": " "}\n', 'queries.jsonl, line 3, needs a string in "text"'),
        ("qrels.tsv", QRELS + "q1 d1 1\n", "qrels.tsv, line 4, must contain query-id, corpus-id and score"),
        ("qrels.tsv", QRELS + "q9\td1\t1\n", 'qrels.tsv, line 4, names the question "q9"'),
        ("qrels.tsv", QRELS + "q1\td9\t1\n", 'qrels.tsv, line 4, refers to the document "d9"'),
        ("qrels.tsv", QRELS + "q1\td1\thigh\n", 'qrels.tsv, line 4, has "high" instead of a number'),
        ("qrels.tsv", "query-id\tcorpus-id\tscore\n", "qrels.tsv contains no judgements"),
        ("qrels.tsv", "", "qrels.tsv contains no judgements"),
        ("qrels.tsv", QRELS + "q1\td1\t1\t0\n", "qrels.tsv, line 4, must contain query-id, corpus-id and score"),
        ("qrels.tsv", QRELS + "q1\td1\t1.5\n", 'qrels.tsv, line 4, has "1.5" instead of a number'),
        ("qrels.tsv", QRELS + "q1\td1\t\n", 'qrels.tsv, line 4, has "" instead of a number'),
        ("qrels.tsv", QRELS + "q1\td1\t1\n", 'qrels.tsv, line 4, judges "d1" for "q1" a second time'),
        ("qrels.tsv", QRELS + f"q2\td1\t{1 << 40}\n", "qrels.tsv, line 4, has the score 1099511627776"),
        ("qrels.tsv", QRELS + f"q2\td1\t{'9' * 400}\n", 'qrels.tsv, line 4, has "999'),
        ("qrels.tsv", QRELS + f"q2\td1\t{'9' * 5000}\n", 'qrels.tsv, line 4, has "999'),
        ("corpus.jsonl", "", "corpus.jsonl contains no documents"),
        ("corpus.jsonl", CORPUS + '\n{"_id": "d3"', "corpus.jsonl, line 4, is not JSON"),
        ("corpus.jsonl", CORPUS + "[" * 100_000, "corpus.jsonl, line 3, "),
        ("corpus.jsonl", CORPUS + '{"_id": 3}\n', 'corpus.jsonl, line 3, needs a string in "_id"'),
        ("corpus.jsonl", CORPUS + '{"_id": "d3", "title": []}\n', 'corpus.jsonl, line 3, needs a string in "title"'),
        ("corpus.jsonl", CORPUS + '{"_id": "d\\ud800"}\n', "corpus.jsonl, line 3, has a control character"),
        ("corpus.jsonl", CORPUS + '{"_id": "d\\u0000"}\n', "corpus.jsonl, line 3, has a control character"),
        ("queries.jsonl", "", "queries.jsonl contains no questions"),
        ("queries.jsonl", QUERIES + '{"_id": "q3"}\n', 'queries.jsonl, line 3, needs a string in "text"'),
        ("queries.jsonl", QUERIES + '{"_id": "q1", "text": "x"}\n', 'queries.jsonl, line 3, has the _id "q1"'),
        ("queries.jsonl", QUERIES + '{"_id": "q3", "text": "\\udc00"}\n', "queries.jsonl, line 3, has a control"),
        ("meta.json", "{", "meta.json is not a JSON file"),
    ],
)
def test_load_dataset__error_names_file_and_line(folder, name, content, expected):
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_dataset(folder)
    assert expected in str(caught.value)


def test_load_dataset__text_that_is_not_utf8(folder):
    (folder / "corpus.jsonl").write_bytes(CORPUS.encode() + b'{"_id": "d3", "text": "\xff"}\n')
    with pytest.raises(InvalidInput, match="line 3, is not UTF-8"):
        load_dataset(folder)


def test_load_run__sorts_by_score_and_keeps_ties_in_file_order(folder):
    (folder / "runs").mkdir()
    (folder / "runs" / "BM25.trec").write_text("q1 Q0 d1 1 1.5 BM25\nq1 Q0 d2 2 7.25 BM25\n", encoding="utf-8")
    dataset = load_dataset(folder)
    assert dataset.run_names == ("BM25",)
    assert load_run(dataset, "BM25").rankings == {"q1": (RunEntry("d2", 7.25), RunEntry("d1", 1.5))}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("q1 Q0 d1 1 1.5", "line 2, must contain query"),
        ("q1 Q0 d9 2 1.0 BM25", 'line 2, refers to the document "d9"'),
        ("q1 Q0 d1 2 1.0 BM25", 'line 2, lists the document "d1" twice'),
        ("q1 Q0 d2 2 x BM25", 'line 2, has "x" instead of a number'),
        ("q1 Q0 d2 2 nan BM25", 'line 2, has "nan" instead of a number'),
        ("q1 Q0 d2 2 -inf BM25", 'line 2, has "-inf" instead of a number'),
        ("q1 Q0 d2 2 1.0 BM25 more", "line 2, must contain query"),
    ],
)
def test_load_run__error_names_file_and_line(folder, line, expected):
    (folder / "runs").mkdir()
    (folder / "runs" / "BM25.trec").write_text(f"q1 Q0 d1 1 1.5 BM25\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_run(load_dataset(folder), "BM25")
    assert expected in str(caught.value)


def test_load_run__empty_file(folder):
    (folder / "runs").mkdir()
    (folder / "runs" / "BM25.trec").write_text("\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"BM25\.trec is empty"):
        load_run(load_dataset(folder), "BM25")


def test_load_run__unknown_name_lists_existing_runs(folder):
    with pytest.raises(UnknownName, match="its runs are: none"):
        load_run(load_dataset(folder), "BM25")


def test_qrels__without_header(folder):
    (folder / "qrels.tsv").write_text(QRELS.partition("\n")[2], encoding="utf-8")
    assert load_dataset(folder).qrels == {"q1": {"d1": 2, "d2": 0}}


@pytest.mark.parametrize("line", ["q1 d1 1", "q1\td1\t1.0", "q1\td1"])
def test_qrels__invalid_first_line_is_not_a_header(folder, line):
    (folder / "qrels.tsv").write_text(f"{line}\n{QRELS.partition(chr(10))[2]}", encoding="utf-8")
    with pytest.raises(InvalidInput, match="line 1"):
        load_dataset(folder)
