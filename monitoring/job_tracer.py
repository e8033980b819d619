"""Records spans with OpenTelemetry's SDK; imported only where traces are on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from pipeline.tracing import AttributeValue, Value

SERVICE = "refdesk"
ROOT = "submit"
"""Name of the root span of a job, and of its trace."""
FLUSH_TIMEOUT_MS = 3000
DEFAULTS = {"OTEL_SERVICE_NAME": SERVICE, "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}
"""Standard variables that are set if they are not. The timeout, in seconds, limits one export with its retries: a
command that ends waits for it if the receiver is away.
"""
_root: ContextVar[SpanContext | None] = ContextVar("root", default=None)
"""The IDs of the root span that is being recorded."""


class JobIds(RandomIdGenerator):
    """Gives the root span of a job its IDs, and all others random ones."""

    def generate_trace_id(self) -> int:
        """Return the trace ID of a new span without a parent."""
        root = _root.get()
        return super().generate_trace_id() if root is None else root.trace_id

    def generate_span_id(self) -> int:
        """Return the ID of a new span."""
        root = _root.get()
        return super().generate_span_id() if root is None else root.span_id


class JobTracer:
    """Records the spans of jobs."""

    def __init__(self, provider: TracerProvider, store_id: str) -> None:
        """Bind to a provider whose ID generator is `JobIds`, and to the store whose job IDs these are."""
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE)
        self._store_id = store_id

    def flush(self) -> None:
        """Export what was recorded."""
        self._provider.force_flush(FLUSH_TIMEOUT_MS)

    def find_root(self, job_id: int) -> SpanContext:
        """Return the root span of a job, which any process may have recorded; the sampler decides by its trace ID."""
        digest = hashlib.blake2b(f"{self._store_id}/{job_id}".encode(), digest_size=24).digest()
        trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:])
        sampled = self._provider.sampler.should_sample(None, trace_id, ROOT).decision is Decision.RECORD_AND_SAMPLE
        return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(int(sampled)))

    def record_root(self, job_id: int, started: int) -> None:
        """Record the root span: the front end submits the job."""
        token = _root.set(self.find_root(job_id))
        try:
            attributes = _prefix({"job": job_id})
            span = self._tracer.start_span(ROOT, context.Context(), SpanKind.PRODUCER, attributes, start_time=started)
            span.end()
        finally:
            _root.reset(token)

    def record(self, job_id: int, name: str, started: int, attributes: Mapping[str, AttributeValue]) -> None:
        """Record a span of a job that has just ended."""
        values = _prefix({"job": job_id, **attributes})
        self._tracer.start_span(name, self._below_root(job_id), attributes=values, start_time=started).end()

    @contextmanager
    def start_for_job(self, job_id: int, name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[None]:
        """Record the `with` block as a span below the root, as a consumer of the job's message."""
        values = _prefix({"job": job_id, **attributes})
        with self._run(name, values, self._below_root(job_id), SpanKind.CONSUMER):
            yield

    @contextmanager
    def start_inner(self, name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[None]:
        """Record the `with` block as a span inside the current one; without a current one, record nothing."""
        if not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        with self._run(name, _prefix(attributes), None, SpanKind.INTERNAL):
            yield

    @staticmethod
    def bind(call: Callable[[], Value]) -> Callable[[], Value]:
        """Return the function with the current span, for another thread."""
        current = context.get_current()

        def run() -> Value:
            token = context.attach(current)
            try:
                return call()
            finally:
                context.detach(token)

        return run

    def _below_root(self, job_id: int) -> context.Context:
        return trace.set_span_in_context(NonRecordingSpan(self.find_root(job_id)), context.Context())

    @contextmanager
    def _run(
        self, name: str, attributes: Mapping[str, AttributeValue], parent: context.Context | None, kind: SpanKind
    ) -> Iterator[None]:
        # The text of an error may name a document, so only its class is recorded.
        with self._tracer.start_as_current_span(
            name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise


def _prefix(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {f"refdesk.{name}": value for name, value in attributes.items()}


def build_exporting_provider() -> TracerProvider:
    """Return a provider that exports over HTTP, configured by the variables OTEL_*."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    provider = TracerProvider(id_generator=JobIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
