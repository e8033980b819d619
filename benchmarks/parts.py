"""The parts of `make bench`: the module that measures each one, and its text on the page.

The texts explain why a result is as it is and contain no measured figures, which would become outdated.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.page import Section


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the benchmark; its module has a function `run_benchmark(options: Options) -> BenchmarkResult`."""

    module: str
    section: Section
    is_long: bool = False
    """Whether `make bench` leaves it out because it takes longer than all others together."""


PARTS: dict[str, Part] = {}
