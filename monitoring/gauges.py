"""Values of a process. Without the client library, so that a process can name them before it is known to be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value of this process, read at each scrape."""

    name: str
    help: str
    read: Callable[[], float]
    counter: bool = False
    """Whether the value only increases while the process runs."""
