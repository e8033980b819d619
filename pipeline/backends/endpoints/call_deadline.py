"""The deadline of the current call to an endpoint, which applies to all reads and writes of its connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import Any

import httpcore

from pipeline.backends.deadline_stream import DeadlineStream, connect_to_first, limit_timeout
from pipeline.backends.web.addresses import Resolver, resolve

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


def _remaining_s(error: type[httpcore.TimeoutException] = httpcore.ReadTimeout) -> float | None:
    deadline = find_deadline()
    if deadline == float("inf"):  # longer than a timeout of a socket may be
        return None
    left = deadline - monotonic()
    if left <= 0:
        raise error
    return left


class CallNetwork(httpcore.NetworkBackend):
    """A network backend whose connections follow the deadline of the call that uses them."""

    def __init__(self, resolver: Resolver = resolve) -> None:
        """Connect as httpcore does, to the addresses that the resolver returns."""
        self._network = httpcore.SyncBackend()
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve a host, and connect to the first address that answers; the timeout applies to each of these steps."""
        remaining_s = partial(_remaining_s, httpcore.ConnectTimeout)
        try:
            addresses = self._resolver(host, limit_timeout(timeout, remaining_s()))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        stream = connect_to_first(
            self._network,
            addresses,
            port,
            remaining_s,
            timeout=timeout,
            local_address=local_address,
            socket_options=socket_options,
        )
        return DeadlineStream(stream, _remaining_s)
