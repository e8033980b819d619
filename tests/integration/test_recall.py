"""Recall on a real database: dense, keyword, fusion, BM25 scores, the index."""

from __future__ import annotations

import math
import uuid

import numpy as np
import pytest
from pgvector import HalfVector
from sqlalchemy import text

from db import jobs, traces
from db.keyword_recall import BM25_B, BM25_K1
from db.recall import PostgresRecall
from db.sql import named
from db.vector_indexes import build_vector_indexes
from db.vector_recall import INDEX_SETTINGS, build_index_name
from pipeline.fusion import KEYWORD_WEIGHT, fuse_scores
from pipeline.recall import extract_query_words
from pipeline.types import Answer, AnswerOptions, GenerationResult, RankedCandidate, RecallQuery, RerankResult


def recall(library, question, vector, mode="hybrid", top_n=50, weight=1.0, channels=(), workspace=None):
    words = () if mode == "dense" else extract_query_words(question)
    query = RecallQuery(question, None if mode == "keyword" else vector, words, mode, top_n, weight)
    store = PostgresRecall(library.database, workspace or library.workspace, library.profile, channels, exact_below=0)
    return store.recall(query)


def test_dense__orders_by_cosine(library, vector_of):
    library.add("a", ["apple", "pear", "plum"])
    found = recall(library, "x", vector_of("pear"), "dense")
    assert found.candidates[0].text == "pear"
    assert found.candidates[0].dense_score == pytest.approx(1, abs=1e-3)
    scores = [candidate.dense_score for candidate in found.candidates]
    assert scores == sorted(scores, reverse=True)
    assert (found.requested, found.returned, found.plan) == (50, 3, "exact")


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


@pytest.mark.parametrize(
    ("question", "begins"),
    [
        ("什么是重力？", "重力"),
        ("猫吃什么", "猫"),
        ("水的沸点是多少", "水"),
        ("東京タワーの高さは？", "東京"),
        ("りんごの色は何ですか", "りんご"),
        ("한국의 수도는 어디입니까", "서울"),
        ("ราคาทองคำวันนี้", "ทองคำ"),
    ],
)
def test_keyword__scripts_without_spaces(library, question, begins):
    library.add(
        "a",
        [
            "重力是一种自然现象",
            "今天天气很好",
            "猫是肉食动物",
            "水在一百度沸腾，这个温度叫沸点",
            "東京タワーは高い",
            "りんごは赤い果物です",
            "電車は何時に来ますか",
            "서울은 한국의 수도이다",
            "부산은 바다가 있는 도시이다",
            "ทองคำเป็นโลหะ",
        ],
    )
    assert recall(library, question, None, "keyword").candidates[0].text.startswith(begins)


def explain(library, name, **values):
    statement = text("EXPLAIN " + named(name).text)
    with library.database.tenant(library.workspace, settings=INDEX_SETTINGS) as session:
        return "\n".join(session.scalars(statement, {"workspace_id": library.workspace, "scopes": [1]} | values))


def test_plan__every_large_table_is_read_by_an_index_as_the_bound_role(library):
    for n in range(60):
        library.add(f"s{n}", [f"word {n} {m}" for m in range(20)])
        library.add(f"s{n}", [f"other {n} {m}" for m in range(60)], workspace=library.other)
    library.run("INSERT INTO keyword_segments (workspace_id, state) VALUES (1, 'live')")
    library.run("INSERT INTO keyword_blocks SELECT 1, n, 0, n, 1, 0, 0, 0, '', '' FROM generate_series(1, 5000) AS n")
    library.run("ANALYZE")
    dense = {"profile_id": library.profile.id, "vector": HalfVector([0.1] * 8)}
    plans = [
        explain(library, "scan_nearest_chunks", **dense, top_n=50),
        explain(library, "compute_dense_scores", **dense, chunk_ids=[1], chunks=[9], samples=[2]),
        explain(library, "fetch_candidates", chunk_ids=[1]),
        explain(library, "read_keyword_index"),
        explain(library, "read_keyword_blocks", segments=[1], after=[-1], up_to=[9], terms=[7], inline=9),
        explain(library, "read_blocks", segment_ids=[1], last_terms=[7], blocks=[0]),
        explain(library, "read_chunk_terms", chunk_ids=[1]),
    ]
    assert "embeddings_of_scope" in plans[0]
    assert "embeddings_of_scope" in plans[1]
    assert "Sort Key" not in plans[1]
    assert "using chunks_pkey" in plans[2]
    for plan in plans:
        for table in ("chunks", "embeddings", "keyword_changes", "keyword_blocks", "chunk_terms"):
            assert f"Seq Scan on {table}" not in plan


