"""Spans for OpenTelemetry around stages and model calls.

Without a tracer, which `monitoring.traces` sets, they do nothing.
Attributes are names of models, counts and durations. Texts, titles and IDs of persons never become attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

AttributeValue = str | int | float | bool
Value = TypeVar("Value")


class SpanTracer(Protocol):
    """Records spans inside the current one."""

    def start_inner(self, name: str, attributes: Mapping[str, AttributeValue]) -> AbstractContextManager[object]:
        """Return a context that ends the span."""
        ...

    def bind(self, call: Callable[[], Value]) -> Callable[[], Value]:
        """Return the function with the current span, for another thread."""
        ...


_NOTHING = nullcontext()
_tracer: SpanTracer | None = None


def set_span_tracer(tracer: SpanTracer | None) -> None:
    """Set the tracer of this process; None records no spans."""
    global _tracer  # noqa: PLW0603 - one tracer per process, set once at its start
    _tracer = tracer


def span(name: str, **attributes: AttributeValue) -> AbstractContextManager[object]:
    """Record the `with` block as a span inside the current one; outside of the trace of a job, record nothing."""
    return _NOTHING if _tracer is None else _tracer.start_inner(name, attributes)


def bind_span(call: Callable[[], Value]) -> Callable[[], Value]:
    """Return a function that another thread calls inside the current span."""
    return call if _tracer is None else _tracer.bind(call)
