"""The `Fetcher` port: fetch one link over HTTP from public addresses only.

Each connection resolves its host once, checks the addresses, and connects to the checked addresses, so that neither a
redirect nor DNS rebinding reaches a private network.

With a proxy of the environment the host is resolved and checked on this machine as well, before the proxy is used. An
http link is requested from the checked address. An https link is requested by its host name, because the check of the
certificate already ensures that no other server answers. The address of the proxy itself is not checked.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator
from email.message import Message
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import httpcore

from pipeline.backends.connections import create_ssl_context, find_proxy, redact_address
from pipeline.backends.deadline_stream import DeadlineStream, connect_to_first
from pipeline.backends.web.addresses import Resolver, resolve, resolve_public_addresses
from pipeline.backends.web.exports import find_export_link
from pipeline.backends.web.pages import find_obstacle, find_refresh_target
from pipeline.errors import FileTooLarge, LinkFailed, LinkNotAllowed, SetupError
from pipeline.text.cleaning import clean_line
from pipeline.types import Source

MAX_REDIRECTS = 5
INFLATE_STEP = 1 << 16
_HEADERS: dict[bytes | str, bytes | str] = {
    "User-Agent": "Refdesk/1 (reference desk; fetches links that people submit)",
    "Accept": "text/html,application/xhtml+xml,application/pdf,text/*;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "identity",
}
_FIXES = {
    401: "a login is required; save the page and add the file instead",
    403: "access is denied; save the page and add the file instead",
    404: "the page does not exist; check the link",
    410: "the page was removed; check the link",
    429: "the site limits requests; try again later",
}


class HttpFetcher:
    """Fetches links, each over a new connection."""

    def __init__(
        self,
        timeout_s: float = 30,
        max_bytes: int = 50_000_000,
        allow_private: bool = False,  # noqa: FBT001, FBT002 -- the wiring passes it by name
        *,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Set the limits of one link; `allow_private` is for tests and closed networks."""
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._allow_private = allow_private
        self._resolver = resolver
        self._ssl_context = ssl_context

    def fetch(self, url: str) -> Source:
        """Fetch one link; raise `LinkNotAllowed`, `LinkFailed` or `FileTooLarge` on failure."""
        deadline = time.monotonic() + self._timeout_s
        target = find_export_link(url.strip())
        for _ in range(MAX_REDIRECTS + 1):
            result = self._get(_parse_link(target), deadline)
            redirect = result if isinstance(result, str) else find_refresh_target(result.content, result.media_type)
            following = _join_redirect(target, redirect) if redirect else ""
            if not isinstance(result, str) and following in ("", _without_fragment(target)):
                obstacle = find_obstacle(result.content, result.media_type, url, target)
                if obstacle is not None:
                    raise LinkFailed(f"{url} {obstacle}")
                return Source(result.name or url, result.content, result.media_type)
            target = following
        raise LinkFailed(f"{url} redirects more than {MAX_REDIRECTS} times. Add the final link instead.")

    def _get(self, parts: SplitResult, deadline: float) -> Source | str:
        """Return the content with the file name and media type of its headers, or the target of a redirect."""
        url = parts.geturl()
        request_url, headers = _request_url(parts), dict(_HEADERS)
        try:
            proxy, context = find_proxy(url), self._ssl_context or create_ssl_context()
        except SetupError as error:
            raise LinkFailed(f"{url} cannot be fetched. {error}") from error
        try:
            if proxy is not None:
                request_url, headers = self._check_before_proxy(parts, request_url, deadline)
            with (
                self._open_pool(proxy, context, deadline) as pool,
                pool.stream("GET", request_url, headers=headers, extensions=self._timeouts()) as response,
            ):
                sent = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
                if response.status in (301, 302, 303, 307, 308) and sent.get("location"):
                    return sent["location"]
                if response.status != HTTPStatus.OK:
                    raise LinkFailed(f"{url} answered {_describe_status(response.status)}.")
                stream = _until_deadline(response.iter_stream(), deadline)
                return Source(_read_file_name(sent), self._read(stream, sent, url), sent.get("content-type", ""))
        except (httpcore.TimeoutException, TimeoutError):
            raise LinkFailed(f"{url} did not answer within {self._timeout_s:g} s. Try again later.") from None
        except (httpcore.ConnectError, httpcore.ProxyError) as error:
            through = f" through the proxy {redact_address(proxy)}" if proxy else ""
            raise LinkFailed(f"{url} cannot be reached{through}: {_describe_connect_error(error)}.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
            raise LinkFailed(
                f"The connection to {url} was interrupted, or it is not an HTTP server. Try again later."
            ) from error

    def _check_before_proxy(
        self, parts: SplitResult, request_url: httpcore.URL, deadline: float
    ) -> tuple[httpcore.URL, dict[bytes | str, bytes | str]]:
        """Check the addresses of a host; return the URL and the headers of the request that the proxy gets."""
        host = request_url.host.decode("ascii")
        try:
            addresses = resolve_public_addresses(
                host, self._resolver, timeout_s=_remaining_s(deadline), allow_private=self._allow_private
            )
        except LinkFailed as error:
            raise LinkFailed(
                f"{error} Host names are resolved on this machine before a proxy is used, so that no private address is"
                " fetched."
            ) from error
        if parts.scheme == "https":
            return request_url, dict(_HEADERS)
        address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        pinned = httpcore.URL(
            scheme=request_url.scheme, host=address.encode(), port=request_url.port, target=request_url.target
        )
        return pinned, _HEADERS | {"Host": host if parts.port is None else f"{host}:{parts.port}"}

    def _open_pool(self, proxy: str | None, context: ssl.SSLContext, deadline: float) -> httpcore.ConnectionPool:
        is_private_allowed = self._allow_private or proxy is not None
        network = _GuardedNetwork(self._resolver, deadline, allow_private=is_private_allowed)
        if proxy is None:
            return httpcore.ConnectionPool(ssl_context=context, network_backend=network)
        parts = urlsplit(proxy)
        default_port = {"https": 443, "http": 80}.get(parts.scheme, 1080)
        url = httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port or default_port, target="/")
        auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        kind = httpcore.SOCKSProxy if parts.scheme.startswith("socks") else httpcore.HTTPProxy
        return kind(url, proxy_auth=auth, ssl_context=context, network_backend=network)

    def _timeouts(self) -> dict[str, Any]:
        return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)}

    def _read(self, stream: Iterable[bytes], headers: dict[str, str], url: str) -> bytes:
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise LinkFailed(f"{url} uses the content encoding {coding}, which was not requested.")
        too_large = FileTooLarge(
            f"{url} is larger than {self._max_bytes / 1e6:g} MB. "
            "Add a part of it or ask the operator to raise REFDESK_MAX_FILE_MB."
        )
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise too_large
        content = bytearray()
        if coding not in ("", "identity"):
            stream = _inflate(_limit_size(stream, self._max_bytes, too_large), url)
        for part in stream:
            content += part
            if len(content) > self._max_bytes:
                raise too_large
        return bytes(content)


