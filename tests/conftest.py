"""Fixtures that several kinds of tests share: embedded servers, databases cloned from a template, test material."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from config.redis_urls import to_client_url
from embedded.servers import EmbeddedServers, ServerUrls

REPOSITORY = Path(__file__).parent.parent
TEMPLATE = "refdesk_template"
_numbers = itertools.count(1)

# A test run started in the background ignores Ctrl-C, and so would every process that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def fast_disk() -> Path:
    """Find a place with short paths, in memory where there is room: the servers' syncs cost seconds on a busy disk."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    return memory if roomy else Path("/tmp")


@pytest.fixture
def home(fast_disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty home folder with a short path, set as REFDESK_HOME."""
    path = Path(tempfile.mkdtemp(prefix="refdesk-test-", dir=fast_disk))
    monkeypatch.setenv("REFDESK_HOME", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def servers(fast_disk: Path) -> Iterator[ServerUrls]:
    """Run one PostgreSQL and one Redis for the whole test session."""
    path = Path(tempfile.mkdtemp(prefix="refdesk-test-", dir=fast_disk))
    try:
        with EmbeddedServers(path) as urls:
            with psycopg.connect(urls.database_url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # nothing of a test outlives it
                connection.execute("SELECT pg_reload_conf()")
            yield urls
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def template_database(servers: ServerUrls) -> str:
    """Name a database that was migrated once and is cloned for every test."""
    from db.schema import migrate

    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
    migrate(_with_database(servers.database_url, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database_url(servers: ServerUrls, template_database: str) -> Iterator[str]:
    """Give a migrated, empty database of the test's own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    yield _with_database(servers.database_url, name)
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url(servers: ServerUrls) -> Iterator[str]:
    """Give an empty Redis database of the test's own, spelled for the broker library."""
    url = f"{servers.redis_url}?virtual_host={next(_numbers) % 15 + 1}"
    with redis.Redis.from_url(to_client_url(url)) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Find the folder of test material, which is no part of the repository."""
    path = Path(os.environ.get("REFDESK_SHARED") or REPOSITORY.parent / "shared")
    if not path.is_dir():
        pytest.skip(f"no test material at {path}; set REFDESK_SHARED to its folder")
    return path


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
