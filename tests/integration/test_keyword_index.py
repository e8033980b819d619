"""Segments of the keyword index: built by the worker's thread, one process at a time, and continued after a failure."""

from __future__ import annotations

import time

import pytest

from db import keyword_segments
from db.keyword_segments import index_changes
from db.sql import named
from tasks.keyword_index import KeywordIndexThread


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    for name, value in {"TAIL_LIMIT": 2, "TAIL_BATCH": 5, "FAN_IN": 2, "STEP_POSTINGS": 64}.items():
        monkeypatch.setattr(keyword_segments, name, value)


def add_documents(library, count):
    for n in range(count):
        library.add(f"s{n}", [f"word {n} {m} " + " ".join(f"w{n}x{k}" for k in range(30)) for m in range(4)])


def test_thread__keeps_the_tail_short(library):
    add_documents(library, 3)
    thread = KeywordIndexThread(library.database)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while library.count("keyword_changes") > 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        thread.stop()


def test_step__is_left_to_the_process_that_has_the_lock(library):
    add_documents(library, 3)
    with library.database.system() as session:
        assert session.scalar(named("try_segment_lock"), {"workspace_id": library.workspace})
        assert index_changes(library.database) == 0
    assert index_changes(library.database) > 0
    assert library.count("keyword_changes") <= 2


def test_merge__continues_after_a_step_that_failed(library, monkeypatch):
    add_documents(library, 5)
    insert, calls = keyword_segments._insert_blocks, iter(range(100))

    def fail_in_a_merge(*arguments):
        insert(*arguments)
        if next(calls) == 4:
            raise ValueError("the worker stops")

    monkeypatch.setattr(keyword_segments, "_insert_blocks", fail_in_a_merge)
    with pytest.raises(ValueError, match="the worker stops"):
        index_changes(library.database)
    assert library.count("keyword_segments", "state = 'building'") == 1
    index_changes(library.database)
    assert library.count("keyword_segments", "state = 'building' OR merged_into IS NOT NULL") == 0
    assert library.count("keyword_changes") == 0
    stored = library.count("keyword_blocks b, decode_block(b.directory, b.postings, b.size, b.min_length)")
    assert stored == library.count("chunk_terms t, decode_terms(t.terms)") > 20 * 30
