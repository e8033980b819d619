"""Describe the proxies and certificate authorities of the environment for `refdesk doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import getproxies_environment

from config.settings import Settings
from pipeline.backends.connections import create_ssl_context, find_certificates, find_proxy, redact_address

HUB_URL = "https://huggingface.co"
LINK_URL = "https://example.com"
"""Stands for any public link."""


def describe_proxies(settings: Settings) -> str:
    """Describe the proxies that are set, and which of them each server is reached through.

    Raises:
        SetupError: A proxy has a scheme that is not supported.
    """
    proxies = getproxies_environment()
    excluded = proxies.pop("no", "")
    variables = [f"{_variable(scheme)}={redact_address(_with_scheme(url))}" for scheme, url in sorted(proxies.items())]
    if not variables:
        return "none; every connection is direct"
    if excluded:
        variables.append(f"NO_PROXY={excluded}")
    routes = (f"{name}: {_describe_route(url)}" for name, url in _targets(settings))
    return f"{', '.join(variables)}; {', '.join(routes)}; loopback addresses and Discord: direct"


def describe_certificates() -> str:
    """Describe the certificate authorities that outgoing connections trust.

    Raises:
        SetupError: The file or folder that the environment names cannot be used.
    """
    create_ssl_context()
    variable, path = find_certificates()
    return f"{variable}={path}, in place of the bundled ones" if path else "bundled certificate authorities"


def _targets(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.llm.base_url:
        yield "language model", settings.llm.base_url
    if settings.embedding.base_url:
        yield "embedding model", settings.embedding.base_url
    if settings.rerank_api.url:
        yield "rerank endpoint", settings.rerank_api.url
    yield "model hub", HUB_URL
    yield "links", LINK_URL


def _describe_route(url: str) -> str:
    proxy = find_proxy(url)
    return f"through the proxy {redact_address(proxy)}" if proxy else "direct"


def _variable(scheme: str) -> str:
    return f"{scheme}_proxy".upper()


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"