class _GuardedNetwork(httpcore.NetworkBackend):
    """A network backend that connects to checked addresses only and enforces the deadline."""

    def __init__(self, resolver: Resolver, deadline: float, *, allow_private: bool) -> None:
        self._resolver = resolver
        self._deadline = deadline
        self._allow_private = allow_private
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check, and connect to the first address that answers."""
        addresses = resolve_public_addresses(
            host, self._resolver, timeout_s=_remaining_s(self._deadline), allow_private=self._allow_private
        )
        remaining_s = partial(_remaining_s, self._deadline)
        stream = connect_to_first(
            self._network, addresses, port, remaining_s, local_address=local_address, socket_options=socket_options
        )
        return DeadlineStream(stream, remaining_s)


def _remaining_s(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _until_deadline(stream: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    for part in stream:
        _remaining_s(deadline)
        yield part


def _limit_size(stream: Iterable[bytes], max_bytes: int, too_large: FileTooLarge) -> Iterator[bytes]:
    """Limit the compressed bytes too, because they may unpack to nothing."""
    sent = 0
    for part in stream:
        sent += len(part)
        if sent > max_bytes:
            raise too_large
        yield part


def _inflate(stream: Iterable[bytes], url: str) -> Iterator[bytes]:
    """Inflate in small steps, so that the size limit applies early; bytes after the end of the data are ignored."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    started = False
    try:
        for part in stream:
            waiting, started = part, True
            # Repeat until it is empty: after a full step, data may remain inside the inflater, not only in the tail.
            while not inflater.eof and (unpacked := inflater.decompress(waiting, INFLATE_STEP)):
                yield unpacked
                waiting = inflater.unconsumed_tail
            if inflater.eof:
                return
    except zlib.error as error:
        raise LinkFailed(f"The compressed content of {url} is damaged.") from error
    if started:
        raise LinkFailed(f"The compressed content of {url} is incomplete. Try again later.")


def _join_redirect(url: str, target: str) -> str:
    try:
        return _without_fragment(urljoin(url, target))
    except ValueError:
        raise LinkFailed(f"{url} redirects to {target}, which is not a valid link. Check the link.") from None


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]


def _read_file_name(headers: dict[str, str]) -> str:
    """Return the file name of a download; empty for a page."""
    if "html" in headers.get("content-type", ""):
        return ""
    message = Message()
    message["Content-Disposition"] = headers.get("content-disposition", "").replace("\n", " ").replace("\r", " ")
    name = message.get_filename() or ""
    with contextlib.suppress(UnicodeError):  # headers are read as Latin-1, but many servers send UTF-8
        name = name.encode("latin-1").decode("utf-8")
    return clean_line(re.split(r"[/\\]", name)[-1], 200)


def _parse_link(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise LinkNotAllowed(f"{url} is not a valid link. Check the link.") from None
    if parts.scheme not in ("http", "https"):
        raise LinkNotAllowed(f"{url} is not a web link. Only http:// and https:// links are fetched.")
    if parts.username is not None or parts.password is not None:
        raise LinkNotAllowed(
            f"The link to {host} contains a user name or password. Remove it, or save the page and add the file."
        )
    if not host:
        raise LinkNotAllowed(f"{url} has no host name. Check the link.")
    return parts._replace(fragment="")


def _request_url(parts: SplitResult) -> httpcore.URL:
    try:
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna")
    except UnicodeError:
        raise LinkNotAllowed(f"{parts.hostname} is not a valid host name. Check the link.") from None
    try:
        target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        if parts.query:
            target += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]{}|^")
    except UnicodeError:
        raise LinkNotAllowed(f"The link to {parts.hostname} contains invalid characters. Check the link.") from None
    return httpcore.URL(scheme=parts.scheme.encode(), host=host, port=parts.port, target=target.encode("ascii"))


def _describe_status(status: int) -> str:
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    fix = _FIXES.get(status, "try again later" if status >= 500 else "check the link")
    return f"{phrase}: {fix}"


def _describe_connect_error(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE" in text.upper() or "SSL" in text.upper():
        return (
            "the TLS certificate or connection is not valid; save the page and add the file instead, or set"
            " SSL_CERT_FILE if the site uses your own certificate authority"
        )
    return "the host is down or refuses the connection; check the link or try again later"
