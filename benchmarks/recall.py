"""Compare the latency of keyword, dense and hybrid recall at 100,000 chunks.

    .venv/bin/python -m benchmarks.recall [--chunks 100000] [--per-document 10] [--questions 60] [--rounds 3]
                                          [--collection DIR]

The database is filled directly, without models: with texts whose words follow Zipf's law, or with the texts of a
collection (a folder for `refdesk evaluate`), repeated as often as needed. The vectors form clusters like those of real
texts. Each question is recalled by keyword, dense with the HNSW index of the workspace, dense with an exact scan, and
hybrid. The modes alternate, because the speed of a shared machine changes over time. The measured time is that of
`PostgresRecall.recall`: transaction, statement, and candidates with their texts.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import text

from cli.context import open_context
from config.setting_groups import ServerSettings
from config.settings import Settings
from db import profiles, workspaces
from db.engine import Database, Session
from db.keyword_index import ChunkTerms, add_chunk_terms
from db.recall import PostgresRecall, build_index_name, format_vector
from db.vector_indexes import build_vector_indexes
from evaluation.datasets import load_dataset
from pipeline.recall import extract_query_terms, extract_terms
from pipeline.types import EmbeddingProfile, RecallMode, RecallQuery, Term

DIMENSIONS = 384
VOCABULARY = 200_000
FUNCTION_WORDS = 150
"""The most frequent words stand for function words, which recall ignores in a question."""
BATCH = 2000
TABLES = ("documents", "document_versions", "chunks", "chunk_terms", "embeddings")

Vectors = npt.NDArray[np.float32]

ADD_DOCUMENTS = """
WITH new AS (
    INSERT INTO documents (workspace_id, source, title)
    SELECT :workspace_id, 'd' || n, 'Document ' || n FROM unnest(CAST(:numbers AS integer[])) AS n RETURNING id, source
)
INSERT INTO document_versions (workspace_id, document_id, sha256, title, chunks, terms)
SELECT :workspace_id, new.id, '', new.source, t.chunks, t.terms
FROM new
JOIN unnest(CAST(:numbers AS integer[]), CAST(:chunks AS integer[]), CAST(:terms AS integer[])) AS t(n, chunks, terms)
  ON new.source = 'd' || t.n
RETURNING document_id, id AS version_id, CAST(substr(title, 2) AS integer) AS number
"""
GO_LIVE = """
UPDATE documents d SET live_version_id = v.id FROM document_versions v
WHERE v.document_id = d.id AND d.workspace_id = :workspace_id AND d.live_version_id IS NULL
"""
ADD_CHUNKS = """
INSERT INTO chunks (workspace_id, document_id, version_id, ordinal, text, tokens, input_hash)
SELECT :workspace_id, t.document_id, t.version_id, t.ordinal, t.text, 0, ''
FROM unnest(CAST(:documents AS integer[]), CAST(:versions AS integer[]), CAST(:ordinals AS integer[]),
            CAST(:texts AS text[])) WITH ORDINALITY AS t(document_id, version_id, ordinal, text, place)
ORDER BY t.place
RETURNING id
"""
ADD_VECTORS = """
INSERT INTO embeddings (profile_id, chunk_id, workspace_id, version_id, vector)
SELECT :profile_id, t.chunk_id, :workspace_id, t.version_id, CAST(t.vector AS halfvec)
FROM unnest(CAST(:chunk_ids AS integer[]), CAST(:versions AS integer[]), CAST(:vectors AS text[]))
     AS t(chunk_id, version_id, vector)
"""


@dataclass(frozen=True)
class Passage:
    """A chunk to store."""

    document: int
    ordinal: int
    text: str
    terms: tuple[Term, ...]
    vector: list[float]

    @property
    def length(self) -> int:
        """Number of terms, including repetitions."""
        return sum(term.frequency for term in self.terms)


def zipf_texts(count: int, rng: np.random.Generator) -> list[str]:
    """Return texts of about 180 words whose frequencies follow Zipf's law; `w7` is the seventh most frequent word."""
    weights = 1.0 / np.arange(1, VOCABULARY + 1)
    cumulative = np.cumsum(weights / weights.sum())
    lengths = rng.integers(120, 240, size=count)
    return [" ".join(f"w{n + 1}" for n in np.searchsorted(cumulative, rng.random(length))) for length in lengths]


def zipf_question(passage: str, rng: np.random.Generator) -> str:
    """Return a question of six random words of a passage without function words."""
    words = [word for word in passage.split() if int(word[1:]) > FUNCTION_WORDS]
    return " ".join(rng.choice(words, size=6, replace=False))


