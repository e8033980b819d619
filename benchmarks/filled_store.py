"""Fill a store with generated chunks, for benchmarks of recall: no parsing and no models.

One large workspace and many small ones are filled with documents of ten chunks. The terms of a chunk are drawn by
Zipf's law. Its vector is the sum of a topic, a document and a passage, each from a normal distribution whose variance
decreases by a power law over the dimensions.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection
from sqlalchemy import text

from db import profiles, workspaces
from db.engine import Database
from pipeline.types import EmbeddingProfile

DIMENSIONS = 384
PER_DOCUMENT = 10
DOCUMENTS_PER_TOPIC = 20
VOCABULARY = 200_000
FUNCTION_WORDS = 150
"""The most frequent words stand for function words, which recall ignores in a question."""
QUESTION_WORDS = 6
SMALL_CHUNKS = 30
"""Chunks of each small workspace."""
BATCH = 20_000
"""Chunks generated and copied at once."""
TEXTS = 5_000
"""Number of different texts; chunks repeat them, because recall only returns them."""

FIRST_ADDED = 2_000_000_000
"""ID of the first chunk that `add_vectors` inserts."""
HIDDEN_SCOPE = 0
"""A scope that no user sees."""
LARGE = "large"
"""Key of the large workspace."""
TABLES = ("documents", "document_versions", "chunks", "chunk_terms", "embeddings", "keyword_changes")

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GeneratedQuestion:
    """A question about one chunk of the large workspace."""

    terms: tuple[int, ...]
    vector: Array


@dataclass(frozen=True)
class FilledStore:
    """The large workspace of a filled store and questions about it."""

    workspace_id: int
    profile: EmbeddingProfile
    questions: tuple[GeneratedQuestion, ...]


@dataclass(frozen=True)
class Chunks:
    """Consecutive chunks with one row or entry per chunk; the terms of all chunks follow each other, sorted by ID."""

    ids: Array
    documents: Array
    ordinals: Array
    workspaces: Array
    vectors: Array
    lengths: Array
    distinct: Array
    """Number of distinct terms of each chunk."""
    terms: Array
    frequencies: Array


class Generator:
    """Generates the same chunks for the same seed."""

    def __init__(self, documents: int, seed: int = 1) -> None:
        """Prepare the vocabulary and the topics."""
        self._rng = np.random.default_rng(seed)
        weights = 1.0 / np.arange(1, VOCABULARY + 1)
        self._cumulative = np.cumsum(weights / weights.sum())
        ids = np.unique(self._rng.integers(1, 2**31 - 1, size=VOCABULARY + VOCABULARY // 10))
        self.term_ids = self._rng.permutation(ids)[:VOCABULARY]
        """The term ID of each word, the most frequent word first."""
        deviations = np.arange(1, DIMENSIONS + 1) ** -0.25
        self._deviations = (deviations / np.linalg.norm(deviations)).astype(np.float32)
        self._average = 0.15 * _unit(self._noise(1))
        self._topics = self._average + 0.55 * self._noise(max(1, documents // DOCUMENTS_PER_TOPIC))

    def chunks(self, first: int, document_workspaces: Array) -> Chunks:
        """Generate the chunks of consecutive documents, with `PER_DOCUMENT` each, from this chunk ID on."""
        documents = len(document_workspaces)
        count = documents * PER_DOCUMENT
        ids = np.arange(first, first + count, dtype=np.int32)
        topics = self._topics[self._rng.integers(0, len(self._topics), size=documents)]
        about = topics + 0.5 * self._noise(documents)
        vectors = _unit(np.repeat(about, PER_DOCUMENT, axis=0) + 0.8 * self._noise(count))
        lengths = self._rng.integers(120, 240, size=count, dtype=np.int32)
        words = np.searchsorted(self._cumulative, self._rng.random(int(lengths.sum())))
        keys, frequencies = np.unique(
            (np.repeat(np.arange(count), lengths) << 31) | self.term_ids[words], return_counts=True
        )
        return Chunks(
            ids=ids,
            documents=(ids - 1) // PER_DOCUMENT + 1,
            ordinals=(ids - 1) % PER_DOCUMENT,
            workspaces=np.repeat(document_workspaces, PER_DOCUMENT),
            vectors=vectors,
            lengths=lengths,
            distinct=np.bincount(keys >> 31, minlength=count),
            terms=keys & (2**31 - 1),
            frequencies=frequencies,
        )

    def questions(self, chunks: Chunks, workspace_id: int, count: int) -> list[GeneratedQuestion]:
        """Return questions about up to `count` chunks of a workspace."""
        places = np.flatnonzero(chunks.workspaces == workspace_id)
        chosen = self._rng.choice(places, size=min(count, len(places)), replace=False)
        ends = np.cumsum(chunks.distinct)
        return [
            self._question(chunks.terms[ends[n] - chunks.distinct[n] : ends[n]], chunks.vectors[n : n + 1])
            for n in chosen
        ]

    def _question(self, terms: Array, vector: Array) -> GeneratedQuestion:
        """Return a question of random terms of a chunk without function words, with a vector near that of the chunk."""
        terms = np.setdiff1d(terms, self.term_ids[:FUNCTION_WORDS])
        chosen = np.sort(self._rng.choice(terms, size=QUESTION_WORDS, replace=False))
        return GeneratedQuestion(tuple(chosen.tolist()), _unit(vector + 0.9 * self._noise(1))[0])

    def texts(self, count: int) -> list[str]:
        """Return texts of 120 to 240 words."""
        lengths = self._rng.integers(120, 240, size=count)
        words = np.searchsorted(self._cumulative, self._rng.random(int(lengths.sum())))
        return [" ".join(f"w{n}" for n in part) for part in np.split(words, np.cumsum(lengths)[:-1])]

    def _noise(self, count: int) -> Array:
        return self._rng.standard_normal((count, DIMENSIONS), dtype=np.float32) * self._deviations


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def fill(database: Database, chunks: int, small_workspaces: int, questions: int) -> FilledStore:
    """Fill an empty store with live documents: one workspace with this many chunks, and small ones; no indexes yet."""
    with database.system() as session:
        small = [workspaces.ensure_workspace(session, f"small:{n}") for n in range(small_workspaces)]
        large = workspaces.ensure_workspace(session, LARGE)
        profile = profiles.add_first(session, EmbeddingProfile(0, "benchmark", "none", DIMENSIONS, 256))
    owners = np.array(small * (SMALL_CHUNKS // PER_DOCUMENT) + [large] * (chunks // PER_DOCUMENT), dtype=np.int32)
    generator = Generator(len(owners))
    texts = [value.encode() for value in generator.texts(TEXTS)]
    asked: list[GeneratedQuestion] = []
    with _bulk_connection(database) as connection:
        scopes = _add_scopes(connection, [*small, large])
        for start in range(0, len(owners), BATCH // PER_DOCUMENT):
            generated = generator.chunks(start * PER_DOCUMENT + 1, owners[start : start + BATCH // PER_DOCUMENT])
            _copy_chunks(connection, profile.id, generated, scopes[generated.workspaces], texts)
            asked += generator.questions(generated, large, questions)
        for table in ("documents", "document_versions", "chunks"):
            last = generated.ids[-1] if table == "chunks" else len(owners)
            connection.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, int(last)])
    for table in TABLES:
        database.autocommit(text(f"VACUUM ANALYZE {table}"))  # the state after autovacuum
    return FilledStore(large, profile, tuple(asked[:: max(1, len(asked) // questions)][:questions]))


def _add_scopes(connection: Connection[Any], workspace_ids: Sequence[int]) -> Array:
    """Add the scope that everyone may see to each workspace; return scope IDs by workspace ID."""
    rows = connection.execute(
        "INSERT INTO scopes (workspace_id) SELECT unnest(%s::integer[]) RETURNING workspace_id, id", [workspace_ids]
    ).fetchall()
    scopes = np.zeros(max(workspace_ids) + 1, dtype=np.int32)
    for workspace_id, scope_id in rows:
        scopes[workspace_id] = scope_id
    return scopes


def _copy_chunks(
    connection: Connection[Any], profile_id: int, chunks: Chunks, scopes: Array, texts: Sequence[bytes]
) -> None:
    """Copy consecutive chunks with their documents; a document and its version have the same ID."""
    first = chunks.ordinals == 0
    documents = chunks.documents[first]
    sizes = np.full(len(documents), PER_DOCUMENT, dtype=np.int32)
    terms = chunks.lengths.reshape(-1, PER_DOCUMENT).sum(axis=1)
    of_document = {"workspace_id": chunks.workspaces[first], "scope_id": scopes[first]}
    names = [b"document %d" % number for number in documents]
    _copy(
        connection,
        "documents",
        of_document
        | {"id": documents, "live_version_id": documents, "live_chunks": sizes, "live_terms": terms.astype(np.int64)},
        {"source": names, "title": names},
    )
    _copy(
        connection,
        "document_versions",
        of_document | {"id": documents, "document_id": documents, "chunks": sizes, "terms": terms.astype(np.int64)},
        {"sha256": names, "title": names},
    )
    of_chunk = {"workspace_id": chunks.workspaces, "version_id": chunks.documents}
    _copy(
        connection,
        "chunks",
        of_chunk
        | {"id": chunks.ids, "document_id": chunks.documents, "ordinal": chunks.ordinals, "tokens": chunks.lengths},
        {"text": [texts[n % len(texts)] for n in chunks.ids], "input_hash": [b"%d" % n for n in chunks.ids]},
    )
    of_chunk |= {"chunk_id": chunks.ids}
    _copy(
        connection,
        "embeddings",
        of_chunk | {"profile_id": np.full_like(chunks.ids, profile_id), "scope_id": scopes},
        {"vector": _halfvec_bytes(chunks.vectors)},
    )
    pairs = np.empty(len(chunks.terms), dtype=[("term", ">i4"), ("frequency", ">i2")])
    pairs["term"], pairs["frequency"] = chunks.terms, chunks.frequencies
    ends = np.cumsum(chunks.distinct)
    packed = [part.tobytes() for part in np.split(pairs, ends[:-1])]
    _copy(connection, "chunk_terms", of_chunk | {"length": chunks.lengths}, {"terms": packed})
    _copy(
        connection,
        "keyword_changes",
        {
            "workspace_id": chunks.workspaces,
            "chunk_id": chunks.ids,
            "scope_id": scopes,
            "change": np.ones(len(chunks.ids), dtype=np.int16),
            "length": chunks.lengths,
        },
        {"terms": packed},
    )


def _halfvec_bytes(vectors: Array) -> list[bytes]:
    """Return vectors in the binary format of pgvector: dimensions, an unused number, and the values."""
    rows = np.zeros(len(vectors), dtype=[("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f2", DIMENSIONS)])
    rows["dimensions"], rows["values"] = DIMENSIONS, vectors
    return [row.tobytes() for row in rows]


def _copy(
    connection: Connection[Any], table: str, numbers: Mapping[str, Array], values: Mapping[str, Sequence[bytes]]
) -> None:
    """Copy rows in PostgreSQL's binary format: integer columns of 2, 4 or 8 bytes, then columns of bytes."""
    fields: list[tuple[str, str]] = [("columns", ">i2")]
    for name, column in numbers.items():
        fields += [(f"size of {name}", ">i4"), (name, f">i{column.itemsize}")]
    heads = np.empty(len(next(iter(numbers.values()))), dtype=fields)
    heads["columns"] = len(numbers) + len(values)
    for name, column in numbers.items():
        heads[f"size of {name}"], heads[name] = column.itemsize, column
    names = ", ".join([*numbers, *values])
    with connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for head, *row in zip(heads, *values.values(), strict=True):
            copy.write(head.tobytes() + b"".join(struct.pack(">i", len(value)) + value for value in row))
        copy.write(b"\xff\xff")


