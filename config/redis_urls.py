"""Convert Redis URLs: kombu and redis-py use different forms for a Unix socket."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

BROKER_SCHEME, CLIENT_SCHEME = "redis+socket", "unix"
BROKER_DATABASE, CLIENT_DATABASE = "virtual_host", "db"


def to_broker_url(url: str) -> str:
    """Return a Redis URL in the form of Celery and kombu (`redis+socket:///path?virtual_host=0`)."""
    return _convert(url, CLIENT_SCHEME, BROKER_SCHEME, CLIENT_DATABASE, BROKER_DATABASE)


def to_client_url(url: str) -> str:
    """Return a Redis URL in the form of redis-py (`unix:///path?db=0`)."""
    return _convert(url, BROKER_SCHEME, CLIENT_SCHEME, BROKER_DATABASE, CLIENT_DATABASE)


def _convert(url: str, scheme_from: str, scheme_to: str, database_from: str, database_to: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != scheme_from:
        return url
    query = [(database_to if name == database_from else name, value) for name, value in parse_qsl(parts.query)]
    # urlunsplit drops the slashes before an empty host for schemes it does not know.
    rest = urlunsplit(("", "", parts.path, urlencode(query), ""))
    return f"{scheme_to}://{parts.netloc}{rest}"
