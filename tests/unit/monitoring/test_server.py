"""The HTTP server of metrics and health checks."""

from __future__ import annotations

import http.client
import sys
import urllib.error
import urllib.request
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from monitoring import start
from monitoring.collectors import build_registry
from monitoring.gauges import Gauge
from monitoring.health import HealthChecks, ServerCheck, combine
from monitoring.server import MonitoringServer
from pipeline.errors import MissingExtra, SetupError
from tasks.worker_metrics import WorkerMonitor


@pytest.fixture
def problems():
    return {"live": "", "ready": ""}


@pytest.fixture
def server(problems):
    checks = HealthChecks(live=lambda: problems["live"], ready=lambda: problems["ready"])
    gauges = [Gauge("models_loaded", "Loaded.", lambda: True), Gauge("seen_total", "Seen.", lambda: 3, counter=True)]
    server = MonitoringServer("127.0.0.1", 0, build_registry("query", gauges, ""), checks)
    server.start()
    with closing(server):
        yield server


def get(server: MonitoringServer, path: str, *, accept: str = "") -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return response.status, response.read().decode(), response.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["Content-Type"]


def test_metrics__values_of_the_process(server):
    status, text, content_type = get(server, "/metrics?name=x")
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    lines = text.splitlines()
    assert "refdesk_models_loaded 1.0" in lines
    assert "refdesk_seen_total 3.0" in lines
    assert 'refdesk_process{kind="query"} 1.0' in lines
    [memory] = [line for line in lines if line.startswith("refdesk_process_tree_memory_bytes ")]
    assert float(memory.split()[1]) > 10_000_000
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


def test_metrics__openmetrics_if_the_client_asks_for_it(server):
    _, text, content_type = get(server, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_checks__503_with_the_reason(server, problems):
    assert get(server, "/live")[:2] == (200, "live\n")
    assert get(server, "/ready")[:2] == (200, "ready\n")
    problems["ready"] = "Redis is unreachable."
    assert get(server, "/live")[:2] == (200, "live\n")
    assert get(server, "/ready")[:2] == (503, "Redis is unreachable.\n")
    problems["live"] = "The heartbeat thread has ended."
    assert get(server, "/live")[:2] == (503, "The heartbeat thread has ended.\n")


def test_other_paths__404_with_the_paths(server):
    assert get(server, "/")[:2] == (404, "Use /metrics, /live or /ready.\n")


def test_metrics__the_reason_why_a_value_cannot_be_read_is_logged():
    def fail() -> float:
        raise ValueError("the value is missing")

    server = MonitoringServer("127.0.0.1", 0, build_registry("query", [Gauge("broken", "Broken.", fail)], ""), CHECKS)
    server.start()
    with closing(server), capture_logs() as lines, pytest.raises(http.client.RemoteDisconnected):
        get(server, "/metrics")
    assert [line["event"] for line in lines] == ["a request for metrics or a health check failed"]


class BrokenDatabase:
    """A database whose driver raises an error that it should not raise."""

    def system(self):
        raise KeyError("unexpected")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_server_check__that_fails_itself_is_a_problem():
    check = ServerCheck("postgresql://127.0.0.1/none", "")
    check._database = BrokenDatabase()  # type: ignore[assignment]
    assert check().startswith("The check of the servers failed")


def test_combine__reports_the_first_problem():
    assert combine(str, lambda: "first", lambda: "second")() == "first"
    assert combine(str, str)() == ""


def build_settings(**metrics) -> Settings:
    return Settings(_env_file=None, metrics=metrics)


CHECKS = HealthChecks(live=str, ready=str)


def test_start__off_by_default():
    assert start.start_monitoring(build_settings(), "query", CHECKS) is None


def test_start__each_kind_of_process_has_its_port(server):
    with closing(server_of(server.port + 1, "query")) as query, closing(server_of(server.port + 1, "bot")) as bot:
        assert (query.port, bot.port) == (server.port + 2, server.port + 4)


def server_of(port: int, kind: start.ProcessKind) -> MonitoringServer:
    started = start.start_monitoring(build_settings(port=port), kind, CHECKS)
    assert started is not None
    return started


def test_start__port_in_use(server):
    message = (
        rf"Metrics cannot be served on 127\.0\.0\.1:{server.port}: Address already in use\. Set REFDESK_METRICS_PORT"
    )
    with pytest.raises(SetupError, match=message):
        start.start_monitoring(build_settings(port=server.port), "store", CHECKS)


def test_start__address_of_another_machine():
    with pytest.raises(SetupError, match=r"REFDESK_METRICS_HOST to an address of this machine"):
        start.start_monitoring(build_settings(port=9464, host="192.0.2.1"), "store", CHECKS)


def test_start__without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"Run `scripts/install metrics` in the checkout, or unset"):
        start.start_monitoring(build_settings(port=9464), "store", CHECKS)


def test_worker_without_the_extra__names_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "monitoring.collectors")
    with pytest.raises(MissingExtra, match="scripts/install metrics"):
        WorkerMonitor().serve(build_settings(port=9464), "query", "postgresql://127.0.0.1/none", "")
