"""Fixtures for all kinds of tests: embedded servers, databases cloned from a template, shared test data."""

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

# A test run in the background ignores SIGINT, and so would all processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def fast_disk() -> Path:
    """Return a folder with short paths, in memory if possible, because fsync takes seconds on a busy disk."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    return memory if roomy else Path("/tmp")


@pytest.fixture(scope="session")
def saved_models(pytestconfig: pytest.Config) -> Path:
    """Return the folder of saved models that all homes share, because an export takes seconds."""
    assert pytestconfig.cache is not None
    return pytestconfig.cache.mkdir("saved-models")


@pytest.fixture
def home(fast_disk: Path, monkeypatch: pytest.MonkeyPatch, saved_models: Path) -> Iterator[Path]:
    """Create a home folder with a short path and set REFDESK_HOME to it."""
    path = Path(tempfile.mkdtemp(prefix="refdesk-test-", dir=fast_disk))
    (path / "models").symlink_to(saved_models)
    monkeypatch.setenv("REFDESK_HOME", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def servers(fast_disk: Path) -> Iterator[ServerUrls]:
    """Run one PostgreSQL and one Redis for the whole test session; TEST_DATABASE_URL names another PostgreSQL."""
    path = Path(tempfile.mkdtemp(prefix="refdesk-test-", dir=fast_disk))
    other = os.environ.get("TEST_DATABASE_URL")
    try:
        with EmbeddedServers(path, with_postgres=not other) as urls:
            if other:
                yield ServerUrls(other, urls.redis_url)
                return
            with psycopg.connect(urls.database_url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # test data need not survive a crash
                connection.execute("SELECT pg_reload_conf()")
            yield urls
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def template_database(servers: ServerUrls) -> str:
    """Migrate a database once, for tests to clone, and return its name."""
    from db.schema import migrate

    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{TEMPLATE}"')
        connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
    migrate(_with_database(servers.database_url, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database_url(servers: ServerUrls, template_database: str) -> Iterator[str]:
    """Create a migrated, empty database for one test and return its URL."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    yield _with_database(servers.database_url, name)
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url(servers: ServerUrls) -> Iterator[str]:
    """Return the URL of an empty Redis database (1 to 14 of 16) for one test, in the form of kombu."""
    url = f"{servers.redis_url}?virtual_host={next(_numbers) % 14 + 1}"
    with redis.Redis.from_url(to_client_url(url)) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared test data, which is not part of the repository; skip the test without it."""
    path = Path(os.environ.get("REFDESK_SHARED") or REPOSITORY.parent / "shared")
    if not path.is_dir():
        pytest.skip(f"no shared test data at {path}; set REFDESK_SHARED to its folder")
    return path


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
