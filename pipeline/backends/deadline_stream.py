"""A network stream whose reads and writes end at a deadline, however slowly the data arrives.

The timeouts of httpx and httpcore apply to each read, so a server that sends single bytes would never exceed them.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import httpcore


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose reads and writes take no longer than the remaining time."""

    def __init__(self, stream: httpcore.NetworkStream, remaining_s: Callable[[], float]) -> None:
        """Wrap a stream.

        Args:
            stream: The stream of the connection.
            remaining_s: Returns the seconds until the deadline, and raises a timeout error after it.
        """
        self._stream = stream
        self._remaining_s = remaining_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read the available bytes."""
        return self._stream.read(max_bytes, self._limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything."""
        self._stream.write(buffer, self._limit(timeout))

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

    def _limit(self, timeout: float | None) -> float:
        left = self._remaining_s()
        return left if timeout is None else min(timeout, left)
