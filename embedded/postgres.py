"""The embedded PostgreSQL: made, started, adopted and stopped inside a home folder, reached through a Unix socket."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from embedded.home import ServerHome, change_owner, format_disk_full
from embedded.process import find_servers, run_program, stop_servers
from embedded.programs import POSTGRES_MAJOR, find_postgres, find_runnable_programs
from pipeline.errors import DiskFull, SetupError

PROGRAM = "postgres"
FOLDER = "postgres"
UNFINISHED = "postgres.new"
NAME = "refdesk"
"""Name of the database and of the superuser who owns it."""

SOCKET = ".s.PGSQL.5432"
START_TIMEOUT_S = 300
"""Long enough to replay the log of a killed server with a large database."""
REJECTING = 1
"""What pg_isready answers while the server starts, recovers or stops."""
SMALL_SHARED_MEMORY = 1 << 30
"""Bytes below which /dev/shm (64 MB in a container) cannot hold what a parallel index build shares."""

OPTIONS = {
    # The socket lies in the data folder, which nobody else may enter: that is the whole of the access control.
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "logging_collector": "off",
    "log_destination": "stderr",
}


class EmbeddedPostgres:
    """PostgreSQL in a home folder; its methods are called under the home's start lock."""

    def __init__(self, home: ServerHome) -> None:
        """Remember the home."""
        self._home = home
        self._folder = home.path / FOLDER
        # A server that root starts reaches its folder as its own working folder, whatever its parents allow.
        self._inside = "/proc/self/cwd" if os.geteuid() == 0 and sys.platform == "linux" else None

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"postgresql://{NAME}@/{NAME}?host={self._home.make_short_path(FOLDER)}"

    def start(self) -> None:
        """Adopt the running server, or start one, on a new data folder if there is none."""
        wheel = find_postgres()
        if self._adopt(wheel.bin()):
            return
        programs = find_runnable_programs(wheel, PROGRAM, self._home)
        if not self._exists():
            self._make(programs)
        # No server runs here, so these are left over; their pid may belong to another program by now.
        for name in ("postmaster.pid", SOCKET, f"{SOCKET}.lock"):
            (self._folder / name).unlink(missing_ok=True)
        self._launch(programs)

    def stop(self) -> None:
        """Stop the server, ending its sessions, with all data on disk."""
        # Only the first process is asked (fast shutdown); it sees to its children.
        living = find_servers(self._folder, PROGRAM)
        pids = {process.pid for process in living}
        first = [process for process in living if process.ppid() not in pids]
        stop_servers(
            self._folder,
            PROGRAM,
            first,
            [(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)],
        )

    def _adopt(self, programs: Path) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while living := find_servers(self._folder, PROGRAM):
            answer = subprocess.run(
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
            if answer == 0:
                return True
            if answer != REJECTING or time.monotonic() > deadline:
                # Children of a killed server, or one that lost its socket: nobody can use them any more.
                stop_servers(
                    self._folder,
                    PROGRAM,
                    living,
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
                    f"{self._folder} holds files but no database; move them, or set REFDESK_HOME to another folder."
                ) from None
            return False
        if version != str(POSTGRES_MAJOR):
            raise SetupError(
                f"The database in {self._folder} was made by PostgreSQL {version}, and this Refdesk brings "
                f"{POSTGRES_MAJOR}; use the Refdesk version that made it, or move the folder away to begin anew."
            )
        return True

    def _make(self, programs: Path) -> None:
        # Made under another name and renamed when the database is in it: a data folder is whole or absent.
        folder = self._home.path / UNFINISHED
        for program in ("initdb", PROGRAM):
            stop_servers(folder, program, find_servers(folder, program), [(signal.SIGKILL, 10.0)])
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        change_owner(folder, self._home.account)
        data = self._inside or str(folder)
        letters = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        # The same order and case rules on every machine; letters of all scripts count as letters in keyword search.
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
                raise self._failure("could not be set up", done.stdout)
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

    def _failure(self, what: str, text: str, log: Path | None = None) -> SetupError:
        if "No space left on device" in text or "Disk quota exceeded" in text:
            return DiskFull(format_disk_full(self._home.path))
        lines = [line for line in text.splitlines() if any(word in line for word in ("FATAL:", "PANIC:", "rror:"))]
        reason = (lines or text.splitlines() or ["it gave no reason"])[-1].strip()
        where = f" (its log: {log})" if log else ""
        return SetupError(f"The embedded PostgreSQL in {self._folder} {what}: {reason}{where}.")


def _option_text() -> str:
    options = dict(OPTIONS)
    if sys.platform == "linux":
        try:
            memory = os.statvfs("/dev/shm")  # noqa: S108  # only its size is read
            small = memory.f_bavail * memory.f_frsize < SMALL_SHARED_MEMORY
        except OSError:
            small = True
        if small:
            options["dynamic_shared_memory_type"] = "mmap"
    return " ".join(f"-c {name}='{value}'" for name, value in options.items())
