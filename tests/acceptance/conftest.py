"""Fixtures that run workers, bots and commands as real processes, with a separate database and Redis per test."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from sqlalchemy import text

from config.redis_urls import to_client_url
from db import jobs, workspaces
from db.engine import Database
from embedded.servers import ServerUrls
from tests.fake_discord import FakeDiscord
from tests.required_libraries import require_library

TIMEOUT_S = 120
NOTES = {
    "lantern.txt": "The copper lantern hangs in the north hall.",
    "hall.txt": "The north hall has a lantern and two benches.",
    "gate.txt": "The gate of the north hall is locked at dusk.",
}
"""The documents of the fixture `library`."""
LIBRARY_TEMPLATE = "refdesk_library"
LIBRARY_REDIS = 15
"""Number of the Redis database of the library's ingestion; single tests and modules use the others."""
_numbers = itertools.count(1)


@dataclass
class Installation:
    """A Refdesk installation whose processes the test starts, stops and inspects."""

    database: Database
    environment: dict[str, str]
    logs: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def refdesk(
        self, *arguments: str, stdin: bytes | None = None, **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
        )

    def refdesk_all(self, *commands: tuple[str, ...]) -> list[subprocess.CompletedProcess[bytes]]:
        """Run commands, two at a time: most of their time is startup."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda command: self.refdesk(*command), commands))

    def refdesk_json(self, *arguments: str, **environment: str) -> Any:
        result = self.refdesk(*arguments, "--json", stdin=None, **environment)
        return json.loads(result.stdout), result.returncode

    def start_worker(self, role: str, **environment: str) -> subprocess.Popen[bytes]:
        process = self._spawn_worker(role, environment)
        self._wait_for_worker(role, process)
        return process

    def start_workers(self, *roles: str, **environment: str) -> list[subprocess.Popen[bytes]]:
        """Start several workers at the same time and wait until all are ready."""
        processes = [self._spawn_worker(role, environment) for role in roles]
        for role, process in zip(roles, processes, strict=True):
            self._wait_for_worker(role, process)
        return processes

    def _spawn_worker(self, role: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        log = (self.logs / f"{role}-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "worker", role],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.processes.append(process)
        return process

    def _wait_for_worker(self, role: str, process: subprocess.Popen[bytes]) -> None:
        def is_ready() -> bool:
            assert process.poll() is None, f"the {role} worker exited\n{self.log_tail()}"
            return bool(self.value(f"SELECT count(*) FROM workers WHERE pid = {process.pid}") == 1)

        self.wait_until(is_ready, f"{role} worker ready")

    def start_bot(self, discord: FakeDiscord, *, ready: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        """Start a bot process that connects to the fake Discord; with `ready`, wait until it is connected."""
        # A session of a recently killed bot may still count as connected.
        before = {session.id for session in discord.sessions}
        log = (self.logs / f"bot-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "bot"],
            env=self.environment | discord.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.processes.append(process)
        if ready:
            self.wait_until(
                lambda: (
                    process.poll() is not None
                    or (any(s.connected and s.id not in before for s in discord.sessions) and bool(discord.commands))
                ),
                "bot connected",
            )
            assert process.poll() is None, self.log_tail()
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """Stop a process with SIGTERM and return its exit code."""
        process.send_signal(signal.SIGTERM)
        return process.wait(30)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process and its children with SIGKILL."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def submit(self, kind: jobs.Kind, payload: dict[str, Any]) -> int:
        with self.database.system() as session:
            workspace = workspaces.ensure_workspace(session, "local")
        with self.database.tenant(workspace) as session:
            return jobs.submit(session, jobs.NewJob(workspace, kind, payload))

    def value(self, statement: str) -> Any:
        with self.database.owner() as session:
            return session.scalar(text(statement))

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what}: not within {TIMEOUT_S} s\n{self.log_tail()}")
            time.sleep(0.1)

    def wait_for_state(self, job: int, state: str) -> None:
        self.wait_until(lambda: self.value(f"SELECT state FROM jobs WHERE id = {job}") == state, f"job {job} {state}")

    def log_tail(self) -> str:
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in sorted(self.logs.iterdir())
        )


@contextmanager
def open_installation(database_url: str, redis_url: str, folder: Path, saved_models: Path) -> Iterator[Installation]:
    """Yield an installation with short leases, and kill its processes at the end."""
    require_library("sentence_transformers", "needs the worker extra")
    logs = folder / "logs"
    logs.mkdir()
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(saved_models)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REFDESK_")} | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "REFDESK_HOME": str(home),
        "REFDESK_EMBEDDING_MODEL": "all-MiniLM-L6-v2",  # the smaller model, which starts faster
        "REFDESK_LEASE_S": "3",
        "REFDESK_SWEEP_S": "1",
        "HF_HUB_OFFLINE": "1",
        "HOME": str(folder),
    }
    installation = Installation(Database(database_url), environment, logs)
    try:
        yield installation
    finally:
        for process in installation.processes:
            if process.poll() is None:
                installation.kill(process)
        installation.database.close()


@contextmanager
def clone_database(servers: ServerUrls, template: str, name: str) -> Iterator[str]:
    """Create a database from a template, yield its URL, and drop it at the end."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def installation(database_url: str, redis_url: str, tmp_path: Path, saved_models: Path) -> Iterator[Installation]:
    with open_installation(database_url, redis_url, tmp_path, saved_models) as installation:
        yield installation


@pytest.fixture(scope="session")
def library_template(
    servers: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory, saved_models: Path
) -> Iterator[str]:
    """Ingest `NOTES` once, because that starts a worker, and return the name of the database for tests to clone."""
    folder = tmp_path_factory.mktemp("library")
    notes = folder / "notes"
    notes.mkdir()
    for name, content in NOTES.items():
        (notes / name).write_text(content)
    redis_url = f"{servers.redis_url}?virtual_host={LIBRARY_REDIS}"
    with clone_database(servers, template_database, LIBRARY_TEMPLATE) as url:
        with open_installation(url, redis_url, folder, saved_models) as installation:
            ingested = installation.refdesk("ingest", str(notes))
            assert ingested.returncode == 0, ingested.stderr.decode()
        yield LIBRARY_TEMPLATE


@pytest.fixture
def library(
    servers: ServerUrls, library_template: str, redis_url: str, tmp_path: Path, saved_models: Path
) -> Iterator[Installation]:
    """An installation whose database contains `NOTES`."""
    with (
        clone_database(servers, library_template, f"library_{next(_numbers)}") as url,
        open_installation(url, redis_url, tmp_path, saved_models) as installation,
    ):
        yield installation


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    """A fake Discord on loopback; any violation of Discord's rules by the bot fails the test."""
    with FakeDiscord() as fake:
        yield fake
        assert not fake.problems, "\n".join(map(str, fake.problems))


@pytest.fixture(scope="module")
def shared_installation(
    servers: ServerUrls,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    saved_models: Path,
    request: Any,
) -> Iterator[Installation]:
    """One installation for a whole module, because starting a worker takes seconds."""
    name = request.module.__name__.rpartition(".")[2]
    with clone_database(servers, template_database, name) as database_url:
        # Single tests use Redis databases 1 to 14.
        url = f"{servers.redis_url}?virtual_host=0"
        with redis.Redis.from_url(to_client_url(url)) as client:
            client.flushdb()
        with open_installation(database_url, url, tmp_path_factory.mktemp(name), saved_models) as installation:
            yield installation
