"""Start the HTTP server of a process, if the settings ask for one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from config.settings import Settings
from monitoring.gauges import Gauge
from monitoring.health import HealthChecks
from pipeline.errors import MissingExtra, SetupError

if TYPE_CHECKING:
    from monitoring.server import MonitoringServer

ProcessKind = Literal["store", "query", "ingest", "bot"]
PORT_OFFSETS: dict[ProcessKind, int] = {"store": 0, "query": 1, "ingest": 2, "bot": 3}
"""Added to REFDESK_METRICS_PORT, so that the processes of a machine share one setting."""


def start_monitoring(
    settings: Settings, kind: ProcessKind, checks: HealthChecks, gauges: Sequence[Gauge] = (), *, database_url: str = ""
) -> MonitoringServer | None:
    """Serve metrics and health checks on a thread; return None if REFDESK_METRICS_PORT is not set.

    Args:
        settings: Host and port.
        kind: The kind of process, which decides the port.
        checks: The health checks.
        gauges: Values of this process.
        database_url: The store whose figures are read at each scrape; none if empty.

    Raises:
        MissingExtra: The extra `metrics` is not installed.
        SetupError: The address cannot be used.
    """
    if not settings.metrics.port:
        return None
    if find_spec("prometheus_client") is None:
        raise MissingExtra.for_part("Prometheus metrics", "metrics", alternative="unset REFDESK_METRICS_PORT")
    from monitoring.collectors import build_registry
    from monitoring.server import MonitoringServer

    host, port = settings.metrics.host, settings.metrics.port + PORT_OFFSETS[kind]
    try:
        server = MonitoringServer(host, port, build_registry(kind, gauges, database_url), checks)
    except OSError as error:
        raise SetupError(
            f"Metrics cannot be served on {host}:{port}: {error.strerror}. Set REFDESK_METRICS_PORT of this process to"
            " a free port, or REFDESK_METRICS_HOST to an address of this machine."
        ) from error
    server.start()
    return server
