"""Recall on a real database: both legs, fusion, BM25's arithmetic, honesty, the index."""

from __future__ import annotations

import math

import pytest
from sqlalchemy import text

from db.recall import BM25_B, BM25_K1, PostgresRecall, index_name, vector_text
from db.sql import named
from db.vector_indexes import build_vector_indexes
from pipeline.recall import query_terms
from pipeline.types import RecallQuery


def recall(library, question, vector, mode="hybrid", top_n=50):
    terms = () if mode == "dense" else query_terms(question)
    query = RecallQuery(question, None if mode == "keyword" else vector, terms, mode, top_n)
    return PostgresRecall(library.database, library.workspace, library.profile).recall(query)


def test_dense__orders_by_cosine(library, vector_of):
    library.add("a", ["apple", "pear", "plum"])
    found = recall(library, "x", vector_of("pear"), "dense")
    assert found.candidates[0].text == "pear"
    assert found.candidates[0].dense_score == pytest.approx(1, abs=1e-3)
    scores = [candidate.dense_score for candidate in found.candidates]
    assert scores == sorted(scores, reverse=True)
    assert (found.asked, found.returned, found.plan) == (50, 3, "exact")


def test_keyword__is_bm25(library):
    texts = ["zebra zebra stripe", "zebra lion lion lion lion", "lion grass"]
    library.add("a", texts)
    found = recall(library, "zebra", None, "keyword")
    lengths = [len(t.split()) for t in texts]
    mean = sum(lengths) / 3
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))

    def score(frequency, length):
        return idf * frequency * (BM25_K1 + 1) / (frequency + BM25_K1 * (1 - BM25_B + BM25_B * length / mean))

    assert [c.text for c in found.candidates] == texts[:2]
    assert [c.keyword_score for c in found.candidates] == pytest.approx([score(2, 3), score(1, 5)])
    assert found.plan == "keyword"


def test_keyword__statistics_follow_deletes_and_new_versions(library):
    library.add("a", ["zebra here", "nothing"])
    before = recall(library, "zebra", None, "keyword").candidates[0].keyword_score
    library.add("b", ["zebra there", "zebra again"])
    assert recall(library, "zebra", None, "keyword").candidates[0].keyword_score < before
    library.run("DELETE FROM documents WHERE source = 'b'")
    assert recall(library, "zebra", None, "keyword").candidates[0].keyword_score == pytest.approx(before)


def test_keyword__chinese_and_japanese(library):
    library.add("a", ["重力是一种自然现象", "今天天气很好", "東京タワーは高い"])
    assert recall(library, "什么是重力？", None, "keyword").candidates[0].text.startswith("重力")
    assert recall(library, "東京タワー", None, "keyword").candidates[0].text.startswith("東京")


def test_keyword__reads_the_postings_index_as_the_bound_role(library):
    for n in range(30):
        library.add(f"s{n}", [f"word {n} {m}" for m in range(20)])
    library.run("ANALYZE")
    statement = text("EXPLAIN " + named("recall_hybrid", dimensions=8).text)
    values = {
        "workspace_id": library.workspace,
        "channels": [],
        "want_dense": False,
        "want_keyword": True,
        "profile_id": 1,
        "vector": vector_text([0.0] * 8),
        "terms": list(query_terms("12")),
        "top_n": 50,
        "k1": BM25_K1,
        "b": BM25_B,
    }
    with library.database.tenant(library.workspace) as session:
        plan = "\n".join(session.scalars(statement, values))
    assert "postings_pkey" in plan


def test_hybrid__is_reciprocal_rank_fusion(library, vector_of):
    library.add("a", ["zebra", "apple", "pear"])
    found = recall(library, "zebra", vector_of("apple"))
    by_text = {candidate.text: candidate for candidate in found.candidates}
    zebra, apple = by_text["zebra"], by_text["apple"]
    assert apple.dense_rank == 1
    assert zebra.keyword_rank == 1
    assert zebra.recall_score == pytest.approx(1 / (60 + zebra.dense_rank) + 1 / 61)
    assert [c.recall_rank for c in found.candidates] == [1, 2, 3]


def test_recall__gives_each_chunk_once_and_at_most_top_n(library, vector_of):
    library.add("a", [f"word {n}" for n in range(30)])
    found = recall(library, "word 3", vector_of("word 3"), top_n=10)
    assert found.returned == 10
    assert len({candidate.chunk_id for candidate in found.candidates}) == 10


def test_recall__empty_store(library, vector_of):
    assert recall(library, "anything", vector_of("x")).candidates == ()
    assert recall(library, "anything", None, "keyword").candidates == ()


def build_index(library):
    (name,) = build_vector_indexes(library.database, threshold=10)
    assert name == index_name(library.profile.id, library.workspace)
    return name


def test_index__is_built_once_and_a_broken_one_again(library):
    library.add("a", [f"text {n}" for n in range(20)])
    name = build_index(library)
    assert build_vector_indexes(library.database, threshold=10) == []
    library.run(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass")
    assert build_vector_indexes(library.database, threshold=10) == [name]


def test_index__is_used_and_agrees_with_the_exact_scan(library, vector_of):
    library.add("a", [f"text number {n}" for n in range(300)])
    exact = recall(library, "x", vector_of("text number 7"), "dense", 20)
    name = build_index(library)
    assert "hnsw" in recall(library, "x", vector_of("text number 7"), "dense", 20).plan
    found = recall(library, "x", vector_of("text number 7"), "dense", 20)
    assert [c.chunk_id for c in found.candidates] == [c.chunk_id for c in exact.candidates]
    with library.database.owner() as session:
        session.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"))
        plan = "\n".join(
            session.scalars(
                text(
                    f"EXPLAIN SELECT chunk_id FROM embeddings WHERE profile_id = {library.profile.id}"
                    f" AND workspace_id = {library.workspace}"
                    " ORDER BY vector::halfvec(8) <=> '[1,0,0,0,0,0,0,0]'::halfvec(8) LIMIT 5"
                )
            )
        )
    assert name in plan


def test_index__short_result_falls_back_to_exact(library, vector_of):
    library.add("mine", [f"common {n}" for n in range(20)])
    library.add("scoped", [f"hidden {n}" for n in range(400)], channels=["7"])
    build_index(library)
    found = recall(library, "x", vector_of("hidden 3"), "dense", 50)
    assert found.returned == 20
    assert {candidate.source for candidate in found.candidates} == {"mine"}
