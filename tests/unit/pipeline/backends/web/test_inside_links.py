"""Links to the inside network in every spelling: none of them opens a connection."""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from collections.abc import Iterator

import pytest

from pipeline.backends.web.fetcher import HttpFetcher
from pipeline.errors import LinkFailed, LinkNotAllowed

INSIDE = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.7", "172.16.5.4", "172.31.255.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "0.0.0.0", "168.63.129.16", "192.0.0.192", "100.100.100.200", "255.255.255.255"),  # noqa: S104
]
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
WIDE = str.maketrans("0123456789.", "０１２３４５６７８９．")


def spell(address: str) -> Iterator[str]:
    """Yield the ways to write an IPv4 address that some library understands."""
    number = int(ipaddress.IPv4Address(address))
    a, b, c, d = (int(part) for part in address.split("."))
    yield from (address, f"{address}.", f"{number}", f"{number:#x}", f"0{number:o}", f"{number:#X}")
    yield from (f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a}.{(b << 16) + (c << 8) + d}")
    yield from (f"{a}.{b}.{(c << 8) + d}", f"{a:#x}.{b}.0{c:o}.{d}", f"000{a:o}.{b}.{c}.{d}")
    yield from (
        address.translate(CIRCLED),
        address.translate(WIDE),
        address.replace(".", "。"),
        address.replace(".", "%2e"),
    )
    yield from (
        f"[::ffff:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]",
    )


ADDRESSES = [f"http://{spelling}/" for address in INSIDE for spelling in spell(address)]
OTHERS = [
    *("http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/"),
    *(
        "http://[fd00:ec2::254]/",
        "http://[fc00::1]/",
        "http://[ff02::1]/",
        "http://[fec0::1]/",
        "http://[2001:db8::1]/",
    ),
    *("http://localhost/", "http://LOCALHOST./", "http://localhost:6379/", "http://a.localhost/", "http://ⓛocalhost/"),
    *("http://example.org@127.0.0.1/", "http://127.0.0.1#@example.org/", "http://127.0.0.1?@example.org/"),
    *("http://example.org\\@127.0.0.1/", "http://127.0.0.1\\@example.org/", "http:\\\\127.0.0.1\\", "http:/127.0.0.1/"),
    *("http:127.0.0.1", "http:///127.0.0.1/", "http://127.0.0.1:80@example.org/", "http://example.org:80@127.0.0.1/"),
    *("http://127.0.0.1\t/", "http://127.0.0.1\n.example.org/", "http://\u200b127.0.0.1/", "http://127.0.0.1\u00ad/"),
    *(" http://127.0.0.1/", "hTTp://127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.1:80/"),
    *("file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:6379/"),
    *(
        "ftp://127.0.0.1/",
        "unix:///run/redis.sock",
        "data:text/plain,a",
        "javascript:alert(1)",
        "jar:http://127.0.0.1!/",
    ),
    *(
        "view-source:http://127.0.0.1/",
        "//127.0.0.1/",
        "127.0.0.1",
        "http://metadata.google.internal/",
        "http://inside/",
    ),
]
NAMES = {"localhost": "127.0.0.1", "metadata.google.internal": "169.254.169.254", "inside": "10.0.0.7"}


def resolve(host: str, _timeout_s: float | None) -> list[str]:
    """Resolve like the most permissive system: every spelling of an address, and the names of the inside."""
    name = unicodedata.normalize("NFKC", host).lower().rstrip(".").removeprefix("a.")
    if name in NAMES:
        return [NAMES[name]]
    return [str(ipaddress.IPv4Address(socket.inet_aton(name)))]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    opened: list[object] = []

    def connect(_socket: socket.socket, address: object) -> None:
        opened.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return opened


@pytest.mark.parametrize("link", [*ADDRESSES, *OTHERS])
def test_link_to_the_inside__opens_no_connection(link: str, connections: list[object]) -> None:
    with pytest.raises((LinkNotAllowed, LinkFailed)):
        HttpFetcher(resolver=resolve).fetch(link)
    assert connections == []


def test_links__are_many() -> None:
    assert len({*ADDRESSES, *OTHERS}) >= 218
