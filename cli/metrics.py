"""`refdesk metrics`: serve the figures of the store for Prometheus."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from cli import context as cli_context
from cli.console import print_line
from config.settings import Settings
from embedded.servers import ServerUrls, open_servers

if TYPE_CHECKING:
    from monitoring.server import MonitoringServer

DEFAULT_PORT = 9464


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("metrics")(metrics)


def metrics(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0: REFDESK_METRICS_PORT, or else 9464.")] = 0,
) -> None:
    """Serve Prometheus metrics of the store until Ctrl-C: jobs, workers, durations, messages, spending.

    /metrics reads the database at each scrape, so one process per store is enough; `refdesk up` serves the same. /live
    responds while this process runs, /ready with status 200 while PostgreSQL and Redis respond.
    """
    settings = cli_context.start_command()
    chosen = port or settings.metrics.port or DEFAULT_PORT
    settings = settings.model_copy(update={"metrics": settings.metrics.model_copy(update={"port": chosen})})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open_servers(settings) as urls, cli_context.open_database(settings, urls):
        serve_store_metrics(settings, urls)
        print_line(f"metrics on http://{settings.metrics.host}:{chosen}/metrics; stop with Ctrl-C")
        threading.Event().wait()


def serve_store_metrics(settings: Settings, urls: ServerUrls) -> MonitoringServer | None:
    """Serve the figures of the store on a thread if REFDESK_METRICS_PORT is set."""
    if not settings.metrics.port:
        return None
    from monitoring.health import HealthChecks, ServerCheck
    from monitoring.start import start_monitoring

    checks = HealthChecks(live=str, ready=ServerCheck(urls.database_url, urls.redis_url))
    return start_monitoring(settings, "store", checks, database_url=urls.database_url)
