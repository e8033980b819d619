"""The HTTP server: `/metrics` for Prometheus, `/live` and `/ready` for supervisors."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from monitoring.health import HealthChecks

log = structlog.get_logger(__name__)

TEXT = "text/plain; charset=utf-8"
REQUEST_TIMEOUT_S = 10.0
"""Seconds after which a connection that sends nothing is closed."""


class MonitoringServer:
    """Serves on a thread until the process ends or `close` is called."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, checks: HealthChecks) -> None:
        """Bind to the address; raise `OSError` if that is impossible."""
        self._http = _Server(host, port, registry, checks)
        self._thread = threading.Thread(target=self._http.serve_forever, name="monitoring", daemon=True)

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self._http.server_address[1])

    def start(self) -> None:
        """Start to respond."""
        self._thread.start()

    def close(self) -> None:
        """Stop to respond and free the port."""
        self._http.shutdown()
        self._http.server_close()

    def close_in_child(self) -> None:
        """Close the inherited socket in a forked child, so that the port is free as soon as the parent has ended."""
        self._http.socket.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, registry: CollectorRegistry, checks: HealthChecks) -> None:
        self.registry = registry
        self.checks = checks
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # The method of HTTPServer looks the name of the host up, which may wait for a name server.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log the error, unless the client closed the connection before it had read the response."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            log.error("a request for metrics or a health check failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "refdesk"
    sys_version = ""
    timeout = REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._respond(HTTPStatus.OK, content_type, encode(self.server.registry))
            case "/live":
                self._respond_check(self.server.checks.live(), "live")
            case "/ready":
                self._respond_check(self.server.checks.ready(), "ready")
            case _:
                self._respond(HTTPStatus.NOT_FOUND, TEXT, b"Use /metrics, /live or /ready.\n")

    def _respond_check(self, problem: str, good: str) -> None:
        status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
        self._respond(status, TEXT, f"{problem or good}\n".encode())

    def _respond(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Do not log each request."""
