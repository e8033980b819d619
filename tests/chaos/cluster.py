"""The processes under test, and how they are started again after a fault, as a supervisor does."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg

from config.setting_groups import ServerSettings
from config.settings import Settings
from db.schema import migrate
from embedded.home import prepare_home
from embedded.postgres import EmbeddedPostgres
from embedded.process import find_servers
from embedded.redis import EmbeddedRedis
from embedded.servers import EmbeddedServers, ServerUrls, restart_servers
from pipeline.errors import SetupError
from tests.acceptance.conftest import Installation, open_installation
from tests.fake_discord import FakeDiscord
from tests.loopback_llm import LoopbackLlm, ScriptedReply

DIMENSIONS = 32
LEASE_S, SWEEP_S = 2.0, 0.5
ROLES = ("ingest", "ingest", "query", "query", "bot")
SETTINGS = {
    "REFDESK_LEASE_S": str(LEASE_S),
    "REFDESK_SWEEP_S": str(SWEEP_S),
    # Every attempt may be hit; a job must not die of that.
    "REFDESK_MAX_ATTEMPTS": "100",
    "REFDESK_EMBEDDING_MODEL": "chaos",
    "REFDESK_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    "REFDESK_EMBED_CLAIM_SIZE": "8",
    "REFDESK_LLM_MODEL": "chaos",
    "REFDESK_RERANKER": "none",
    "REFDESK_QUESTIONS_PER_USER_HOUR": "0",
    "REFDESK_QUESTIONS_PER_DAY": "0",
}
MODEL_DELAY_S = 0.4
DISK_MB = 2048
ANSWER = "The lantern hangs between the meadow and the river"
ABSTAINED = "I found nothing in the library"


def reply(request: Mapping[str, Any]) -> ScriptedReply:
    """Answer as a model endpoint: embeddings that depend only on the text, and an answer after a moment."""
    time.sleep(MODEL_DELAY_S)
    if "input" not in request:
        return ScriptedReply(f"{ANSWER} [1].")
    data = [{"index": n, "embedding": build_vector(content)} for n, content in enumerate(request["input"])]
    return ScriptedReply(body=json.dumps({"data": data}))


def build_vector(content: str) -> list[float]:
    """Return a unit vector that depends only on the text."""
    seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:8])
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS)
    return [float(value) for value in vector / np.linalg.norm(vector)]


@dataclass(eq=False)
class Member:
    """A process of the cluster that is started again whenever it has ended."""

    role: str
    process: subprocess.Popen[bytes]


@dataclass(eq=False)
class Cluster:
    """Servers, workers and bot of one run."""

    home: Path
    urls: ServerUrls
    installation: Installation
    discord: FakeDiscord
    disk: bool
    """Whether the data folder of the servers is a small disk, which can be filled."""
    members: list[Member] = field(default_factory=list)
    _servers_lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def supervise(self) -> Iterator[None]:
        """Start all members, and start those again that end, until the `with` block ends."""
        self.members = [Member(role, self._spawn(role)) for role in ROLES]
        thread = threading.Thread(target=self._restart_ended, name="supervisor")
        thread.start()
        try:
            yield
        finally:
            self._closing.set()
            thread.join()

    def _restart_ended(self) -> None:
        while not self._closing.wait(0.05):
            for member in self.members:
                if member.process.poll() is not None:
                    member.process = self._spawn(member.role)

    def _spawn(self, role: str) -> subprocess.Popen[bytes]:
        # These are the methods behind `start_worker` and `start_bot`, which would wait until the process is ready.
        if role == "bot":
            return self.installation.start_bot(self.discord, ready=False)
        return self.installation._spawn_worker(role, {})

    def find_member(self, lease_owner: str) -> Member | None:
        """Return the member that owns a lease: the ID of a worker contains its process ID."""
        pids = set(lease_owner.split(":"))
        return next((member for member in self.members if str(member.process.pid) in pids), None)

    def children(self, member: Member) -> list[psutil.Process]:
        """Return the child processes of a member; the first one of an ingest worker does the work."""
        with suppress(psutil.NoSuchProcess):
            return list(psutil.Process(member.process.pid).children(recursive=True))
        return []

    def kill_postgres(self) -> None:
        """Kill all processes of PostgreSQL, and start it again."""
        self._restart(self.home / "postgres", "postgres", lambda: EmbeddedPostgres(prepare_home(self.home)).start())

    def kill_redis(self) -> None:
        """Kill Redis, and start it again."""
        self._restart(self.home / "redis", "redis-server", lambda: EmbeddedRedis(prepare_home(self.home)).start())

    def _restart(self, folder: Path, program: str, start: Callable[[], None]) -> None:
        with self._servers_lock:
            for process in find_servers(folder, program):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            start()

    def fill_disk(self, seconds: float) -> None:
        """Fill the disk of the servers for some seconds, and then restart them as `refdesk up` does if they ended."""
        filler = self.home / "filler"
        with self._servers_lock:
            try:
                with filler.open("wb", buffering=0) as file, suppress(OSError):
                    while file.write(bytes(1 << 20)):
                        pass
                time.sleep(seconds)
            finally:
                filler.unlink(missing_ok=True)
            settings = Settings(_env_file=None, servers=ServerSettings(home=self.home))
            while not self._closing.wait(0.5):
                with suppress(SetupError, psycopg.Error):
                    restart_servers(settings)
                    self.query("SELECT 1")
                    return

    def pause_servers(self, folder: str, program: str, seconds: float) -> None:
        """Stop the processes of a server for some seconds."""
        with self._servers_lock:
            stopped = find_servers(self.home / folder, program)
            _signal_all(stopped, signal.SIGSTOP)
            time.sleep(seconds)
            _signal_all(stopped, signal.SIGCONT)

    def pause_member(self, member: Member, wait: Callable[[], None]) -> None:
        """Stop a member and its children until `wait` returns."""
        with suppress(psutil.NoSuchProcess):
            stopped = [psutil.Process(member.process.pid), *self.children(member)]
            _signal_all(stopped, signal.SIGSTOP)
            try:
                wait()
            finally:
                _signal_all(stopped, signal.SIGCONT)

    def query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement in a separate connection as the owner; raise `psycopg.Error` if the server is unavailable."""
        with psycopg.connect(self.urls.database_url, autocommit=True, connect_timeout=2) as connection:
            connection.execute("SET statement_timeout = '5s'")
            return list(connection.execute(statement, values).fetchall())


def _signal_all(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _mount_disk(folder: Path) -> bool:
    """Mount a small disk in memory; return whether this user can."""
    if os.geteuid() != 0:
        return False
    folder.mkdir(mode=0o711)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=711", "tmpfs", str(folder)]
    return subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode == 0


@contextmanager
def open_cluster() -> Iterator[Cluster]:
    """Start servers and members in a temporary home in memory; the members are ready when the first job is done."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    home = Path(tempfile.mkdtemp(prefix="refdesk-chaos-", dir=memory if roomy else None))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        disk = _mount_disk(home / "servers")
        if disk:
            stack.callback(subprocess.run, ["umount", "--lazy", str(home / "servers")], check=True)
        urls = stack.enter_context(EmbeddedServers(home / "servers"))
        migrate(urls.database_url)
        model = stack.enter_context(LoopbackLlm(reply))
        discord = stack.enter_context(FakeDiscord())
        folder = home / "work"
        folder.mkdir()
        (home / "models").mkdir()
        installation = stack.enter_context(
            open_installation(urls.database_url, urls.redis_url, folder, home / "models")
        )
        endpoints = {"REFDESK_EMBEDDING_BASE_URL": model.url, "REFDESK_LLM_BASE_URL": model.url}
        installation.environment = installation.environment | SETTINGS | endpoints
        cluster = Cluster(home / "servers", urls, installation, discord, disk)
        stack.enter_context(cluster.supervise())
        yield cluster
