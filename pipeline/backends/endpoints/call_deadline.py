"""The deadline of the current call to an endpoint, which applies to all reads and writes of its connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any

import httpcore

from pipeline.backends.deadline_stream import DeadlineStream

_deadline: ContextVar[float] = ContextVar("call_deadline", default=float("inf"))


@contextmanager
def limit_call(deadline: float) -> Iterator[None]:
    """End the network access of this thread at a deadline, in the time of `monotonic`."""
    outer = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(outer)


def find_deadline() -> float:
    """Return the deadline of the current call; infinite outside a call."""
    return _deadline.get()


def _remaining_s() -> float:
    left = find_deadline() - monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


class CallNetwork(httpcore.NetworkBackend):
    """A network backend whose connections follow the deadline of the call that uses them."""

    def __init__(self) -> None:
        """Connect as httpcore does."""
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host."""
        stream = self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        return DeadlineStream(stream, _remaining_s)
