"""Run, find and stop the programs of the embedded servers."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipeline.errors import SetupError

DEFAULT_PATH = os.defpath
CONNECT_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that the servers run as and that owns their folders."""

    uid: int
    gid: int
    name: str

    @property
    def popen_options(self) -> dict[str, Any]:
        """Options of `subprocess` that start a program as this user; empty if it is the current user."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def run_program(
    command: Sequence[str | Path],
    account: Account,
    *,
    folder: Path,
    text: str = "",
    output: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` and wait for it; its output goes to the open file `output`, or is returned.

    The working folder is changed before root's privileges are dropped, so the account needs access to the folder but
    not to its parents. The environment is minimal, because PG* variables would redirect the programs. The new session
    protects processes that keep running from Ctrl-C in the terminal.
    """
    try:
        return subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", DEFAULT_PATH), "LC_ALL": "C"},
            input=text,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            check=False,
            **account.popen_options,
        )
    except OSError as error:
        raise SetupError(
            f"The system user {account.name} cannot run {command[0]}: {error.strerror}. "
            "Run Refdesk as an ordinary user, or set DATABASE_URL and REDIS_URL to your own servers."
        ) from error


def accepts_connections(socket_path: Path) -> bool:
    """Return whether a server listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(CONNECT_TIMEOUT_S)
        try:
            client.connect(str(socket_path))
        except TimeoutError:
            return True  # it listens and is too busy to accept
        except OSError:
            return False
        return True


def find_servers(folder: Path, program: str | tuple[str, ...]) -> list[psutil.Process]:
    """Find the running processes of a program, or of several, whose working folder is `folder`.

    The working folder is more reliable than a pid file, which remains after a crash and may then refer to another
    process. The servers of a deleted folder with this path are included, because no other command would stop them.
    """
    processes = []
    for process in psutil.process_iter():
        try:
            # The name is checked first: it is readable for every process and excludes nearly all of them.
            if not process.name().startswith(program) or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if _has_working_folder(process, folder):
                processes.append(process)
        except (psutil.Error, OSError):
            continue
    return processes


def _has_working_folder(process: psutil.Process, folder: Path) -> bool:
    link = Path(f"/proc/{process.pid}/cwd")
    if not link.is_symlink():
        return Path(process.cwd()).samefile(folder)
    # The link's target is compared and not its text: a container may have a folder with the same path.
    target = link.stat()
    if target.st_nlink == 0:
        return str(link.readlink()) == f"{folder.resolve()} (deleted)"
    return os.path.samestat(target, folder.stat())


def find_parent(process: psutil.Process) -> int | None:
    """Return the ID of the parent of a process; None if the process has ended."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def stop_servers(
    folder: Path,
    program: str | tuple[str, ...],
    first: Sequence[psutil.Process],
    signals: Sequence[tuple[int, float]],
) -> None:
    """Send signals until no process of `program` runs in `folder`.

    Args:
        folder: The working folder of the processes.
        program: Beginning of the process name, or several.
        first: Processes that get the first signal; later ones go to all that still run.
        signals: Pairs of a signal and the seconds to wait after it.
    """
    targets = first
    for number, timeout_s in signals:
        for process in targets:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        deadline = time.monotonic() + timeout_s
        while targets := find_servers(folder, program):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return
