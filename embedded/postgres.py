"""The embedded PostgreSQL: create, start, adopt and stop a server in a home folder, with a Unix socket."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from embedded.home import ServerHome, change_owner, format_disk_full
from embedded.process import accepts_connections, find_parent, find_servers, run_program, stop_servers
from embedded.programs import POSTGRES_MAJOR, find_postgres, find_runnable_programs
from pipeline.errors import DiskFull, SetupError

PROGRAM = "postgres"
FOLDER = "postgres"
UNFINISHED = "postgres.new"
NAME = "refdesk"
"""Name of the database and of its owner, a superuser."""

SOCKET = ".s.PGSQL.5432"
START_TIMEOUT_S = 300
"""Enough to replay the write-ahead log of a large database after its server was killed."""
REJECTING = 1
"""Exit code of pg_isready while the server starts, recovers or stops."""
SMALL_SHARED_MEMORY = 1 << 30
"""Bytes in /dev/shm below which parallel index builds fail; containers have 64 MB by default."""

OPTIONS = {
    # Access control is the location of the socket: the data folder, which no other user can enter.
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "100",
    "work_mem": "32MB",
    "autovacuum_work_mem": "64MB",
    "logging_collector": "off",
    "log_destination": "stderr",
}


class EmbeddedPostgres:
    """PostgreSQL in a home folder; callers hold the home's start lock."""

    def __init__(self, home: ServerHome) -> None:
        """Bind to the home."""
        self._home = home
        self._folder = home.path / FOLDER
        # A server that root starts opens its data folder as its working folder, since it may not enter the parents.
        self._inside = "/proc/self/cwd" if os.geteuid() == 0 and sys.platform == "linux" else None

    @property
    def url(self) -> str:
        """URL of the server, with the folder of its socket."""
        return f"postgresql://{NAME}@/{NAME}?host={self._home.make_short_path(FOLDER)}"

    def is_running(self) -> bool:
        """Return whether a server accepts connections here."""
        return accepts_connections(self._home.make_short_path(FOLDER) / SOCKET)

    def start(self) -> None:
        """Adopt the running server or start one; create the data folder if there is none."""
        wheel = find_postgres()
        if self._adopt(wheel.bin()):
            return
        programs = find_runnable_programs(wheel, PROGRAM, self._home)
        if not self._exists():
            self._create(programs)
        # No server runs here, so these files are left over; their pid may belong to another program by now.
        for name in ("postmaster.pid", SOCKET, f"{SOCKET}.lock"):
            (self._folder / name).unlink(missing_ok=True)
        self._launch(programs)

    def stop(self) -> None:
        """Stop the server: end its sessions and write all data to disk."""
        # Only the postmaster gets the signal (fast shutdown); it stops its children.
        running = find_servers(self._folder, PROGRAM)
        pids = {process.pid for process in running}
        first = [process for process in running if find_parent(process) not in pids]
        stop_servers(
            self._folder,
            PROGRAM,
            first,
            [(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)],
        )

    def _adopt(self, programs: Path) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while running := find_servers(self._folder, PROGRAM):
            status = subprocess.run(
                [
                    programs / "pg_isready",
                    "--quiet",
                    "--host",
                    self._home.make_short_path(FOLDER),
                    "--port",
                    "5432",
                ],
                env={"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                check=False,
            ).returncode
            if status == 0:
                return True
            if status != REJECTING or time.monotonic() > deadline:
                # Children of a killed server, or a server without its socket: no client can use them.
                stop_servers(
                    self._folder,
                    PROGRAM,
                    running,
                    [(signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)],
                )
                return False
            time.sleep(0.05)
        return False

    def _exists(self) -> bool:
        try:
            version = (self._folder / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            if self._folder.exists() and any(self._folder.iterdir()):
                raise SetupError(
                    f"{self._folder} contains files but no database. Move them, or set REFDESK_HOME to another folder."
                ) from None
            return False
        if version != str(POSTGRES_MAJOR):
            raise SetupError(
                f"The database in {self._folder} was created by PostgreSQL {version}, but this Refdesk version contains"
                f" PostgreSQL {POSTGRES_MAJOR}. Use the earlier Refdesk version, or move the folder to start with an"
                " empty database."
            )
        return True

    def _create(self, programs: Path) -> None:
        # Created under a temporary name and renamed at the end, so that a data folder is complete or absent.
        folder = self._home.path / UNFINISHED
        for program in ("initdb", PROGRAM):
            stop_servers(folder, program, find_servers(folder, program), [(signal.SIGKILL, 10.0)])
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        change_owner(folder, self._home.account)
        data = self._inside or str(folder)
        letters = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        # The same sort order and case rules on every machine, with letters of all scripts for keyword search.
        locale = ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--lc-ctype", letters]
        options = ["--pgdata", data, "--username", NAME, "--auth", "trust", "--encoding", "UTF8", *locale]
        steps: tuple[tuple[list[str | Path], str], ...] = (
            ([programs / "initdb", *options], ""),
            ([programs / PROGRAM, "--single", "-D", data, "postgres"], f"CREATE DATABASE {NAME};\n"),
        )
        for command, text in steps:
            done = run_program(command, self._home.account, folder=folder, text=text)
            if done.returncode != 0 or "ERROR:" in done.stdout:
                shutil.rmtree(folder, ignore_errors=True)
                raise self._failure("could not be initialised", done.stdout)
        if self._folder.exists():
            self._folder.rmdir()
        folder.rename(self._folder)

    def _launch(self, programs: Path) -> None:
        handle, log = self._home.open_log(PROGRAM)
        try:
            begin = os.fstat(handle).st_size
            options = ["--wait", "--timeout", str(START_TIMEOUT_S), "--options", _option_text()]
            start: list[str | Path] = [
                programs / "pg_ctl",
                "start",
                "--pgdata",
                self._inside or str(self._folder),
                *options,
            ]
            done = run_program(start, self._home.account, folder=self._folder, output=handle)
            if done.returncode != 0:
                raise self._failure(
                    "did not start",
                    os.pread(handle, 100_000, begin).decode("utf-8", "replace"),
                    log,
                )
        finally:
            os.close(handle)

    def _failure(self, problem: str, text: str, log: Path | None = None) -> SetupError:
        if "No space left on device" in text or "Disk quota exceeded" in text:
            return DiskFull(format_disk_full(self._home.path))
        lines = [line for line in text.splitlines() if any(word in line for word in ("FATAL:", "PANIC:", "rror:"))]
        reason = (lines or text.splitlines() or ["no reason given"])[-1].strip()
        log_hint = f" (log: {log})" if log else ""
        return SetupError(f"The embedded PostgreSQL in {self._folder} {problem}: {reason}{log_hint}.")


def compute_memory_options(memory_mb: int) -> dict[str, str]:
    """Return the memory settings for a machine with this much memory.

    An HNSW search reads a few thousand random pages. Those outside `shared_buffers` are copied from the page cache of
    the system, which takes longer than the search itself. `maintenance_work_mem` is the limit of one index build, which
    uses what its vectors need; a graph that does not fit is built several times more slowly.
    """
    return {
        "shared_buffers": f"{min(2048, max(128, memory_mb // 16))}MB",
        "maintenance_work_mem": f"{min(8192, max(64, memory_mb // 6))}MB",
    }


def _option_text() -> str:
    options = OPTIONS | compute_memory_options(psutil.virtual_memory().total >> 20)
    if sys.platform == "linux":
        try:
            memory = os.statvfs("/dev/shm")  # noqa: S108 - only its size is read
            small = memory.f_bavail * memory.f_frsize < SMALL_SHARED_MEMORY
        except OSError:
            small = True
        if small:
            options["dynamic_shared_memory_type"] = "mmap"
    return " ".join(f"-c {name}='{value}'" for name, value in options.items())