def add_vectors(database: Database, store: FilledStore, batch: int, batches: int) -> float:
    """Insert vectors that no question sees, one transaction per batch, remove them, and return rows per second."""
    generator = Generator(batch * batches // PER_DOCUMENT + 1, seed=int(time.time()))
    owners = np.full(batch // PER_DOCUMENT + 1, store.workspace_id, dtype=np.int32)
    elapsed = 0.0
    _remove_added(database)  # of a run that was interrupted
    for number in range(batches):
        vectors = generator.chunks(1, owners).vectors[:batch]
        ids = np.arange(FIRST_ADDED + number * batch, FIRST_ADDED + (number + 1) * batch, dtype=np.int32)
        same = np.ones_like(ids)
        columns = {"chunk_id": ids, "version_id": same, "workspace_id": same * store.workspace_id}
        columns |= {"profile_id": same * store.profile.id, "scope_id": same * HIDDEN_SCOPE}
        started = time.perf_counter()
        with _bulk_connection(database) as connection:
            _copy(connection, "embeddings", columns, {"vector": _halfvec_bytes(vectors)})
        elapsed += time.perf_counter() - started
    _remove_added(database)
    return batch * batches / elapsed


def _remove_added(database: Database) -> None:
    with _bulk_connection(database) as connection:
        connection.execute("DELETE FROM embeddings WHERE chunk_id >= %s", [FIRST_ADDED])


def save(path: Path, store: FilledStore, timings: Mapping[str, float]) -> None:
    """Save what cannot be read from the store itself."""
    np.savez(
        path,
        terms=np.array([question.terms for question in store.questions]),
        vectors=np.array([question.vector for question in store.questions]),
        steps=np.array(list(timings)),
        seconds=np.array(list(timings.values())),
    )


def load(path: Path, database: Database) -> tuple[FilledStore, dict[str, float]]:
    """Load a filled store and the seconds of each step that filled it."""
    saved = np.load(path)
    with database.system() as session:
        workspace_id = workspaces.find_workspace(session, LARGE)
        profile = profiles.find_live(session)
    assert profile is not None
    asked = [
        GeneratedQuestion(tuple(terms.tolist()), vector)
        for terms, vector in zip(saved["terms"], saved["vectors"], strict=True)
    ]
    timings = dict(zip(saved["steps"].tolist(), saved["seconds"].tolist(), strict=True))
    return FilledStore(workspace_id, profile, tuple(asked)), timings


@contextmanager
def _bulk_connection(database: Database) -> Iterator[Connection[Any]]:
    """Open a transaction without triggers and foreign keys, which take longer than the rows."""
    with database.owner() as session:
        connection = session.connection().connection.driver_connection
        assert isinstance(connection, Connection)
        connection.execute("SET LOCAL session_replication_role = replica")
        yield connection
