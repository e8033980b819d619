"""The metrics: values of this process, and figures of the store that are read at each scrape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import psutil
import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from db.engine import Database
from db.metrics import Sample, read_metrics
from monitoring.gauges import Gauge
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

PREFIX = "refdesk_"
STORE_METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "jobs": ("Jobs in the ledger.", ("queue", "state")),
    "oldest_waiting_job_seconds": (
        "Time that the oldest due job has waited for a worker, or 0.",
        ("queue",),
    ),
    "job_duration_seconds": ("Time from request to result of jobs of the last 10 minutes.", ("queue", "quantile")),
    "stage_duration_seconds": ("Duration of a stage in jobs of the last 10 minutes.", ("queue", "stage", "quantile")),
    "recent_answers": ("Questions answered or abstained from in the last 10 minutes.", ("result",)),
    "workers": ("Workers with a heartbeat in the last 30 seconds.", ("role",)),
    "embedded_chunks": ("Chunks with a vector.", ("profile",)),
    "waiting_chunks": ("Chunks that wait for a vector.", ("profile",)),
    "deliveries": ("Discord messages that show jobs.", ("state",)),
    "oldest_due_delivery_seconds": ("Time that the oldest due message has waited for a bot, or 0.", ()),
    "spending_today_usd": ("Cost of paid models since midnight, in US dollars.", ()),
    "documents": ("Documents.", ()),
    "store_bytes": ("Size of the tables with their indexes.", ()),
}
"""Help text and labels of each metric of the store. All are gauges."""


class ProcessValues(Collector):
    """The gauges of a process."""

    def __init__(self, gauges: Sequence[Gauge]) -> None:
        """Bind to the gauges."""
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """Yield each value."""
        for gauge in self._gauges:
            family = CounterMetricFamily if gauge.counter else GaugeMetricFamily
            yield family(PREFIX + gauge.name, gauge.help, value=gauge.read())


class StoreFigures(Collector):
    """The figures of the store, and `refdesk_store_up`."""

    def __init__(self, database: Database) -> None:
        """Bind to the database."""
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; if the database does not respond, only that it is down."""
        samples = self._read()
        yield GaugeMetricFamily(f"{PREFIX}store_up", "Whether the database responded.", value=samples is not None)
        by_metric: defaultdict[str, list[Sample]] = defaultdict(list)
        for sample in samples or ():
            by_metric[sample.metric].append(sample)
        for name, (text, labels) in STORE_METRICS.items():
            family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
            for sample in by_metric[name]:
                family.add_metric([sample.labels[label] for label in labels], sample.value)
            yield family

    def _read(self) -> list[Sample] | None:
        try:
            return read_metrics(self._database)
        except RefdeskError as error:
            log.warning("the metrics of the store cannot be read", error=str(error))
            return None


def read_tree_memory() -> float:
    """Return the resident memory of this process and its children in bytes; shared pages count for each."""
    process = psutil.Process()
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def build_registry(kind: str, gauges: Sequence[Gauge], database_url: str) -> CollectorRegistry:
    """Return the collectors of a process: its own values and, with a URL, the figures of the store."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    info = GaugeMetricFamily(f"{PREFIX}process", "The kind of this process.", labels=["kind"])
    info.add_metric([kind], 1)
    registry.register(_Constant(info))
    memory = Gauge("process_tree_memory_bytes", "Resident memory of this process and its children.", read_tree_memory)
    registry.register(ProcessValues([memory, *gauges]))
    if database_url:
        registry.register(StoreFigures(Database(database_url, application="refdesk metrics")))
    return registry


class _Constant(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric
