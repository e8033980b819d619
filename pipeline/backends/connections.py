"""How outgoing connections are made: proxies and certificate authorities of the environment.

`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` apply, in capitals or small letters, but never to loopback
addresses. `SSL_CERT_FILE`, `SSL_CERT_DIR` or `REQUESTS_CA_BUNDLE` replaces the bundled certificate authorities.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import certifi
import httpcore
import httpx

from pipeline.errors import SetupError

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
CERTIFICATE_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables with a file of certificate authorities, the first one set is used. `SSL_CERT_DIR` names a folder."""


def build_client(
    url: str,
    *,
    limits: httpx.Limits | None = None,
    network: httpcore.NetworkBackend | None = None,
    **options: Any,
) -> httpx.Client:
    """Build a client for requests to one server.

    Args:
        url: The URL of the server.
        limits: Limits of the connections; None: no limits.
        network: Opens the connections; None: as httpx does.
        options: Further options of the client.

    Raises:
        SetupError: The proxy or the certificate authorities of the environment cannot be used.
    """
    transport = httpx.HTTPTransport(
        verify=create_ssl_context(), proxy=find_proxy(url), limits=limits or httpx.Limits(), trust_env=False
    )
    if network is not None:
        transport._pool._network_backend = network  # noqa: SLF001 (httpx has no option for it)
    return httpx.Client(transport=transport, trust_env=False, **options)


def find_proxy(url: str) -> str | None:
    """Return the URL of the proxy for requests to a server; None for a direct connection.

    Raises:
        SetupError: The proxy has a scheme that is not supported.
    """
    parts = urlsplit(url)
    proxies = getproxies_environment()
    if parts.hostname is None or is_loopback(parts.hostname) or _is_excluded(parts, proxies):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if urlsplit(proxy).scheme.lower() not in PROXY_SCHEMES or not urlsplit(proxy).hostname:
        name = f"{parts.scheme}_proxy".upper() if proxies.get(parts.scheme) else "ALL_PROXY"
        raise SetupError(
            f"{name} must be the URL of an HTTP or SOCKS5 proxy, for example socks5://127.0.0.1:1080"
            f" (got {redact_address(proxy)!r})."
        )
    return proxy


def redact_address(url: str) -> str:
    """Return scheme, host and port of a URL for messages: without user name, password, path and query."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}"


def is_loopback(host: str) -> bool:
    """Return whether a host name means this machine."""
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def create_ssl_context() -> ssl.SSLContext:
    """Create the context that verifies certificates.

    Raises:
        SetupError: The file or folder of certificate authorities that the environment names cannot be read.
    """
    return _load_certificates(*find_certificates())


@cache  # reading the bundled authorities takes 50 ms
def _load_certificates(variable: str, path: str) -> ssl.SSLContext:
    if not path:
        return ssl.create_default_context(cafile=certifi.where())
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "no certificates in it"
        raise SetupError(
            f"{variable} must be the path of a file with certificate authorities in PEM format, but {path} cannot be"
            f" read: {reason}."
        ) from error


def find_certificates() -> tuple[str, str]:
    """Return the variable that names certificate authorities, and its value; both empty if none is set."""
    for variable in (*CERTIFICATE_FILES, "SSL_CERT_DIR"):
        if value := os.environ.get(variable, "").strip():
            return variable, value
    return "", ""


def is_certificate_error(error: BaseException | None) -> bool:
    """Return whether a connection failed because the server's certificate is not trusted."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def describe_connect_error(error: Exception, url: str, fix: str) -> tuple[str, str]:
    """Return how a connection failed, to put behind "cannot be reached", and the fix.

    Args:
        error: The error of the connection.
        url: The URL of the request.
        fix: The fix for a server that is not running.
    """
    host = urlsplit(url).hostname
    if is_certificate_error(error):
        return (
            f": the certificate of {host} is not trusted",
            "set SSL_CERT_FILE to a file with its certificate authority in PEM format",
        )
    if proxy := find_proxy(url):
        return (
            f" through the proxy {redact_address(proxy)} ({type(error).__name__})",
            f"check the proxy, or add {host} to NO_PROXY",
        )
    return f" ({type(error).__name__})", fix


def _is_excluded(parts: SplitResult, proxies: Mapping[str, str]) -> bool:
    """Return whether NO_PROXY contains a host: a name, a suffix, an address or a network such as 10.0.0.0/8."""
    host = parts.hostname or ""
    with_port = f"[{host}]" if ":" in host else host
    with_port = f"{with_port}:{parts.port}" if parts.port else with_port
    if proxy_bypass(host, dict(proxies)) or proxy_bypass(with_port, dict(proxies)):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(_contains(entry.strip(), address) for entry in proxies.get("no", "").split(","))


def _contains(network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False
