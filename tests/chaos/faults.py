"""The faults, and the choice of their victims: most aim at a process that holds a lease at that moment."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil
import psycopg
import redis

from config.redis_urls import to_client_url
from tests.chaos.cluster import LEASE_S, Cluster, Member

LEASES = """
    SELECT id, lease_owner FROM jobs WHERE state = 'running' AND lease_token IS NOT NULL AND lease_expires > now()
"""
CLAIMS = """
    SELECT DISTINCT j.id, q.claim_owner FROM embedding_queue q JOIN document_versions v ON v.id = q.version_id
    JOIN jobs j ON j.id = v.job_id WHERE q.claim_token IS NOT NULL AND q.claim_expires > now()
"""
TOKENS = "SELECT id, lease_token FROM jobs WHERE id = ANY (%s)"
UNAIMED = 0.1
"""Share of faults that hit a process although no process of its kind holds a lease."""
DELIVERIES = "SELECT j.id, 'bot' FROM deliveries d JOIN jobs j ON j.delivery_id = d.id WHERE d.claim_expires > now()"


@dataclass(frozen=True)
class Injection:
    """A fault that was injected."""

    fault: str
    at: float
    """Unix time."""
    hit: tuple[int, ...]
    """The jobs whose lease or claim the victim held."""


@dataclass(frozen=True)
class _Held:
    """The leases, claims on chunks and claimed deliveries at one moment."""

    jobs: tuple[tuple[int, str], ...]
    chunks: tuple[tuple[int, str], ...]
    deliveries: tuple[tuple[int, str], ...]

    def of(self, cluster: Cluster, member: Member) -> tuple[int, ...]:
        """Return the jobs that a member holds."""
        if member.role == "bot":
            return tuple(job for job, _ in self.deliveries)
        held = (*self.jobs, *self.chunks)
        return tuple({job for job, owner in held if owner and cluster.find_member(owner) is member})

    def all(self) -> tuple[int, ...]:
        """Return all jobs that are held."""
        return tuple({job for job, _ in (*self.jobs, *self.chunks, *self.deliveries)})


class FaultInjector:
    """Injects faults in an order that depends only on the seed."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._background: list[threading.Thread] = []
        self._faults: dict[str, tuple[int, Callable[[], tuple[int, ...]]]] = {
            "worker killed": (4, lambda: self._on_member(("query", "ingest"), self._kill)),
            "worker stopped until another has its job": (4, lambda: self._on_member(("query", "ingest"), self._stop)),
            "ingest child killed": (4, lambda: self._on_member(("ingest",), self._kill_child)),
            "parser killed": (2, lambda: self._on_member(("ingest",), self._kill_parser)),
            "bot killed": (1, lambda: self._on_member(("bot",), self._kill)),
            "bot stopped for 2 s": (1, lambda: self._on_member(("bot",), self._stop_bot)),
            "PostgreSQL killed": (1, lambda: self._on_all(self._cluster.kill_postgres)),
            "PostgreSQL stopped for 1 s": (1, lambda: self._on_all(self._pause, "postgres", "postgres")),
            "Redis killed": (1, lambda: self._on_all(self._cluster.kill_redis)),
            "Redis stopped for 1 s": (1, lambda: self._on_all(self._pause, "redis", "redis-server")),
            "Redis flushed": (2, lambda: self._on_all(self._flush)),
            "connections to PostgreSQL cut": (5, lambda: self._on_all(self._cut_database)),
            "connections to Redis cut": (3, lambda: self._on_all(self._cut_redis)),
        }
        if cluster.disk:
            self._faults["disk full for 3 s"] = (2, lambda: self._on_all(self._fill_disk))

    def inject(self, *, with_bot: bool) -> Injection | None:
        """Inject the next fault; return None if there is no victim, for example because PostgreSQL is starting."""
        names = [name for name in self._faults if with_bot or not name.startswith("bot")]
        name = self._random.choices(names, [self._faults[each][0] for each in names])[0]
        at = time.time()
        try:
            return Injection(name, at, self._faults[name][1]())
        except (psycopg.Error, redis.RedisError, psutil.Error, LookupError, OSError):
            return None

    def wait(self) -> None:
        """Wait until all faults that last for some time have ended."""
        for thread in self._background:
            thread.join()
        self._background.clear()

    def _read_held(self) -> _Held:
        query = self._cluster.query
        rows = [tuple((int(job), str(owner)) for job, owner in query(text)) for text in (LEASES, CLAIMS, DELIVERIES)]
        return _Held(*rows)

    def _on_member(self, roles: Sequence[str], act: Callable[[Member], None]) -> tuple[int, ...]:
        """Act on a member that holds a lease, or on any other one in a few cases; return the jobs that it holds.

        Raises:
            LookupError: No member of these roles holds a lease.
        """
        held = self._read_held()
        members = [member for member in self._cluster.members if member.role in roles and member.process.poll() is None]
        holders = [member for member in members if held.of(self._cluster, member)]
        if not holders and self._random.random() > UNAIMED:
            raise LookupError
        victim = self._random.choice(holders or members)
        act(victim)
        return held.of(self._cluster, victim)

    def _on_all(self, act: Callable[..., None], *arguments: str) -> tuple[int, ...]:
        held = self._read_held()
        act(*arguments)
        return held.all()

    def _kill(self, member: Member) -> None:
        os.killpg(member.process.pid, signal.SIGKILL)

    def _kill_child(self, member: Member) -> None:
        self._cluster.children(member)[0].kill()

    def _kill_parser(self, member: Member) -> None:
        parsers = [
            child
            for child in self._cluster.children(member)
            if any("parser_child" in part or "confined_child" in part for part in child.cmdline())
        ]
        parsers[0].kill()

    def _stop(self, member: Member) -> None:
        held = [job for job, owner in self._read_held().jobs if self._cluster.find_member(owner) is member]
        tokens = dict(self._cluster.query(TOKENS, (held,)))
        self._in_background(lambda: self._cluster.pause_member(member, lambda: self._wait_until_claimed(tokens)))

    def _wait_until_claimed(self, tokens: Mapping[int, uuid.UUID | None]) -> None:
        """Wait until another worker works on a job of a stopped one, which then writes although its lease is lost."""
        deadline = time.monotonic() + 2.5 * LEASE_S
        while time.monotonic() < deadline:
            time.sleep(0.05)
            with suppress(psycopg.Error):
                now = self._cluster.query(TOKENS, (list(tokens),))
                if any(token is not None and token != tokens[job] for job, token in now):
                    return

    def _stop_bot(self, member: Member) -> None:
        self._in_background(lambda: self._cluster.pause_member(member, lambda: time.sleep(2.0)))

    def _pause(self, folder: str, program: str) -> None:
        self._in_background(lambda: self._cluster.pause_servers(folder, program, 1.0))

    def _fill_disk(self) -> None:
        self._in_background(lambda: self._cluster.fill_disk(3.0))

    def _in_background(self, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=act)
        thread.start()
        self._background.append(thread)

    def _flush(self) -> None:
        with redis.Redis.from_url(to_client_url(self._cluster.urls.redis_url), socket_timeout=2) as client:
            client.flushall()

    def _cut_database(self) -> None:
        self._cluster.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.5"
        )

    def _cut_redis(self) -> None:
        with redis.Redis.from_url(to_client_url(self._cluster.urls.redis_url), socket_timeout=2) as client:
            for kind in ("normal", "pubsub"):
                with suppress(redis.RedisError):
                    client.client_kill_filter(_type=kind, skipme=True)
