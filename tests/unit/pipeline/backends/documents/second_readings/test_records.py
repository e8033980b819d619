"""The second readings find what a reader of records loses, and nothing else."""

import json

import pytest

from pipeline.backends.documents import extraction
from pipeline.backends.documents.extraction import READERS
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.verification import SECOND_READINGS, count_units, find_missing_texts
from pipeline.errors import EmptyDocument
from pipeline.parse import Element
from tests.reading import read

SRT = "1\n00:00:01,000 --> 00:00:02,000\n<i>First & last</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nSecond\n"
MAIL = "From: a@x.org\nTo: b@x.org\nSubject: Key\nDate: Wed, 4 Mar 2026 18:00:00 +0100\n\nThe key is < 5 m away.\n"
NOTEBOOK = json.dumps({"cells": [{"cell_type": "code", "source": ["a = 3\n", "b > 4"], "outputs": []}], "nbformat": 4,
                       "metadata": {}})  # fmt: skip
FILES = {
    "a.csv": ("a,b\n1,x & y\n2,> 10 %\n", "10"),
    "a.tsv": ("a\tb\n1\tx & y\n2\t> 10 %\n", "y"),
    "a.txt": ("One line.\n\n+---+----+\n| a | b  |\n+---+----+\n| 1 | 7% |\n+---+----+\n", "7"),
    "chat.txt": ("3/4/26, 6:22 PM - Anna: Where?\n3/4/26, 6:23 PM - Bo: At 7", "7"),
    "a.json": ('{"a": "x < y", "b": [1, 47.10], "c": {"d": "caf\\u00e9"}}', "café"),
    "a.jsonl": ('{"id": 1, "n": "x"}\n{"id": 2, "n": "y"}\n', "2"),
    "chat.json": ('[{"role": "user", "content": "Hi <@U1>"}, {"role": "assistant", "content": "Hello"}]', "hello"),
    "a.srt": (SRT, "last"),
    "a.ipynb": (NOTEBOOK, "4"),
    "a.eml": (MAIL, "away"),
    "a.py": ("def f():\n    return 3 - 1\n", "3"),
}


@pytest.mark.parametrize("name", FILES)
def test_second_reading__of_a_complete_reading_adds_nothing(name, monkeypatch):
    added: list[str] = []

    def record(second, elements):
        added.extend(find_missing_texts(second, elements))
        return []

    monkeypatch.setattr(extraction, "find_missing_texts", record)
    read(name, FILES[name][0])
    assert added == []


@pytest.mark.parametrize("name", FILES)
def test_second_reading__finds_a_lost_word(name):
    text, lost = FILES[name]
    media_type = read(name, text).media_type
    file = File(name, text.encode(), media_type, text)
    elements = READERS[media_type](
        file, lambda source, depth: Reading([Element("paragraph", str((source, depth)))])
    ).elements
    without = [
        Element("paragraph", " ".join(word for word in count_units(element.text) if word != lost))
        for element in elements
    ]
    missing = find_missing_texts(SECOND_READINGS[media_type](file), without)
    assert any(lost in text.casefold() for text in missing)


def test_number__stays_as_it_is_written():
    assert "47.10" in read("a.json", FILES["a.json"][0]).blocks[0].text


def test_corpus__no_words_of_record_files_are_lost(shared, monkeypatch):
    lost: dict[str, list[str]] = {}
    paths = [path for folder in ("documents", "field") for path in (shared / folder).rglob("*.*")]
    checked = [path for path in paths if path.suffix in {".txt", ".csv", ".json", ".srt", ".eml", ".rst", ".ipynb"}]

    for path in checked:

        def record(second, elements, name=path.name):
            missing = find_missing_texts(second, elements)
            if missing:
                lost[name] = missing
            return missing

        monkeypatch.setattr(extraction, "find_missing_texts", record)
        try:
            read(path.name, path.read_bytes())
        except EmptyDocument:
            continue
    assert lost == {}
    assert len(checked) > 60


def test_second_reading__control_characters_do_not_split_words():
    text = "The peo\x7fple of the har\u0092bour eat fish."
    assert read("a.txt", text).blocks[0].text == "The people of the harbour eat fish."
