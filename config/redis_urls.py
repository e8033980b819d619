"""One Redis, two spellings: the broker library and the Redis client write the address of a Unix socket differently."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

BROKER_SCHEME, CLIENT_SCHEME = "redis+socket", "unix"
BROKER_DATABASE, CLIENT_DATABASE = "virtual_host", "db"


def to_broker_url(url: str) -> str:
    """Write a Redis address as Celery and kombu want it (`redis+socket:///path?virtual_host=0`)."""
    return _convert(url, CLIENT_SCHEME, BROKER_SCHEME, CLIENT_DATABASE, BROKER_DATABASE)


def to_client_url(url: str) -> str:
    """Write a Redis address as redis-py wants it (`unix:///path?db=0`)."""
    return _convert(url, BROKER_SCHEME, CLIENT_SCHEME, BROKER_DATABASE, CLIENT_DATABASE)


def _convert(url: str, scheme_from: str, scheme_to: str, database_from: str, database_to: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != scheme_from:
        return url
    query = [(database_to if name == database_from else name, value) for name, value in parse_qsl(parts.query)]
    # urlunsplit drops the empty host's slashes for schemes it does not know, so the parts are joined by hand.
    rest = urlunsplit(("", "", parts.path, urlencode(query), ""))
    return f"{scheme_to}://{parts.netloc}{rest}"
