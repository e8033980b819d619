"""Traces of jobs, exported to a receiver on loopback by real processes."""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver(ThreadingHTTPServer):
    """An OTLP receiver that keeps every span."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.raw = b""

    def traces(self) -> dict[bytes, list[Span]]:
        found = defaultdict(list)
        for span in self.spans:
            found[span.trace_id].append(span)
        return found

    def trace_of(self, job: int) -> dict[str, Span]:
        """Return the spans of the trace whose root belongs to a job, by name."""
        [trace] = [
            spans
            for spans in self.traces().values()
            if any(span.name == "submit" and read_attributes(span)["refdesk.job"] == job for span in spans)
        ]
        return {span.name: span for span in trace}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.raw += body
        request = ExportTraceServiceRequest.FromString(body)
        self.server.spans += [
            span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def read_attributes(span: Span) -> dict[str, object]:
    return {
        attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value")) for attribute in span.attributes
    }


def test_one_trace_per_job__through_the_queue_to_stages_and_model_calls(installation, receiver, tmp_path):
    installation.environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "REFDESK_SWEEP_S": "1",
    }
    workers = installation.start_workers("query", "ingest")
    note = tmp_path / "lantern.txt"
    note.write_text("The copper lantern hangs in the northern hall.")
    assert installation.refdesk("ingest", str(note)).returncode == 0
    assert installation.refdesk("ask", "Where is the copper lantern?").returncode == 0
    ingest, ask = (installation.value(f"SELECT id FROM jobs WHERE kind = '{kind}'") for kind in ("ingest", "ask"))
    installation.wait_until(lambda: {"attempt", "submit"} <= set(names(receiver, ask)), "the trace of the question")
    assert [installation.stop(worker) for worker in workers] == [0, 0]

    document = receiver.trace_of(ingest)
    assert set(document) == {"submit", "attempt", "parse", "chunk", "store", "embed"}
    question = receiver.trace_of(ask)
    assert set(question) >= {"submit", "attempt", "embed", "recall", "rerank", "generate", "embedding model"}
    assert len(receiver.traces()) == 2
    for trace in (document, question):
        assert trace["submit"].parent_span_id == b""
        assert trace["attempt"].parent_span_id == trace["submit"].span_id
        assert trace["submit"].start_time_unix_nano < trace["attempt"].start_time_unix_nano
        assert read_attributes(trace["attempt"])["refdesk.attempt"] == 1
    assert document["parse"].parent_span_id == document["attempt"].span_id
    assert document["embed"].parent_span_id == document["submit"].span_id
    assert read_attributes(document["embed"])["refdesk.chunks"] == 1
    assert question["recall"].parent_span_id == question["attempt"].span_id
    for text in (b"lantern", b"copper", b"northern", str(tmp_path).encode()):
        assert text not in receiver.raw


def names(receiver: Receiver, job: int) -> list[str]:
    roots = [span for span in receiver.spans if span.name == "submit" and read_attributes(span)["refdesk.job"] == job]
    return [span.name for span in receiver.spans if any(span.trace_id == root.trace_id for root in roots)]
