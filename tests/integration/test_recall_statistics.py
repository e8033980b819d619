"""BM25 compared with a separate formula while documents are added, changed, moved between scopes and deleted."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from db import keyword_blocks, keyword_postings, keyword_recall, keyword_segments
from db.recall import PostgresRecall
from pipeline.recall import extract_query_words
from pipeline.text.languages import find_languages, find_likely_languages
from pipeline.text.terms import search_forms, split_terms
from pipeline.types import RecallQuery

WORDS = [
    "zebra",
    "zebras",
    "lion",
    "running",
    "runs",
    "grass",
    "the",
    "of",
    "水",
    "重力",
    "重力是",
    "東京タワー",
    "한국어",
    "café",
]
SCOPES = (None, ["1"], ["2"], ["1", "2"])
ASKERS = ((), ("1",), ("2", "9"))


def bm25(question, chunks, k1=0.9, b=0.4):
    """Score chunks from their texts and languages alone: Robertson's formula with Lucene's idf."""
    counts = [Counter(split_terms(chunk, language)) for chunk, language in chunks]
    lengths = [sum(count.values()) for count in counts]
    mean = sum(lengths) / len(lengths)
    scores = [0.0] * len(chunks)
    for term in frozenset().union(*search_forms(question, find_likely_languages(question))):
        holders = sum(term in count for count in counts)
        idf = math.log(1 + (len(chunks) - holders + 0.5) / (holders + 0.5))
        for n, count in enumerate(counts):
            scores[n] += idf * count[term] * (k1 + 1) / (count[term] + k1 * (1 - b + b * lengths[n] / mean))
    return sorted(((score, chunk) for score, (chunk, _) in zip(scores, chunks, strict=True) if score), reverse=True)


class Shelf:
    """The library and its expected contents."""

    def __init__(self, library, rng):
        self.library = library
        self.rng = rng
        self.held = {}

    def texts(self):
        return [" ".join(self.rng.choices(WORDS, k=self.rng.randint(1, 12))) for _ in range(self.rng.randint(1, 4))]

    def step(self):
        workspace = self.rng.choice([self.library.workspace, self.library.other])
        source = self.rng.choice("abcde")
        action = self.rng.choice(["add", "add", "again", "move", "delete", "unfinished", "index"])
        if action == "add":
            self._add(workspace, source, self.texts(), self.rng.choice(SCOPES))
        elif action == "again" and (workspace, source) in self.held:
            self._add(workspace, source, self.held[workspace, source][1], self.rng.choice(SCOPES))
        elif action == "delete":
            self.held.pop((workspace, source), None)
            self.library.run(f"DELETE FROM documents WHERE workspace_id = {workspace} AND source = '{source}'")
        elif action == "move" and (workspace, source) in self.held:
            self._move(workspace, source, self.rng.choice(SCOPES))
        elif action == "unfinished":
            self._leave_unfinished(workspace, source)
        elif action == "index":
            # Some steps only, so that questions meet unfinished merges.
            steps = iter(range(self.rng.randint(1, 9)))
            keyword_segments.index_changes(self.library.database, lambda: next(steps, None) is None)

    def _move(self, workspace, source, channels):
        value = "NULL" if channels is None else f"ARRAY{channels}"
        self.library.run(
            f"UPDATE documents SET channels = {value} WHERE workspace_id = {workspace} AND source = '{source}'"
        )
        self.held[workspace, source] = (channels, self.held[workspace, source][1])

    def _add(self, workspace, source, texts, channels):
        self.library.add(source, texts, channels=channels, workspace=workspace)
        self.held[workspace, source] = (channels, texts)

    def _leave_unfinished(self, workspace, source):
        # Chunks and postings are stored without vectors: they must be neither visible nor counted.
        job = self.library.submit_bytes(source, b"unfinished", channels=None, workspace=workspace)
        self.library.store(self.library.claim(job), ["zebra lion 重力 never embedded"])
        self.library.run("DELETE FROM embedding_queue")

    def visible(self, workspace, channels):
        return [
            pair
            for (where, _), (scope, texts) in self.held.items()
            if where == workspace and (scope is None or set(scope) & set(channels))
            for pair in zip(texts, find_languages(texts), strict=True)
        ]


def recalled(library, workspace, channels, question, top_n=200):
    query = RecallQuery(question, None, extract_query_words(question), "keyword", top_n)
    found = PostgresRecall(library.database, workspace, library.profile, channels).recall(query)
    return [(candidate.keyword_score, candidate.text) for candidate in found.candidates]


@pytest.fixture
def small_segments(monkeypatch):
    """Make segments, blocks and steps so small that few documents need many of them."""
    for name, value in {"TAIL_LIMIT": 2, "TAIL_BATCH": 5, "FAN_IN": 2, "STEP_POSTINGS": 64}.items():
        monkeypatch.setattr(keyword_segments, name, value)
    for name, value in {"BLOCK_POSTINGS": 4, "SHARED_BYTES": 90, "OWN_BYTES": 45}.items():
        monkeypatch.setattr(keyword_blocks, name, value)
    monkeypatch.setattr(keyword_postings, "INLINE_POSTINGS", 2)
    monkeypatch.setattr(keyword_recall, "READ_AHEAD", 0)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize(("seed", "look_up_cost"), [(1, 0), (2, 0), (3, 10**9), (4, 10**9)])
def test_bm25__statistics_stay_correct_under_random_changes(library, monkeypatch, seed, look_up_cost):
    # Cost 0: the last candidates are looked up chunk by chunk; otherwise in the remaining postings.
    monkeypatch.setattr(keyword_recall, "LOOK_UP_COST", look_up_cost)
    rng = random.Random(seed)
    shelf = Shelf(library, rng)
    compared = 0
    for step in range(45):
        shelf.step()
        if step % 3:
            continue
        question = " ".join(rng.sample(WORDS, k=3))
        for workspace in (library.workspace, library.other):
            for channels in ASKERS:
                visible = shelf.visible(workspace, channels)
                expected = bm25(question, visible) if visible else []
                found = recalled(library, workspace, channels, question)
                assert sorted(t for _, t in found) == sorted(t for _, t in expected)
                assert [s for s, _ in found] == pytest.approx([s for s, _ in expected])
                # Fewer candidates than matches: not all postings are read.
                best = recalled(library, workspace, channels, question, top_n=2)
                assert best == found[:2]
                compared += len(found)
    assert compared > 100
