"""Documents of a dataset as sources, and the workspace of a corpus."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from evaluation.corpus import build_source
from evaluation.datasets import CorpusDocument, Dataset, Run, RunEntry
from evaluation.evaluate import EvaluationPlan, candidate_documents
from evaluation.ingestion import workspace_key


class Reader(HTMLParser):
    """Collects the text of each element."""

    def __init__(self):
        super().__init__()
        self.text = {}
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_data(self, data):
        if self.open and data.strip():
            self.text.setdefault(self.open[-1], []).append(data)


def read(source):
    reader = Reader()
    reader.feed(source.content.decode("utf-8"))
    return reader.text


def test_build_source__escapes_title_and_paragraphs():
    source = build_source(CorpusDocument("d1", "a < b & c", "<b>x</b> *y* &amp;\n\nsecond\nline"))
    assert (source.name, source.media_type) == ("d1.html", "text/html")
    text = read(source)
    assert text["title"] == ["a < b & c"]
    assert text["h1"] == ["a < b & c"]
    assert text["p"] == ["<b>x</b> *y* &amp;", "second\nline"]


def test_build_source__without_title_has_no_heading():
    assert b"<h1>" not in build_source(CorpusDocument("d1", " ", "text")).content


def test_build_source__equal_texts_are_two_documents():
    first, second = (build_source(CorpusDocument(name, "same", "same")) for name in ("d1", "d2"))
    assert first.content != second.content


def test_build_source__lone_surrogate():
    assert build_source(CorpusDocument("d1", "", "a\ud800b")).content


def dataset(name="proverbs", digest="0" * 64):
    return Dataset(name, Path(), frozenset({"d1", "d2", "d3"}), digest, (), {})


def test_workspace_key__follows_content_and_chunking():
    keys = {
        workspace_key(dataset(), chunk_tokens=254, chunk_overlap=0),
        workspace_key(dataset(digest="1" * 64), chunk_tokens=254, chunk_overlap=0),
        workspace_key(dataset(), chunk_tokens=200, chunk_overlap=0),
        workspace_key(dataset(), chunk_tokens=254, chunk_overlap=20),
    }
    assert len(keys) == 4
    assert all(key.startswith("evaluate:proverbs:") for key in keys)


def test_workspace_key__long_name_fits_the_column():
    assert len(workspace_key(dataset(name="x" * 500), chunk_tokens=254, chunk_overlap=0)) <= 200


def test_candidate_documents__corpus_or_top_n_of_the_run():
    run = Run("BM25", {"q1": (RunEntry("d1", 3.0), RunEntry("d2", 2.0)), "q2": (RunEntry("d3", 1.0),)})
    assert candidate_documents(dataset(), EvaluationPlan(("dense",), ("none",), 50)) == {"d1", "d2", "d3"}
    assert candidate_documents(dataset(), EvaluationPlan(("dense",), ("none",), 1, run)) == {"d1", "d3"}
