"""The folder of the embedded servers: who owns it, its locks and logs, and short paths to its sockets."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.process import Account
from pipeline.errors import DiskFull, RefdeskError, SetupError

SERVER_ACCOUNT = "refdesk"
"""The system user that root runs the servers as; made when missing."""

LOCK_TIMEOUT_S = 360.0
MAX_LOG_BYTES = 10_000_000
MAX_SOCKET_PATH_BYTES = 100
"""Longest socket path handed out; Linux takes 107 bytes, macOS 103."""

PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
"""Paths that mean the same in a database URL, in a broker URL and in a shell; libpq, for one, splits at a comma."""


@dataclass(frozen=True, slots=True)
class ServerHome:
    """A prepared home folder."""

    path: Path
    account: Account

    def make_folder(self, name: str) -> Path:
        """Make a private folder of the account inside the home, if it is missing."""
        folder = self.path / name
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return folder
        change_owner(folder, self.account)
        return folder

    def open_log(self, program: str) -> tuple[int, Path]:
        """Open a server's log for appending; a log that grew large is set aside first, replacing the one before."""
        path = self.make_folder("log") / f"{program}.log"
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return self._open(path), path

    @contextmanager
    def hold_start_lock(self) -> Iterator[None]:
        """Hold the lock under which servers are started and stopped; one command at a time."""
        handle = self._open(self.make_folder("run") / "start.lock")
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while not try_acquire_lock(handle, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise SetupError(
                        f"Another command has been starting the servers in {self.path} for minutes; stop it."
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(handle)

    def acquire_users_lock(self) -> int:
        """Enter the users of this home; the returned lock leaves when it is closed, or when the process dies."""
        handle = self._open(self.make_folder("run") / "users.lock")
        fcntl.flock(handle, fcntl.LOCK_SH)
        return handle

    def _open(self, path: Path) -> int:
        # Root opens files in a folder of another user here, so it must not be led elsewhere by a link.
        handle = os.open(
            path,
            os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
        )
        if os.geteuid() == 0:
            os.fchown(handle, self.account.uid, self.account.gid)
        return handle

    def make_short_path(self, name: str) -> Path:
        """Return a path to the folder `name` that fits into a socket address and needs no quoting anywhere.

        Usually that is the folder itself; else a link to it in a private folder of ours under /tmp.
        """
        folder = self.path / name
        if PLAIN_PATH.fullmatch(str(folder)) and len(str(folder)) + len("/.s.PGSQL.5432") <= MAX_SOCKET_PATH_BYTES:
            return folder
        alias = self._alias()
        try:
            alias.mkdir(mode=0o700)
        except FileExistsError:
            found = alias.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != 0o700:
                raise SetupError(
                    f"{alias}, which Refdesk needs because the path of its home is long or unusual, belongs to "
                    "somebody else; remove it, or set REFDESK_HOME to a shorter, plain path."
                ) from None
        link = alias / name
        if not link.is_symlink() or link.readlink() != folder:
            link.unlink(missing_ok=True)
            link.symlink_to(folder)
        return link

    def remove_alias(self) -> None:
        """Remove what `make_short_path` made."""
        if self._alias().is_dir():
            shutil.rmtree(self._alias(), ignore_errors=True)

    def _alias(self) -> Path:
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path("/tmp", f"refdesk-{os.geteuid()}-{digest}")  # noqa: S108  # owner and mode are checked on every use


def prepare_home(path: Path) -> ServerHome:
    """Make the home folder if it is missing and find the account of its servers; no existing folder's mode changes."""
    with translate_os_errors(path):
        if os.geteuid() == 0:
            account = _find_account_for_root(path)
            missing = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
            if missing:
                path.chmod(0o711)  # the account must be able to reach programs that are copied in here
        else:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            account = Account(os.geteuid(), os.getegid(), _find_user_name(os.geteuid()))
        return ServerHome(path, account)


@contextmanager
def translate_os_errors(home: Path) -> Iterator[None]:
    """Turn errors of the file system into one sentence that names the folder and the way out."""
    try:
        yield
    except RefdeskError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(format_disk_full(home)) from error
        place = error.filename or home
        raise SetupError(
            f"The folder of the embedded servers cannot be used: {place}: {error.strerror}; mend that, or set "
            f"REFDESK_HOME to a folder that you may write (now {home})."
        ) from error


def format_disk_full(home: Path) -> str:
    """Say that the disk is full, and what helps."""
    return (
        f"The disk that holds {home} is full; free some space there, or set REFDESK_HOME to a folder on another disk."
    )


def try_acquire_lock(handle: int, kind: int) -> bool:
    """Take a lock if it is free."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def change_owner(path: Path, account: Account) -> None:
    """Give a path that root just made to the account."""
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _find_account_for_root(home: Path) -> Account:
    # Whoever has used this home before keeps it: `sudo refdesk …` must not lock its user out.
    for folder in (home / "postgres", home / "redis", home):
        try:
            found = folder.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if found.st_uid != 0:
            return Account(found.st_uid, found.st_gid, _find_user_name(found.st_uid))
    entry = _find_passwd_entry(SERVER_ACCOUNT) or _create_account() or _find_passwd_entry("nobody")
    if entry is None:
        raise SetupError(
            f"PostgreSQL refuses to run as root and the system user {SERVER_ACCOUNT} could not be made; "
            f"add it (useradd --system {SERVER_ACCOUNT}), or run Refdesk as an ordinary user."
        )
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _create_account() -> pwd.struct_passwd | None:
    nowhere = "/nonexistent"
    for command in (
        [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            nowhere,
            SERVER_ACCOUNT,
        ],
        [
            "adduser",
            "-S",
            "-D",
            "-H",
            "-h",
            nowhere,
            SERVER_ACCOUNT,
        ],  # BusyBox, as in Alpine
    ):
        if shutil.which(command[0]):
            # It may fail because another command makes the same account right now; what counts is that it is there.
            subprocess.run(command, check=False, capture_output=True)
            if entry := _find_passwd_entry(SERVER_ACCOUNT):
                return entry
    return None


def _find_passwd_entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _find_user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