def test_hybrid__fuses_both_scores_of_every_candidate(library, vector_of):
    texts = ["zebra", "apple", "pear", "zebra and apple", "plum"]
    library.add("a", texts)
    found = recall(library, "zebra", vector_of("apple"), weight=0.5)
    assert found.dense_weight == 0.5
    assert 0 < found.keyword_weight < KEYWORD_WEIGHT
    assert [c.recall_rank for c in found.candidates] == [1, 2, 3, 4, 5]
    cosines = {t: float(np.dot(vector_of(t), vector_of("apple"))) for t in texts}
    by_keyword = {c.text: c.keyword_score for c in recall(library, "zebra", None, "keyword").candidates}
    expected = fuse_scores(
        [cosines[c.text] for c in found.candidates],
        [by_keyword.get(c.text, 0.0) for c in found.candidates],
        dense_average=float(np.mean(list(cosines.values()))),
        dense_weight=0.5,
        keyword_weight=found.keyword_weight,
    )
    assert [c.recall_score for c in found.candidates] == pytest.approx(expected, abs=2e-3)
    assert expected == sorted(expected, reverse=True)
    assert [c.keyword_score for c in found.candidates] == pytest.approx(
        [by_keyword.get(c.text, 0.0) for c in found.candidates]
    )


def test_hybrid__keywords_count_less_if_the_best_match_has_few_terms_of_the_question(library, vector_of):
    library.add("a", ["zebra", "apple", "pear", "plum"])
    score = recall(library, "zebra", None, "keyword").candidates[0].keyword_score
    # BM25 weighs a term of one of four chunks with ln(1 + 3.5 / 1.5), and one of no chunk with ln(1 + 4.5 / 0.5).
    stated, missing = (BM25_K1 + 1) * math.log(1 + 3.5 / 1.5), (BM25_K1 + 1) * math.log(1 + 4.5 / 0.5)
    all_stated = recall(library, "zebra", vector_of("pear"))
    assert (all_stated.dense_weight, all_stated.keyword_weight) == (1.0, pytest.approx(KEYWORD_WEIGHT * score / stated))
    few_stated = recall(library, "zebra unheard words", vector_of("pear"))
    assert few_stated.keyword_weight == pytest.approx(KEYWORD_WEIGHT * score / (stated + 2 * missing))
    best = few_stated.candidates[0]
    assert (best.text, best.keyword_score) == ("pear", 0.0)
    assert best.recall_score == pytest.approx(1 / (1 + few_stated.keyword_weight), abs=2e-3)
    unreadable = recall(library, "zebra unheard words", vector_of("pear"), weight=0.0)
    assert unreadable.keyword_weight == KEYWORD_WEIGHT


def test_hybrid__a_word_in_several_forms_counts_once(library, vector_of):
    library.add("a", ["Die Bücherei verleiht Bücher, Filme und Spiele an alle, die in der Stadt wohnen.", "zebra"])
    question = "Welche Bücher, Filme und Spiele verleiht die Bücherei?"
    assert any(len(forms) > 1 for forms in extract_query_words(question))
    found = recall(library, question, vector_of("zebra"))
    # Each word has one form in one of the two chunks; forms that no chunk contains do not count.
    most = (BM25_K1 + 1) * math.log(1 + 1.5 / 1.5) * len(extract_query_words(question))
    score = max(candidate.keyword_score for candidate in found.candidates)
    assert found.keyword_weight == pytest.approx(KEYWORD_WEIGHT * score / most)


def test_keyword__a_german_question_finds_another_form_of_its_word(library):
    library.add("a", ["Die beiden großen Häuser am Markt gehören seit dem vergangenen Jahr der Gemeinde.", "zebra"])
    found = recall(library, "Wem gehört eigentlich das große Haus?", None, "keyword")
    assert [candidate.text[:16] for candidate in found.candidates] == ["Die beiden große"]


def test_keyword__a_chunk_with_english_stems_is_found_by_a_german_question(library):
    library.add("a", ["Öffnungszeiten: siehe Tür", "zebra"])  # too short for a language
    found = recall(library, "Wo stehen denn bitte die Öffnungszeiten?", None, "keyword")
    assert [candidate.text for candidate in found.candidates] == ["Öffnungszeiten: siehe Tür"]


def test_hybrid__candidates_of_one_search_get_both_scores(library, vector_of):
    library.add("a", [f"word {n}" for n in range(30)] + ["zebra one", "zebra two", "zebra three zebra"])
    both = recall(library, "zebra", vector_of("word 3"), top_n=3)
    assert both.returned == 3
    for c in both.candidates:
        assert c.dense_score == pytest.approx(float(np.dot(vector_of(c.text), vector_of("word 3"))), abs=2e-3)
        assert (c.keyword_score > 0) == ("zebra" in c.text)
    missed = [c for c in both.candidates if c.dense_rank is None or c.keyword_rank is None]
    assert missed


