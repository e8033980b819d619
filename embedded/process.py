"""Running server programs for the embedded servers: under which account, found again how, stopped how."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipeline.errors import SetupError

DEFAULT_PATH = os.defpath


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that the servers run as and that owns their folders."""

    uid: int
    gid: int
    name: str

    @property
    def popen_options(self) -> dict[str, Any]:
        """What `subprocess` needs to start a program as this user; nothing when that is already who we are."""
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
    """Run a program inside `folder` and wait for it; its output goes to the open file `output`, or is returned.

    The folder is entered before root's rights are dropped, so the account needs a way into the folder itself only, not
    through its parents. The environment is bare (PG* variables would redirect the programs), and the new session keeps
    Ctrl-C of the terminal away from what stays running.
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
            f"{command[0]} cannot be run as the system user {account.name} ({error.strerror}); "
            "run Refdesk as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of your own."
        ) from error


def find_servers(folder: Path, program: str) -> list[psutil.Process]:
    """Find the living processes of `program` that work in `folder`.

    A process's working folder tells more than a pid file: it survives no crash, and no other program can inherit it.
    Servers of an earlier folder of this path, deleted under them, count too: nobody else will ever stop them.
    """
    found = []
    for process in psutil.process_iter():
        try:
            # The name comes first: it is readable for every process and rules out nearly all.
            if not process.name().startswith(program) or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if _has_working_folder(process, folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _has_working_folder(process: psutil.Process, folder: Path) -> bool:
    link = Path(f"/proc/{process.pid}/cwd")
    if not link.is_symlink():
        return Path(process.cwd()).samefile(folder)
    # Through the link rather than by its text: a container beside us may have a folder of the same path.
    where = link.stat()
    if where.st_nlink == 0:
        return str(link.readlink()) == f"{folder.resolve()} (deleted)"
    return os.path.samestat(where, folder.stat())


def stop_servers(
    folder: Path,
    program: str,
    first: Sequence[psutil.Process],
    signals: Sequence[tuple[int, float]],
) -> None:
    """Signal `first`, then all that is left in the folder, with ever harder signals until nothing lives.

    `signals` holds pairs of a signal and the seconds to wait after it.
    """
    targets = first
    for number, patience_s in signals:
        for process in targets:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        deadline = time.monotonic() + patience_s
        while targets := find_servers(folder, program):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return
