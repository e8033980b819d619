"""Metrics and health checks of a worker process."""

from __future__ import annotations

from typing import Any

from celery import signals

from config.settings import Settings
from monitoring.gauges import Gauge
from monitoring.health import HealthChecks, ServerCheck, combine
from monitoring.start import start_monitoring
from tasks.roles import Role
from tasks.worker_heartbeat import WorkerHeartbeat, count_received, is_ready, is_stopping


class WorkerMonitor:
    """Reports the state of a worker, from before it loads its models until it ends.

    The parent of an ingest worker responds for its child, whose state it knows from shared memory.
    """

    def __init__(self) -> None:
        """Create a monitor of a worker whose heartbeat is not known yet."""
        self._heartbeat: WorkerHeartbeat | None = None

    def watch(self, heartbeat: WorkerHeartbeat) -> None:
        """Include the heartbeat in the checks."""
        self._heartbeat = heartbeat

    def serve(self, settings: Settings, role: Role, database_url: str, broker_url: str) -> None:
        """Serve metrics and health checks if REFDESK_METRICS_PORT is set."""
        if not settings.metrics.port:
            return
        gauges = (
            Gauge("messages_received_total", "Queue messages that this worker received.", count_received, counter=True),
            Gauge("models_loaded", "Whether the models are loaded.", is_ready),
            Gauge("heartbeat_age_seconds", "Time since the last stored heartbeat.", self._measure_age),
        )
        checks = HealthChecks(
            live=self._find_dead_thread, ready=combine(self._find_reason, ServerCheck(database_url, broker_url))
        )
        server = start_monitoring(settings, role, checks, gauges)
        if server is None:
            return

        def close_in_child(**_: Any) -> None:
            server.close_in_child()

        signals.worker_process_init.connect(close_in_child, weak=False)

    def _measure_age(self) -> float:
        return 0.0 if self._heartbeat is None else self._heartbeat.measure_age_s()

    def _find_dead_thread(self) -> str:
        if self._heartbeat is not None and self._heartbeat.has_died():
            return "The heartbeat thread has ended. Restart the worker."
        return ""

    @staticmethod
    def _find_reason() -> str:
        if is_stopping():
            return "The worker is stopping."
        return "" if is_ready() else "The models are not loaded yet."
