"""Links that are fetched through a proxy of the environment: what the proxy is asked for, and what it never is."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.backends.web.fetcher import HttpFetcher
from pipeline.errors import LinkFailed, LinkNotAllowed

PUBLIC = "93.184.215.14"
ADDRESSES = {"public.example": [PUBLIC], "inside.example": ["10.0.0.5"], "both.example": [PUBLIC, "127.0.0.1"]}


def resolver(host: str, timeout_s: float | None) -> list[str]:
    try:
        return ADDRESSES[host]
    except KeyError:
        raise OSError("unknown") from None


class Proxy(ThreadingHTTPServer):
    """An HTTP proxy that answers in place of the servers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.seen: list[tuple[str, str | None, str | None]] = []


class ProxyHandler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self._note()
        if self.path.endswith("/away"):
            self.send_response(302)
            self.send_header("Location", "http://inside.example/secret")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def do_CONNECT(self) -> None:
        self._note()
        self.send_error(403, "Forbidden")

    def _note(self) -> None:
        self.server.seen.append((self.path, self.headers["Host"], self.headers["Proxy-Authorization"]))

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("ALL_PROXY", f"http://me:secret@127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


def fetch(url: str) -> bytes:
    return HttpFetcher(timeout_s=5, resolver=resolver).fetch(url).content


def test_fetch__http_link_is_requested_from_the_checked_address(proxy: Proxy) -> None:
    assert fetch("http://public.example/guide") == b"hello"
    assert fetch("http://public.example:8080/guide") == b"hello"
    assert [(path, host) for path, host, _ in proxy.seen] == [
        (f"http://{PUBLIC}/guide", "public.example"),
        (f"http://{PUBLIC}:8080/guide", "public.example:8080"),
    ]
    assert all(secret and secret.startswith("Basic ") for _, _, secret in proxy.seen)


def test_fetch__https_link_is_requested_by_its_name(proxy: Proxy) -> None:
    with pytest.raises(LinkFailed, match="through the proxy") as raised:
        fetch("https://public.example/guide")
    assert "secret" not in str(raised.value)
    assert [path for path, _, _ in proxy.seen] == ["public.example:443"]


@pytest.mark.parametrize(
    "url",
    [
        "http://inside.example/",
        "https://inside.example/",
        "http://both.example/",
        "http://10.0.0.5/",
        "https://[::1]/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://169.254.169.254/latest",
    ],
)
def test_fetch__private_addresses_never_reach_the_proxy(proxy: Proxy, url: str) -> None:
    with pytest.raises(LinkNotAllowed, match="private address"):
        fetch(url)
    assert proxy.seen == []


def test_fetch__redirect_to_a_private_address(proxy: Proxy) -> None:
    with pytest.raises(LinkNotAllowed, match=r"inside\.example resolves to a private address"):
        fetch("http://public.example/away")
    assert len(proxy.seen) == 1


def test_fetch__name_that_cannot_be_resolved_here(proxy: Proxy) -> None:
    with pytest.raises(LinkFailed, match="resolved on this machine before a proxy is used"):
        fetch("http://unknown.example/")
    assert proxy.seen == []


def test_fetch__proxy_that_is_down(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "socks5", "socks5h"):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:9")
        with pytest.raises(LinkFailed, match=rf"through the proxy {scheme}://127\.0\.0\.1:9"):
            fetch("http://public.example/")


def test_fetch__proxy_of_another_kind(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:9")
    with pytest.raises(LinkFailed, match="ALL_PROXY must be"):
        fetch("http://public.example/")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with pytest.raises(LinkFailed, match="SSL_CERT_FILE must be"):
        fetch("http://public.example/")


class Socks(socketserver.ThreadingTCPServer):
    """A SOCKS5 proxy that answers in place of the servers."""

    asked: bytes = b""


class SocksHandler(socketserver.BaseRequestHandler):
    server: Socks

    def handle(self) -> None:
        self.request.recv(100)
        self.request.sendall(b"\x05\x00")
        self.server.asked = self.request.recv(300)
        self.request.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def test_fetch__socks_proxy_gets_the_checked_address(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    with Socks(("127.0.0.1", 0), SocksHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{server.server_address[1]}")
        assert fetch("http://public.example/guide") == b"hello"
        server.shutdown()
        thread.join()
    assert bytes(map(int, PUBLIC.split("."))) in server.asked or PUBLIC.encode() in server.asked