def collection_texts(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """Return `count` passages of a collection, repeated as needed, and its questions."""
    dataset = load_dataset(folder)
    passages = [f"{document.title}\n{document.text}" for document in dataset.documents()]
    return [passages[n % len(passages)] for n in range(count)], [q.text for q in dataset.judged_questions]


def clustered_vectors(count: int, rng: np.random.Generator) -> Vectors:
    """Return unit vectors in 300 clusters, shape (count, DIMENSIONS)."""
    centres = rng.normal(size=(300, DIMENSIONS))
    vectors = centres[rng.integers(0, 300, size=count)] + 1.2 * rng.normal(size=(count, DIMENSIONS))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def fill(database: Database, scope: dict[str, int], texts: Sequence[str], vectors: Vectors, per_document: int) -> None:
    """Store the texts as chunks of live documents with `per_document` chunks each."""
    terms_of = functools.cache(extract_terms)
    batch = max(1, BATCH // per_document) * per_document
    for start in range(0, len(texts), batch):
        passages = [
            Passage(n // per_document, n % per_document, texts[n], terms_of(texts[n]), vectors[n].tolist())
            for n in range(start, min(len(texts), start + batch))
        ]
        with database.owner() as session:
            _store(session, scope, passages)
    for table in TABLES:
        database.autocommit(text(f"VACUUM ANALYZE {table}"))  # the state after autovacuum


def _store(session: Session, scope: dict[str, int], passages: Sequence[Passage]) -> None:
    rows = _add_documents(session, scope, passages)
    documents = [rows[passage.document][0] for passage in passages]
    versions = [rows[passage.document][1] for passage in passages]
    columns = {"documents": documents, "versions": versions, "ordinals": [p.ordinal for p in passages]}
    chunk_ids = list(session.scalars(text(ADD_CHUNKS), scope | columns | {"texts": [p.text for p in passages]}))
    add_chunk_terms(
        session,
        [
            ChunkTerms(scope["workspace_id"], version, chunk_id, passage.terms)
            for passage, chunk_id, version in zip(passages, chunk_ids, versions, strict=True)
        ],
    )
    vectors = [format_vector(passage.vector) for passage in passages]
    session.execute(text(ADD_VECTORS), scope | {"chunk_ids": chunk_ids, "versions": versions, "vectors": vectors})
    session.execute(text(GO_LIVE), scope)


def _add_documents(session: Session, scope: dict[str, int], passages: Sequence[Passage]) -> dict[int, tuple[int, int]]:
    """Add the documents of these passages and return document ID and version ID by document number."""
    sizes: dict[int, list[int]] = {}
    for passage in passages:
        sizes.setdefault(passage.document, []).append(passage.length)
    added = session.execute(
        text(ADD_DOCUMENTS),
        scope
        | {
            "numbers": list(sizes),
            "chunks": [len(lengths) for lengths in sizes.values()],
            "terms": [sum(lengths) for lengths in sizes.values()],
        },
    ).all()
    return {row.number: (row.document_id, row.version_id) for row in added}


def measure(
    stores: dict[str, tuple[PostgresRecall, RecallMode]], questions: Sequence[tuple[str, list[float]]], rounds: int
) -> dict[str, list[float]]:
    """Recall every question with every method in turn and return the milliseconds of each method."""
    elapsed_ms: dict[str, list[float]] = {method: [] for method in stores}
    for question, vector in list(questions) * rounds:
        for method, (store, mode) in stores.items():
            terms = () if mode == "dense" else extract_query_terms(question)
            query = RecallQuery(question, None if mode == "keyword" else vector, terms, mode)
            started = time.perf_counter()
            recalled = store.recall(query)
            elapsed_ms[method].append((time.perf_counter() - started) * 1000)
            assert recalled.candidates, question
            assert recalled.plan == (method.partition(", ")[2] or "keyword"), recalled.plan
    return elapsed_ms


def print_times(elapsed_ms: dict[str, list[float]]) -> None:
    """Print the times and their ratios to dense recall in the same run."""
    dense = next(statistics.median(values) for method, values in elapsed_ms.items() if method.startswith("dense"))
    for method, values in elapsed_ms.items():
        p50, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(f"{method:14} p50 {p50:7.1f} ms  p95 {p95:7.1f} ms  {p50 / dense:5.2f} x dense")


def run(database: Database, arguments: argparse.Namespace) -> None:
    """Fill one workspace and measure it with and without its vector index."""
    rng = np.random.default_rng(1)
    vectors = clustered_vectors(arguments.chunks, rng)
    if arguments.collection:
        texts, question_texts = collection_texts(arguments.collection, arguments.chunks)
    else:
        texts = zipf_texts(arguments.chunks, rng)
        question_texts = [zipf_question(texts[n], rng) for n in rng.integers(0, len(texts), size=arguments.questions)]
    near = vectors[rng.integers(0, len(vectors), size=arguments.questions)]
    questions = [(q, (v + 0.02).tolist()) for q, v in zip(question_texts[: arguments.questions], near, strict=False)]
    with database.system() as session:
        workspace_id = workspaces.ensure_workspace(session, "benchmark")
        profile = profiles.add_first(session, EmbeddingProfile(0, "benchmark", "none", DIMENSIONS, 256))
    fill(database, {"workspace_id": workspace_id, "profile_id": profile.id}, texts, vectors, arguments.per_document)
    build_vector_indexes(database, threshold=0)
    store = PostgresRecall(database, workspace_id, profile)
    terms = statistics.fmean(len(extract_query_terms(question)) for question, _ in questions)
    print(f"{len(texts)} chunks in documents of {arguments.per_document}, {terms:.1f} words per question")
    methods: dict[str, tuple[PostgresRecall, RecallMode]]
    methods = {"keyword": (store, "keyword"), "dense, hnsw": (store, "dense"), "hybrid, hnsw": (store, "hybrid")}
    print_times(measure(methods, questions, arguments.rounds))
    database.autocommit(text(f"DROP INDEX {build_index_name(profile.id, workspace_id)}"))
    methods = {"keyword": (store, "keyword"), "dense, exact": (store, "dense"), "hybrid, exact": (store, "hybrid")}
    print_times(measure(methods, questions, 1))


def main() -> None:
    """Start temporary servers, fill them and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--per-document", type=int, default=10)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--collection", type=Path, help="Use the texts and questions of this collection.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder:
        settings = Settings(_env_file=None, servers=ServerSettings(home=Path(folder) / "home"))
        with open_context(settings) as front:
            run(front.database, arguments)


if __name__ == "__main__":
    main()
