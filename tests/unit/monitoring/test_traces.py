"""Traces: what is recorded, and that nothing happens without a receiver."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from monitoring import job_tracer, traces
from monitoring.job_tracer import JobIds, JobTracer
from pipeline.tracing import bind_span, span

ROOT = Path(__file__).parents[3]


def build_tracer(store: str = "store", **options) -> tuple[JobTracer, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=JobIds(), shutdown_on_exit=False, **options)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return JobTracer(provider, store), exporter


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    tracer, exporter = build_tracer()
    traces.use_tracer(tracer)
    yield exporter
    traces.use_tracer(None)


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def test_root_and_attempts__have_the_same_trace_in_every_process(exporter):
    traces.record_submissions([7, 8], 1)
    other, other_exporter = build_tracer()  # another process
    for attempt in (1, 2):
        with other.start_for_job(7, "attempt", {"attempt": attempt}):
            pass
    root, second_root = exporter.get_finished_spans()
    attempts = other_exporter.get_finished_spans()
    assert [span.context.trace_id for span in attempts] == [root.context.trace_id] * 2
    assert [parent_of(span) for span in attempts] == [root.context.span_id] * 2
    assert root.parent is None
    assert second_root.context.trace_id != root.context.trace_id
    assert len({span.context.span_id for span in (root, *attempts)}) == 3


def test_jobs_of_another_store__have_other_traces():
    assert build_tracer("a")[0].find_root(1) != build_tracer("b")[0].find_root(1)


def test_sampling__all_processes_decide_alike_for_a_job():
    tracer, exporter = build_tracer(sampler=ParentBasedTraceIdRatio(0.5))
    other, other_exporter = build_tracer(sampler=ParentBasedTraceIdRatio(0.5))
    for job in range(100):
        tracer.record_root(job, 1)
        with other.start_for_job(job, "attempt", {}):
            pass
    roots, attempts = ({s.context.trace_id for s in e.get_finished_spans()} for e in (exporter, other_exporter))
    assert roots == attempts
    assert 20 < len(roots) < 80


def test_inner_spans__are_below_the_attempt__also_in_another_thread(exporter):
    with traces.job_span(1, "attempt"), span("rerank"):

        def inside() -> None:
            with span("chat", model="m"):
                pass

        thread = threading.Thread(target=bind_span(inside))
        thread.start()
        thread.join()
    chat, rerank, attempt = exporter.get_finished_spans()
    assert (chat.name, rerank.name, attempt.name) == ("chat", "rerank", "attempt")
    assert parent_of(chat) == rerank.context.span_id
    assert parent_of(rerank) == attempt.context.span_id
    assert chat.attributes == {"refdesk.model": "m"}


def test_span_outside_of_a_job__is_not_recorded(exporter):
    with span("embedding model", texts=3):
        pass
    assert exporter.get_finished_spans() == ()


def test_error__only_its_class_is_recorded(exporter):
    with pytest.raises(ValueError, match="secret"), traces.job_span(1, "attempt"), span("parse"):
        raise ValueError("secret.pdf cannot be read")
    for one in exporter.get_finished_spans():
        assert one.status.description == "ValueError"
        assert "secret" not in one.to_json()


def test_shared_work__is_in_the_trace_of_each_job(exporter):
    with traces.shared_span({1: 10, 2: 5}, "embed"):
        pass
    first, second = exporter.get_finished_spans()
    assert first.attributes == {"refdesk.job": 1, "refdesk.chunks": 10, "refdesk.jobs_together": 2}
    assert first.context.trace_id != second.context.trace_id


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_is_configured__by_the_standard_variables(monkeypatch, environment, expected):
    for name in (*traces.ENDPOINTS, "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert traces.is_configured() is expected


@pytest.mark.parametrize(
    ("variable", "seconds"),
    [("", 2), ("OTEL_EXPORTER_OTLP_TIMEOUT", 7), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", 7)],
)
def test_timeout__is_that_of_the_standard_variables(monkeypatch, variable, seconds):
    for name in (*job_tracer.DEFAULTS, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"):
        monkeypatch.setenv(name, "")  # so that the variable is restored afterwards
        monkeypatch.delenv(name)
    if variable:
        monkeypatch.setenv(variable, "7")
    exporters = []

    class Exporter(OTLPSpanExporter):
        def __init__(self, **options) -> None:
            super().__init__(**options)
            exporters.append(self)

    monkeypatch.setattr(job_tracer, "OTLPSpanExporter", Exporter)
    job_tracer.build_exporting_provider().shutdown()
    assert [exporter._client._timeout for exporter in exporters] == [seconds]


def test_without_a_receiver__no_exporter_is_imported():
    # redis-py imports a part of the SDK wherever it is installed.
    code = "import sys, tasks.submit, tasks.lease, pipeline.answer; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if "otlp" in name or name == "monitoring.job_tracer"] == []
