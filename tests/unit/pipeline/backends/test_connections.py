"""Proxies and certificate authorities of the environment, against servers on loopback."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from config.checks import check_environment
from config.settings import Settings
from pipeline.backends.connections import build_client, find_proxy, redact_address
from pipeline.backends.endpoints.model_list import list_models
from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.backends.models import model_files
from pipeline.errors import LlmError, LlmRejected, LlmUnreachable, ModelUnavailable, SetupError
from pipeline.types import ChatMessage

MESSAGES = [ChatMessage("user", "Hi")]
REPLY = b'{"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}], "data": [{"id": "m"}]}'


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Model(BaseHTTPRequestHandler):
    """A model server; as a proxy it answers in place of the server."""

    seen: list[str]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def do_CONNECT(self) -> None:
        self.seen.append(self.path)
        self.send_error(407, "Proxy Authentication Required")

    def _answer(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(REPLY)))
        self.end_headers()
        self.wfile.write(REPLY)

    def log_message(self, *args: Any) -> None:
        pass


def model_handler() -> type[Model]:
    return type("Handler", (Model,), {"seen": []})


def ask(url: str) -> str:
    chat = OpenAIChat(url, "m", api_key="key-1", max_retries=0)
    try:
        return chat.complete(MESSAGES, max_tokens=9, timeout_s=5).text
    finally:
        chat.close()


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:9", "socks5h://127.0.0.1:9", "http://127.0.0.1:9", "socks://x:1"]
)
def test_loopback__never_uses_a_proxy(monkeypatch: pytest.MonkeyPatch, name: str, proxy: str) -> None:
    monkeypatch.setenv(name, proxy)
    with serving(model_handler()) as port:
        assert ask(f"http://127.0.0.1:{port}/v1") == "Yes."
        assert list_models(f"http://localhost:{port}/v1", "") == ("m",)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({"ALL_PROXY": "socks5://p:1"}, "https://api.example.com/v1", "socks5://p:1"),
        ({"all_proxy": "socks5://p:1"}, "https://api.example.com/v1", "socks5://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "socks5://q:1"}, "https://api.example.com/v1", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://api.example.com/v1", None),
        ({"HTTP_PROXY": "p:1"}, "http://api.example.com/v1", "http://p:1"),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "example.com"}, "https://api.example.com/v1", None),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": ".example.com"}, "https://api.example.com/v1", None),
        ({"ALL_PROXY": "socks5://p:1", "no_proxy": "*"}, "https://api.example.com/v1", None),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3/v1", None),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "10.0.0.0/8"}, "https://11.1.2.3/v1", "socks5://p:1"),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "llm:8000"}, "http://llm:8000/v1", None),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "llm:8000"}, "http://llm:9000/v1", "socks5://p:1"),
        ({"ALL_PROXY": "socks5://p:1"}, "http://[::1]:8000/v1", None),
        ({"ALL_PROXY": "socks5://p:1"}, "http://127.0.1.1:8000/v1", None),
        ({"ALL_PROXY": ""}, "https://api.example.com/v1", None),
    ],
)
def test_find_proxy(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_proxy(url) == proxy


@pytest.mark.parametrize("proxy", ["socks://me:secret@127.0.0.1:1", "socks4://me:secret@h:1", "ftp://me:secret@h:1"])
def test_proxy__unsupported_scheme_is_explained(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(LlmRejected, match="ALL_PROXY must be the URL of an HTTP or SOCKS5 proxy") as raised:
        ask("http://192.0.2.1/v1")
    assert "secret" not in str(raised.value)
    with pytest.raises(LlmError, match="ALL_PROXY"):
        list_models("http://192.0.2.1/v1", "")


@pytest.mark.parametrize("proxy", ["http", "socks5"])
def test_proxy__error_names_the_proxy_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{proxy}://me:secret@127.0.0.1:9")
    with pytest.raises(LlmUnreachable, match=rf"through the proxy {proxy}://127\.0\.0\.1:9 .*NO_PROXY") as raised:
        ask("http://192.0.2.1/v1")
    assert "secret" not in str(raised.value)


def test_proxy__is_used_for_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = model_handler()
    with serving(handler) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert ask("http://192.0.2.1/v1") == "Yes."
        with pytest.raises(LlmUnreachable, match="through the proxy"):
            ask("https://192.0.2.1/v1")
    assert handler.seen == ["http://192.0.2.1/v1/chat/completions", "192.0.2.1:443"]


def test_hub__proxy_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match=r"through the proxy socks5://127\.0\.0\.1:9"):
        model_files.resolve_model("no/such-model", Path())
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match="ALL_PROXY must be"):
        model_files.resolve_model("no/such-model", Path())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a self-signed certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("authority")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_certificates__own_authority(monkeypatch: pytest.MonkeyPatch, authority: Path, variable: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "ca.pem", authority / "key.pem")
    with serving(model_handler(), context) as port:
        url = f"https://127.0.0.1:{port}/v1"
        with pytest.raises(LlmUnreachable, match=r"certificate of 127\.0\.0\.1 is not trusted; set SSL_CERT_FILE"):
            ask(url)
        with pytest.raises(LlmUnreachable, match="certificate of"):
            list_models(url, "")
        monkeypatch.setenv(variable, str(authority / "ca.pem"))
        assert (ask(url), list_models(url, "")) == ("Yes.", ("m",))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_certificates__unusable_file_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(LlmRejected, match="SSL_CERT_FILE must be the path of a file"):
        ask("https://192.0.2.1/v1")
    with pytest.raises(SetupError, match=str(path)):
        build_client("https://192.0.2.1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [("socks5://me:pw@h:1", "socks5://h:1"), ("http://h/x?key=1", "http://h"), ("http://u:p@h?k=1", "http://h")],
)
def test_redact_address(url: str, shown: str) -> None:
    assert redact_address(url) == shown


def test_doctor__explains_proxies_and_certificates(monkeypatch: pytest.MonkeyPatch, authority: Path) -> None:
    def shown(base_url: str = "") -> dict[str, tuple[str, str]]:
        settings = Settings.model_validate({"llm": {"base_url": base_url, "model": "m"}})
        return {check.name: (check.status, check.detail) for check in check_environment(settings)}

    assert shown()["proxy"] == ("ok", "none; every connection is direct")
    assert shown()["certificates"][0] == "ok"
    monkeypatch.setenv("ALL_PROXY", "socks5://me:secret@127.0.0.1:7891")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    status, detail = shown("http://127.0.0.1:8000/v1")["proxy"]
    assert status == "ok"
    assert "ALL_PROXY=socks5://127.0.0.1:7891" in detail
    assert "NO_PROXY=10.0.0.0/8" in detail
    assert "language model: direct" in detail
    assert "secret" not in detail
    assert "language model: through the proxy" in shown("https://api.example.com/v1")["proxy"][1]
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:7891")
    assert shown("https://api.example.com/v1")["proxy"][0] == "problem"
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    assert shown()["certificates"] == ("ok", f"SSL_CERT_FILE={authority / 'ca.pem'}, in place of the bundled ones")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    assert shown()["certificates"][0] == "problem"