def test_hybrid__question_unreadable_by_the_model_uses_keywords_only(library, vector_of):
    library.add("a", ["zebra", "zebra zebra apple", "apple", "pear"])
    keyword = recall(library, "zebra", None, "keyword")
    found = recall(library, "zebra", vector_of("apple"), weight=0.0)
    assert [c.chunk_id for c in found.candidates][:2] == [c.chunk_id for c in keyword.candidates]
    assert found.returned == 4


def test_hybrid__question_without_known_words_keeps_the_dense_order(library, vector_of):
    library.add("a", [f"word {n}" for n in range(20)])
    dense = recall(library, "unheard", vector_of("word 3"), "dense")
    found = recall(library, "unheard", vector_of("word 3"))
    assert [c.chunk_id for c in found.candidates] == [c.chunk_id for c in dense.candidates]
    assert {c.keyword_score for c in found.candidates} == {0.0}
    assert {c.keyword_rank for c in found.candidates} == {None}


def test_recall__weights_of_a_single_search(library, vector_of):
    library.add("a", ["zebra"])
    dense = recall(library, "zebra", vector_of("zebra"), "dense", weight=0.3)
    keyword = recall(library, "zebra", None, "keyword", weight=0.3)
    assert (dense.dense_weight, dense.keyword_weight) == (1.0, 0.0)
    assert (keyword.dense_weight, keyword.keyword_weight) == (0.0, 1.0)


def test_recall__returns_each_chunk_once_and_at_most_top_n(library, vector_of):
    library.add("a", [f"word {n}" for n in range(30)])
    found = recall(library, "word 3", vector_of("word 3"), top_n=10)
    assert found.returned == 10
    assert len({candidate.chunk_id for candidate in found.candidates}) == 10


def test_recall__empty_store(library, vector_of):
    assert recall(library, "anything", vector_of("x")).candidates == ()
    assert recall(library, "anything", None, "keyword").candidates == ()


def build_index(library):
    (name,) = build_vector_indexes(library.database, threshold=10)
    assert name == build_index_name(library.profile.id, library.workspace)
    return name


def test_index__is_built_once_and_an_invalid_one_again(library):
    library.add("a", [f"text {n}" for n in range(20)])
    name = build_index(library)
    assert build_vector_indexes(library.database, threshold=10) == []
    library.run(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass")
    assert build_vector_indexes(library.database, threshold=10) == [name]


def test_index__is_built_with_the_memory_it_needs(library):
    library.add("a", [f"text {n}" for n in range(20)])
    with library.database.owner() as session:
        limit = session.scalar(text("SELECT pg_size_bytes(current_setting('maintenance_work_mem')) / 1024"))
        for needed in (limit + 1, 70_000):
            memory, _ = session.execute(named("set_build_memory", kilobytes=needed)).one()
            assert session.scalar(text(f"SELECT pg_size_bytes('{memory}') / 1024")) == min(needed, limit)
        session.rollback()
    build_index(library)
    with library.database.owner() as session:  # the settings of the build do not stay in the pool
        assert session.scalar(text("SELECT pg_size_bytes(current_setting('maintenance_work_mem')) / 1024")) == limit


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
                    " AND scope_id IS NOT NULL ORDER BY vector::halfvec(8) <=> '[1,0,0,0,0,0,0,0]'::halfvec(8) LIMIT 5"
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


def test_trace__stores_the_weights(library, vector_of):
    library.add("a", ["zebra", "apple"])
    found = recall(library, "zebra", vector_of("apple"), weight=0.25)
    lease = jobs.Lease(library.submit(), library.workspace, uuid.uuid4(), 1, "42")
    answer = Answer(
        question="zebra",
        options=AnswerOptions(),
        recalled=found,
        reranking=RerankResult(tuple(RankedCandidate(c, n, 0.5) for n, c in enumerate(found.candidates, 1)), "none"),
        generated=GenerationResult("Yes.", (), abstained=False, model="extractive"),
        timings_ms={"total": 2.0},
        fallbacks=(),
    )
    with library.database.tenant(library.workspace) as session:
        traces.store_trace(session, lease, answer)
    with library.database.inspect() as session:
        weights = session.execute(text("SELECT dense_weight, keyword_weight FROM inspect.queries")).one()
    assert tuple(weights) == (0.25, found.keyword_weight)
