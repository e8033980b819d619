"""The embedder: claim chunks across all documents, embed them in full batches, and make finished versions live.

Servers, and the people of a server, take turns. An idle model starts as soon as there are enough chunks for a batch,
when no ingest job is queued, or when the oldest chunk has waited for REFDESK_EMBED_LINGER_S. While it works, more
chunks are queued, so that the next claim is larger.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Literal, Self

import structlog

from config.settings import Settings
from db import embeddings, profiles, spending, versions
from db.engine import Session
from monitoring.traces import is_on, shared_span
from pipeline.embed import build_passage_input, fill_zeros
from pipeline.errors import DatabaseUnavailable, RefdeskError, SetupError
from pipeline.ports import Matrix
from pipeline.types import EmbeddingProfile
from pipeline.usage import measure_usage
from tasks.lease import LeaseHeartbeat
from tasks.runtime import Runtime
from tasks.worker_heartbeat import is_stopping

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 1.0
"""Seconds between two checks without a wake-up, for chunks of a worker that died and for partly filled claims."""
STOP_TIMEOUT_S = 15.0
"""Seconds that a stopping worker waits for the current batch; the claim of an unfinished one expires with its lease."""

ProfileGroup = Literal["live", "other"]
"""The live profile, or all other filled profiles."""

_local_model_lock = threading.Lock()
"""Only one local model embeds at a time: two in parallel are not faster and use the memory of two batches."""

CLAIM_S = 1.0
"""Seconds of work per claim, as far as known: a document waits for the claims that others have already made."""
RETRY_SIZES = (None, 16, 1)
"""Claim sizes by earlier attempts (None: full size), which narrow down a chunk that kills its worker to one."""


def max_embed_attempts(settings: Settings) -> int:
    """Return how often a chunk is claimed before its job is dead: at least until it was alone in a claim."""
    return max(settings.jobs.max_attempts, len(RETRY_SIZES))


class EmbedderThread:
    """Embeds chunks on threads of an ingest worker, while its tasks parse the next documents.

    The live profile has a separate thread, so that no document waits for a hanging endpoint of another profile.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Prepare the threads; nothing runs before `start`."""
        self._runtime = runtime
        self._stop = threading.Event()
        self._wakes: dict[ProfileGroup, threading.Event] = {"live": threading.Event(), "other": threading.Event()}
        self._threads = [
            threading.Thread(target=self._run, args=(group, wake), name=f"embedder-{group}", daemon=True)
            for group, wake in self._wakes.items()
        ]

    def start(self) -> None:
        """Check for chunks now, on each wake-up, and every second."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Check for chunks immediately, because a document has added some."""
        for wake in self._wakes.values():
            wake.set()

    def stop(self) -> None:
        """Finish the current batches and start no new one."""
        self._stop.set()
        self.wake()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, group: ProfileGroup, wake: threading.Event) -> None:
        while not self._stop.is_set():
            wake.clear()
            try:
                embed_backlog(self._runtime, self._stop.is_set, group=group)
            except DatabaseUnavailable as error:
                log.warning("embedding postponed: the database is unavailable", error=str(error))
            except Exception:
                log.exception("embedding failed; its chunks are retried in smaller claims")
            wake.wait(POLL_INTERVAL_S)


def embed_backlog(
    runtime: Runtime, stopping: Callable[[], bool] = is_stopping, *, group: ProfileGroup | None = None
) -> None:
    """Embed batch by batch until nothing is due, the live profile first; `group` limits it to one group of profiles.

    A batch is stored while the next one is embedded.
    """
    with _BackgroundStore() as store:
        while not stopping() and not is_stopping() and _embed_batch(runtime, group, store):
            pass


class _BackgroundStore:
    """Stores one batch at a time on a thread; errors are raised with the next batch or at the end."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder-store")
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.wait(raising=kind is None)
        finally:
            self._thread.shutdown()

    def start(self, store: Callable[[], None]) -> None:
        """Store a batch when the one before is stored."""
        self.wait()
        self._running = self._thread.submit(store)

    def wait(self, *, raising: bool = True) -> None:
        """Wait until the batch is stored."""
        running, self._running = self._running, None
        if running is not None and (error := running.exception()) and raising:
            raise error


def _embed_batch(runtime: Runtime, group: ProfileGroup | None, store: _BackgroundStore) -> bool:
    with runtime.database.system() as session:
        filled = profiles.list_filled(session)
    runtime.parts.retain([profile.id for profile in filled])
    return any(
        _embed_for(runtime, profile, store, is_live=place == 0)
        for place, profile in enumerate(filled)
        if group is None or (group == "live") == (place == 0)
    )


def _embed_for(runtime: Runtime, profile: EmbeddingProfile, store: _BackgroundStore, *, is_live: bool) -> bool:
    """Embed the next batch of a profile; return whether there was one. Only errors of the live profile are raised."""
    token = uuid.uuid4()
    with runtime.database.system() as session:
        chunks = _claim(session, runtime, profile, token)
    if not chunks:
        return False
    claim = _Claim(runtime, profile, token, chunks, is_live=is_live)
    with ExitStack() as stack:
        # The heartbeat runs until the vectors are stored.
        stack.enter_context(LeaseHeartbeat(claim.renew, runtime.settings.jobs.lease_s))
        with claim.released_on_error():
            vectors = claim.encode()
            store.wait()  # if the batch before could not be stored, this claim must not be renewed without end
        if claim.failed:
            return False
        heartbeat = stack.pop_all()

    def store_claim() -> None:
        with heartbeat, claim.released_on_error():
            claim.store(vectors)

    store.start(store_claim)
    return True


def _claim(
    session: Session, runtime: Runtime, profile: EmbeddingProfile, token: uuid.UUID
) -> list[embeddings.ClaimedChunk]:
    """Claim the next batch of a profile; return nothing while more chunks are expected soon."""
    settings = runtime.settings
    backlog = embeddings.count_backlog(
        session, profile.id, limit=settings.embedding.claim_size, max_attempts=max_embed_attempts(settings)
    )
    if not backlog.waiting:
        return []
    enough = backlog.waiting >= settings.embedding.batch_size or backlog.oldest_s >= settings.embedding.linger_s
    if not enough and embeddings.has_queued_ingest_jobs(session):
        return []
    return embeddings.claim_chunks(
        session,
        profile.id,
        worker=runtime.worker,
        token=token,
        attempts=backlog.attempts,
        limit=RETRY_SIZES[min(backlog.attempts, len(RETRY_SIZES) - 1)] or _choose_claim_size(runtime, profile),
        lease_s=settings.jobs.lease_s,
    )


def _choose_claim_size(runtime: Runtime, profile: EmbeddingProfile) -> int:
    """Return the number of chunks that the model embeds in `CLAIM_S`, in whole batches, or the largest claim."""
    embedding = runtime.settings.embedding
    chunk_s = runtime.chunk_s.get(profile.id)
    if not chunk_s:
        return embedding.claim_size
    batches = math.ceil(CLAIM_S / chunk_s / embedding.batch_size)
    return min(embedding.claim_size, batches * embedding.batch_size)


class _Claim:
    """Claimed chunks of one profile."""

    def __init__(
        self,
        runtime: Runtime,
        profile: EmbeddingProfile,
        token: uuid.UUID,
        chunks: Sequence[embeddings.ClaimedChunk],
        *,
        is_live: bool,
    ) -> None:
        self.failed = False
        self._runtime = runtime
        self._profile = profile
        self._token = token
        self._chunks = chunks
        self._is_live = is_live
        self._started = time.monotonic()

    def encode(self) -> Matrix:
        """Embed the chunks, and record what an endpoint used, also if it failed."""
        profile = self._profile
        embedder = self._runtime.parts.get(profile).embedder
        texts = [build_passage_input(profile, chunk.headings, chunk.text) for chunk in self._chunks]
        with nullcontext() if profile.backend == "openai" else _local_model_lock, measure_usage() as meter:
            started = time.monotonic()
            try:
                with shared_span(self._count_chunks_of_jobs(), "embed"):
                    vectors = fill_zeros(embedder.encode(texts))
                self._runtime.chunk_s[profile.id] = (time.monotonic() - started) / len(texts)
                return vectors
            finally:
                if meter.usage.calls:
                    with self._runtime.database.system() as session:
                        spending.record_embedding(session, profile.id, self._chunks, meter.usage)

    def _count_chunks_of_jobs(self) -> dict[int, int]:
        """Return the number of chunks of each job, if traces are recorded."""
        if not is_on():
            return {}
        with self._runtime.database.system() as session:
            job_of = versions.find_jobs(session, {chunk.version_id for chunk in self._chunks})
        return Counter(job_of[chunk.version_id] for chunk in self._chunks if chunk.version_id in job_of)

    def store(self, vectors: Matrix) -> None:
        """Store the vectors and make the complete versions live."""
        with self._runtime.database.system() as session:
            live = embeddings.store_vectors(
                session, self._profile, token=self._token, chunks=self._chunks, vectors=vectors
            )
            profiles.record_problem(session, self._profile.id, "")
        log.info(
            "embedded",
            profile=self._profile.name,
            chunks=len(self._chunks),
            documents_live=len(live),
            chunks_per_s=round(len(self._chunks) / (time.monotonic() - self._started), 1),
        )

    def renew(self) -> None:
        """Renew the claim."""
        with self._runtime.database.system() as session:
            embeddings.renew_claim(session, self._token, self._runtime.settings.jobs.lease_s)

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Release the claim if the `with` block fails; only errors of the live profile are raised."""
        try:
            yield
        except BaseException as error:
            self.failed = True
            # A failed batch counts as an attempt, so that a chunk that cannot be embedded is found. A stopping worker,
            # an unreachable server, a full disk, a wrong key and a missing model are not caused by the chunks.
            temporary = not isinstance(error, Exception) or isinstance(error, SetupError)
            temporary = temporary or (isinstance(error, RefdeskError) and error.retryable)
            with self._runtime.database.system() as session:
                embeddings.release_claim(session, self._token, counted=not temporary)
            if isinstance(error, Exception) and not isinstance(error, DatabaseUnavailable):
                with self._runtime.database.system() as session:
                    profiles.record_problem(session, self._profile.id, str(error) or type(error).__name__)
            if self._is_live or not isinstance(error, Exception):
                raise
            log.warning("embedding failed for a profile that is not live", profile=self._profile.name, error=str(error))
