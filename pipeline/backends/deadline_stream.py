"""Connections whose reads and writes end at a deadline, however slowly the data is transferred.

The timeouts of httpx and httpcore apply to each system call and to each address of a host, so a server that sends or
reads single bytes would never exceed them.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

WRITE_BYTES = 1 << 14
"""Bytes that are written with one timeout. A connection that accepts data accepts so many at once."""


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose reads and writes take no longer than the remaining time."""

    def __init__(self, stream: httpcore.NetworkStream, remaining_s: Callable[[], float | None]) -> None:
        """Wrap a stream.

        Args:
            stream: The stream of the connection.
            remaining_s: Returns the seconds until the deadline (None: no deadline); raises a timeout error after it.
        """
        self._stream = stream
        self._remaining_s = remaining_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read the available bytes."""
        return self._stream.read(max_bytes, self._limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything."""
        for start in range(0, len(buffer), WRITE_BYTES):
            self._stream.write(buffer[start : start + WRITE_BYTES], self._limit(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Start TLS and verify the certificate for the host name."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._limit(timeout))
        return DeadlineStream(stream, self._remaining_s)

    def get_extra_info(self, info: str) -> Any:
        """Return information about the connection."""
        return self._stream.get_extra_info(info)

    def _limit(self, timeout: float | None) -> float | None:
        return limit_timeout(timeout, self._remaining_s())


def connect_to_first(
    network: httpcore.NetworkBackend,
    addresses: Iterable[str],
    port: int,
    remaining_s: Callable[[], float | None],
    *,
    timeout: float | None = None,
    local_address: str | None = None,
    socket_options: Iterable[Any] | None = None,
) -> httpcore.NetworkStream:
    """Connect to the first address that answers.

    Args:
        network: Opens the connections.
        addresses: The addresses of a host.
        port: The port.
        remaining_s: Returns the seconds until the deadline (None: no deadline); raises a timeout error after it.
        timeout: Seconds for each address.
        local_address: The address to connect from.
        socket_options: Options of the socket.

    Raises:
        httpcore.ConnectError: No address accepts the connection.
        httpcore.ConnectTimeout: The last address did not answer in time.
    """
    failure: Exception = httpcore.ConnectError("no address")
    for address in addresses:
        limit = limit_timeout(timeout, remaining_s())
        try:
            return network.connect_tcp(address, port, limit, local_address, socket_options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            failure = error
    raise failure


def limit_timeout(timeout: float | None, remaining_s: float | None) -> float | None:
    """Return the shorter of two times in seconds; None means no limit."""
    return min((limit for limit in (timeout, remaining_s) if limit is not None), default=None)
