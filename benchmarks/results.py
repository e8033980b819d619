"""Results of benchmarks: ratios inside one run, tables and charts, stored as JSON.

A benchmark is a module with a function `run_benchmark(options: Options) -> BenchmarkResult`, listed in
`benchmarks.run.PARTS`. `benchmarks.page` renders the stored results.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import psutil

CPU_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
"""Instructions that decide which precision of a model is fast."""
LIBRARIES = ("openvino", "torch", "sentence-transformers", "pgvector", "celery")


@dataclass(frozen=True, slots=True)
class Options:
    """Size of a run."""

    quick: bool = False
    """Whether to run the smallest sizes that still exercise all code; the figures mean nothing."""
    chunks: int | None = None
    """Number of chunks; the default of the benchmark if None."""
    rounds: int | None = None
    """Alternating rounds; the default of the benchmark if None."""
    minutes: float | None = None
    """Minutes of `load`; the default of the benchmark if None."""
    peers: Path | None = None
    """Folder with the drivers of the libraries to compare with."""
    peers_python: Path | None = None
    """Interpreter of the environment that has these libraries; None leaves them out."""
    keep: Path | None = None
    """Folder that keeps filled stores for the next run; a temporary one if None."""

    def pick_chunks(self, default: int, quick: int) -> int:
        """Return the number of chunks: as requested, or the default of this kind of run."""
        return self.chunks or (quick if self.quick else default)

    def pick_rounds(self, default: int, quick: int = 1) -> int:
        """Return the number of rounds: as requested, or the default of this kind of run."""
        return self.rounds or (quick if self.quick else default)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured value, if possible with a baseline that was measured in the same run.

    The target applies to the ratio, or to the value if there is no baseline.
    """

    name: str
    value: float
    unit: str = ""
    baseline: float | None = None
    baseline_name: str = ""
    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @classmethod
    def compare(
        cls,
        name: str,
        unit: str,
        values: Sequence[float],
        baselines: Sequence[float],
        *,
        against: str,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> Self:
        """Return medians of values and baselines, and the median of their ratios inside each round.

        Args:
            name: What was measured.
            unit: Unit of values and baselines.
            values: One value per round.
            baselines: The baseline of the same rounds.
            against: Name of the baseline.
            at_least: Target of a ratio that should be high.
            at_most: Target of a ratio that should be low.
        """
        ratio = statistics.median(value / base for value, base in zip(values, baselines, strict=True))
        value, baseline = statistics.median(values), statistics.median(baselines)
        return cls(name, value, unit, baseline, against, ratio, at_least, at_most)

    @property
    def has_target(self) -> bool:
        """Whether the measurement has a target."""
        return self.at_least is not None or self.at_most is not None

    @property
    def is_met(self) -> bool:
        """Whether the ratio, or the value without a baseline, reaches the target."""
        reached = self.value if self.ratio is None else self.ratio
        return (self.at_least is None or reached >= self.at_least) and (self.at_most is None or reached <= self.at_most)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page; the first column is text, the others are numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A line chart; its file is called `name` with the suffix .svg."""

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the libraries of a run."""

    cpu: str
    cores: int
    memory_gb: int
    features: tuple[str, ...]
    libraries: tuple[str, ...]

    @classmethod
    def describe(cls) -> Self:
        """Describe this machine."""
        fields = _read_cpu_fields()
        flags = set(fields.get("flags", "").split())
        return cls(
            cpu=fields.get("model name", platform.processor() or platform.machine()),
            cores=len(os.sched_getaffinity(0)),
            memory_gb=round(psutil.virtual_memory().total / 2**30),
            features=tuple(name for name in CPU_FEATURES if name in flags),
            libraries=(f"Python {platform.python_version()}", *_read_versions()),
        )


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """Everything that one benchmark measured."""

    part: str
    conditions: str
    """Sizes of the run, as a sentence."""
    measurements: tuple[Measurement, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about what this run left out, and why."""
    seconds: float = 0.0
    date: str = ""
    machine: Machine | None = None

    def stamp(self, seconds: float) -> BenchmarkResult:
        """Return the result with its duration, the current date and this machine."""
        today = datetime.now(UTC).date().isoformat()
        return dataclasses.replace(self, seconds=round(seconds, 1), date=today, machine=Machine.describe())


def format_rounds(rounds: int) -> str:
    """Format a number of rounds."""
    return "1 round" if rounds == 1 else f"{rounds} rounds"


def save_result(result: BenchmarkResult, folder: Path) -> Path:
    """Store a result as `<part>.json` and return the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.part}.json"
    path.write_text(json.dumps(_round(dataclasses.asdict(result)), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def load_result(path: Path) -> BenchmarkResult:
    """Load a stored result."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    charts = tuple(_load_chart(chart) for chart in stored["charts"])
    tables = tuple(
        Table(tuple(table["columns"]), tuple(map(tuple, table["rows"])), table["title"]) for table in stored["tables"]
    )
    machine = stored["machine"]
    if machine is not None:
        machine |= {name: tuple(machine[name]) for name in ("features", "libraries")}
    return BenchmarkResult(
        **stored
        | {
            "measurements": tuple(Measurement(**measurement) for measurement in stored["measurements"]),
            "tables": tables,
            "charts": charts,
            "notes": tuple(stored["notes"]),
            "machine": None if machine is None else Machine(**machine),
        }
    )


def _load_chart(stored: Mapping[str, Any]) -> Chart:
    lines = tuple(Line(line["name"], tuple((x, y) for x, y in line["points"])) for line in stored["lines"])
    return Chart(**{**stored, "lines": lines})


def _round(value: Any) -> Any:
    """Round all numbers to five significant digits, which keeps stored results short."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: _round(item) for name, item in value.items()}
    return [_round(item) for item in value] if isinstance(value, list | tuple) else value


def _read_cpu_fields() -> dict[str, str]:
    """Return the fields of the first CPU of /proc/cpuinfo; empty on other systems."""
    path = Path("/proc/cpuinfo")
    first = path.read_text(encoding="utf-8").partition("\n\n")[0] if path.exists() else ""
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read_versions() -> list[str]:
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found
