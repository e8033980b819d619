"""Traces of jobs for OpenTelemetry: from the front end through the queue to stages and model calls.

A job has one trace. The IDs of its trace and of its root span, which the front end records, are a hash of the store and
the job's ID, so that every process knows them: messages do not name the job that a worker takes, and the sweeper may
publish a job again. The standard variables OTEL_* configure the export; without an endpoint nothing is imported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from db.engine import Database
from db.metrics import read_store_id
from pipeline.errors import RefdeskError
from pipeline.tracing import AttributeValue, set_span_tracer

if TYPE_CHECKING:
    from monitoring.job_tracer import JobTracer

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_tracer: JobTracer | None = None


def is_configured() -> bool:
    """Return whether the environment names a receiver of traces and does not turn them off."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    disabled = disabled or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none"
    return not disabled and any(os.environ.get(name) for name in ENDPOINTS)


def set_up_tracing(database: Database) -> None:
    """Record spans from now on if the environment asks for it; a second call changes nothing."""
    if _tracer is not None or not is_configured():
        return
    if find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        log.warning("OTEL_* names a receiver of traces, but the libraries are missing; run `scripts/install traces`")
        return
    from monitoring.job_tracer import JobTracer, build_exporting_provider

    try:
        store_id = read_store_id(database)
    except RefdeskError as error:
        log.warning("no traces are recorded, because the database is unavailable", error=str(error))
        return
    use_tracer(JobTracer(build_exporting_provider(), store_id))


def use_tracer(tracer: JobTracer | None) -> None:
    """Set the tracer of this process; None records no spans."""
    global _tracer  # noqa: PLW0603 - one tracer per process
    _tracer = tracer
    set_span_tracer(tracer)


def is_on() -> bool:
    """Return whether spans are recorded, for work that only they need."""
    return _tracer is not None


def flush() -> None:
    """Export what was recorded, before a process ends without its exit handlers."""
    if _tracer is not None:
        _tracer.flush()


def record_submissions(job_ids: Iterable[int], started: int) -> None:
    """Record the root span of jobs that were submitted; `started` is a time in nanoseconds."""
    if _tracer is not None:
        for job_id in job_ids:
            _tracer.record_root(job_id, started)


def job_span(job_id: int, name: str, **attributes: AttributeValue) -> AbstractContextManager[object]:
    """Record the `with` block as a span directly below the root of a job's trace."""
    return nullcontext() if _tracer is None else _tracer.start_for_job(job_id, name, attributes)


@contextmanager
def shared_span(job_ids: Mapping[int, int], name: str) -> Iterator[None]:
    """Record the `with` block in the trace of each job, given with its number of chunks: they share the work."""
    if _tracer is None:
        yield
        return
    started = time.time_ns()
    yield
    for job_id, chunks in job_ids.items():
        _tracer.record(job_id, name, started, {"chunks": chunks, "jobs_together": len(job_ids)})
