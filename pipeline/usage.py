"""The usage of embedding endpoints, collected where a question or a batch of chunks is worked on.

`Embedder.encode` returns vectors only, and local models cost nothing, so the clients of endpoints record what they use
here, and the caller that pays for it reads the sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pipeline.types import Usage


@dataclass(slots=True)
class UsageMeter:
    """The usage that was recorded so far."""

    usage: Usage = field(default_factory=Usage)


_meter: ContextVar[UsageMeter | None] = ContextVar("usage_meter", default=None)


@contextmanager
def measure_usage() -> Iterator[UsageMeter]:
    """Collect the usage that this thread records in the `with` block, also if the block fails."""
    meter = UsageMeter()
    outer = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(outer)


def record_usage(usage: Usage) -> None:
    """Add to the meter of this thread; without effect if nothing is measured."""
    if (meter := _meter.get()) is not None:
        meter.usage += usage
