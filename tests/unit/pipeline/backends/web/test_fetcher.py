"""Links: what is refused without any network, and what a loopback server may do to the fetcher."""

import contextlib
import gzip
import ipaddress
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.backends.web.addresses import Resolver, is_public, resolve_public_addresses
from pipeline.backends.web.fetcher import HttpFetcher
from pipeline.errors import FileTooLarge, LinkFailed, LinkNotAllowed

BIG = b"x" * 200_000
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
"""A stored block of deflate that holds nothing."""


class Server(ThreadingHTTPServer):
    """Notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Site)
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()


class Site(BaseHTTPRequestHandler):
    """Plays the servers one meets."""

    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        act = getattr(self, "page_" + self.path.strip("/").partition("?")[0].replace("/", "_"), None)
        if act is None:
            self.answer(404, b"nothing here")
        else:
            act()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page_guide(self) -> None:
        self.answer(200, "Grüße".encode(), Content_Type="text/plain; charset=utf-8")

    def page_moved(self) -> None:
        self.answer(302, b"", Location="/guide")

    def page_refresh(self) -> None:
        self.answer(200, b'<html><meta http-equiv="refresh" content="0; url=guide">Wait', Content_Type="text/html")

    def page_refresh_inside(self) -> None:
        body = b'<html><meta http-equiv="refresh" content="0; url=file:///etc/passwd">'
        self.answer(200, body, Content_Type="text/html")

    def page_reload(self) -> None:
        body = b'<html><meta http-equiv="refresh" content="5; url=/reload"><p>The score is 3 to 1.'
        self.answer(200, body, Content_Type="text/html")

    def page_members(self) -> None:
        self.answer(302, b"", Location="/signin")

    def page_signin(self) -> None:
        body = b"<html><title>Sign in</title><form><input name=u><input type=password></form>"
        self.answer(200, body, Content_Type="text/html")

    def page_download(self) -> None:
        disposition = 'attachment; filename="x/fire brigade r\u00fcles.md"'.encode().decode("latin-1")
        self.answer(200, b"# Rules", Content_Type="text/plain", Content_Disposition=disposition)

    def page_loop(self) -> None:
        self.answer(302, b"", Location="/loop")

    def page_inside(self) -> None:
        self.answer(302, b"", Location="http://inside.example/secret")

    def page_file(self) -> None:
        self.answer(302, b"", Location="file:///etc/passwd")

    def page_big(self) -> None:
        self.answer(200, BIG)

    def page_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BIG)

    def page_packed(self) -> None:
        self.answer(200, gzip.compress(b"unpacked"), Content_Encoding="gzip")

    def page_bomb(self) -> None:
        self.answer(200, gzip.compress(bytes(50 << 20)), Content_Encoding="gzip")

    def page_broken(self) -> None:
        self.answer(200, b"not gzip at all", Content_Encoding="gzip")

    def page_cut(self) -> None:
        self.answer(200, gzip.compress(b"unpacked" * 100)[:-9], Content_Encoding="gzip")

    def page_trailed(self) -> None:
        self.answer(200, gzip.compress(b"unpacked") + bytes(10), Content_Encoding="gzip")

    def page_hollow(self) -> None:
        """Compressed bytes that unpack to nothing, for ever."""
        packer = zlib.compressobj(wbits=31)
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(packer.flush(zlib.Z_SYNC_FLUSH))
            while not self.server.closing.is_set():
                self.wfile.write(packer.flush(zlib.Z_FULL_FLUSH) + EMPTY_BLOCK * 1000)

    def page_crooked(self) -> None:
        self.answer(302, b"", Location="http://[::1")

    def page_odd(self) -> None:
        self.answer(200, b"?", Content_Encoding="br")

    def page_locked(self) -> None:
        self.answer(403, b"no")

    def page_error(self) -> None:
        self.answer(500, b"oops")

    def page_drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:  # only whoever asked can end it
            self.server.closing.wait(0.05)
            try:
                self.wfile.write(b".")
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


def local(host: str, timeout_s: float | None) -> list[str]:
    return ["127.0.0.1"]


def url(site: Server, path: str, host: str = "docs.example") -> str:
    return f"http://{host}:{site.server_port}/{path}"


def fetcher(timeout_s: float = 20, resolver: Resolver = local) -> HttpFetcher:
    return HttpFetcher(timeout_s=timeout_s, max_bytes=100_000, allow_private=True, resolver=resolver)


def test_fetch__gives_content_type_and_the_link_as_given(site):
    source = fetcher().fetch(url(site, "guide"))
    assert (source.name, source.content.decode(), source.media_type) == (
        url(site, "guide"),
        "Grüße",
        "text/plain; charset=utf-8",
    )


def test_fetch__connects_to_the_resolved_address_under_the_host_name(site):
    fetcher().fetch(url(site, "guide?q=a%20b&c=é#part"))
    path, headers = site.seen[0]
    assert path == "/guide?q=a%20b&c=%C3%A9"
    assert headers["Host"] == f"docs.example:{site.server_port}"


def test_fetch__resolves_each_connection_once(site):
    asked = []

    def resolver(host: str, timeout_s: float | None) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    fetcher(resolver=resolver).fetch(url(site, "guide"))
    assert asked == ["docs.example"]


def test_fetch__uses_no_proxy_for_excluded_hosts(site, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "docs.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetcher().fetch(url(site, "guide")).content


def test_redirect__is_followed(site):
    assert fetcher().fetch(url(site, "moved")).content.decode() == "Grüße"


def test_redirect__of_the_page_itself_is_followed(site):
    assert fetcher().fetch(url(site, "refresh")).content.decode() == "Grüße"
    assert b"3 to 1" in fetcher().fetch(url(site, "reload")).content
    with pytest.raises(LinkNotAllowed, match="not a web link"):
        fetcher().fetch(url(site, "refresh_inside"))


def test_page__that_asks_for_a_login_fails(site):
    with pytest.raises(LinkFailed, match=r"members asks for a login .*Save the page"):
        fetcher().fetch(url(site, "members"))


def test_fetch__uses_the_file_name_of_a_download(site):
    assert fetcher().fetch(url(site, "download")).name == "fire brigade rüles.md"


def test_redirect__without_end_fails(site):
    with pytest.raises(LinkFailed, match="more than 5 times"):
        fetcher().fetch(url(site, "loop"))
    assert len(site.seen) == 6


def test_redirect__to_the_inside_is_refused(site, monkeypatch):
    # The loopback server stands for one of the open internet.
    monkeypatch.setattr("pipeline.backends.web.addresses.is_public", lambda address: str(address) == "127.0.0.1")

    def resolver(host: str, timeout_s: float | None) -> list[str]:
        return ["10.0.0.7"] if host == "inside.example" else ["127.0.0.1"]

    with pytest.raises(LinkNotAllowed, match=r"inside\.example"):
        HttpFetcher(resolver=resolver).fetch(url(site, "inside"))
    assert len(site.seen) == 1


def test_redirect__to_what_is_no_link_fails(site):
    with pytest.raises(LinkFailed, match="not a valid link"):
        fetcher().fetch(url(site, "crooked"))


def test_link__half_a_character_in_its_path_is_refused(site):
    with pytest.raises(LinkNotAllowed, match="invalid characters"):
        fetcher().fetch(url(site, "a\udcff"))


def test_redirect__to_a_file_is_refused(site):
    with pytest.raises(LinkNotAllowed, match="Only http:// and https:// links"):
        fetcher().fetch(url(site, "file"))


@pytest.mark.parametrize("path", ["big", "endless"])
def test_size__over_the_limit_ends_the_transfer(site, path):
    with pytest.raises(FileTooLarge, match=r"than 0\.1 MB.*REFDESK_MAX_FILE_MB"):
        fetcher().fetch(url(site, path))


def test_compression__that_was_not_asked_for_is_undone(site):
    assert fetcher().fetch(url(site, "packed")).content == b"unpacked"
    assert fetcher().fetch(url(site, "trailed")).content == b"unpacked"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("bomb", FileTooLarge),
        ("hollow", FileTooLarge),
        ("broken", LinkFailed),
        ("cut", LinkFailed),
        ("odd", LinkFailed),
    ],
)
def test_compression__bomb_or_rubbish_is_an_error(site, path, error):
    with pytest.raises(error):
        fetcher().fetch(url(site, path))


@pytest.mark.parametrize(
    ("path", "says"),
    [("missing", "404 Not Found: the page does not exist"), ("locked", "403.*add the file"), ("error", "500.*later")],
)
def test_status__says_what_to_do(site, path, says):
    with pytest.raises(LinkFailed, match=says):
        fetcher().fetch(url(site, path))


def test_time__slow_drip_ends_at_the_deadline(site):
    with pytest.raises(LinkFailed, match="did not answer within"):
        fetcher(timeout_s=0.3).fetch(url(site, "drip"))


def test_host__that_refuses_connections_fails(site):
    site.shutdown()
    site.socket.close()
    with pytest.raises(LinkFailed, match="cannot be reached"):
        fetcher().fetch(url(site, "guide"))


def test_tls__with_a_host_that_speaks_none_fails(site):
    with pytest.raises(LinkFailed, match="TLS certificate or connection"):
        fetcher().fetch(url(site, "guide").replace("http://", "https://"))


@pytest.mark.parametrize(
    "link",
    [
        "ftp://example.org/a", "file:///etc/passwd", "javascript:alert(1)", "example.org/a", "http:///a", "http://",
        "http://me:secret@example.org/", "http://me@example.org/", "http://[::1", "http://example.org:99999/", "",
        "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
        "http://0x7f000001/", "http://0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
        "http://168.63.129.16/", "http://[64:ff9b::a9fe:a9fe]/", "http://10.0.0.1.:80/",
    ],
)  # fmt: skip
def test_link__that_leads_inside_or_nowhere_is_refused(link):
    def never(host: str, timeout_s: float | None) -> list[str]:
        pytest.fail(f"{host} was looked up")

    with pytest.raises(LinkNotAllowed):
        HttpFetcher(resolver=never).fetch(link)


def test_link__secret_in_it_is_not_repeated():
    with pytest.raises(LinkNotAllowed) as raised:
        HttpFetcher().fetch("http://me:hunter2@example.org/")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "answer", [["10.1.2.3"], ["93.184.216.34", "192.168.0.1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"]]
)
def test_name__with_any_inside_address_is_refused(answer):
    with pytest.raises(LinkNotAllowed, match=r"intranet\.example"):
        HttpFetcher(resolver=lambda host, timeout_s: answer).fetch("http://intranet.example/")


@pytest.mark.parametrize(("error", "says"), [(OSError("no"), "no host named"), (TimeoutError(), "in time")])
def test_name__that_does_not_resolve_fails(error, says):
    def resolver(host: str, timeout_s: float | None) -> list[str]:
        raise error

    with pytest.raises(LinkFailed, match=says):
        HttpFetcher(resolver=resolver).fetch("http://nowhere.example/")


def test_name__of_another_script_is_asked_for_in_ascii():
    asked = []

    def resolver(host: str, timeout_s: float | None) -> list[str]:
        asked.append(host)
        raise OSError

    with pytest.raises(LinkFailed):
        HttpFetcher(resolver=resolver).fetch("http://bücher.example/")
    assert asked == ["xn--bcher-kva.example"]


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808", "2002:808:808::1"])
def test_address__of_the_open_internet_is_allowed(address):
    assert is_public(ipaddress.ip_address(address))
    found = resolve_public_addresses("a.example", lambda host, timeout_s: [address], timeout_s=1, allow_private=False)
    assert found == [address]


@pytest.mark.parametrize(
    "address",
    ["100.64.0.1", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "fec0::1",
     "ff02::1", "2002:7f00:1::", "2001:db8::1", "::127.0.0.1", "64:ff9b:1::a00:1", "192.88.99.1",
     "2002:c058:6301::1", "3fff::1"],
)  # fmt: skip
def test_address__of_the_inside_is_refused(address):
    assert not is_public(ipaddress.ip_address(address))
