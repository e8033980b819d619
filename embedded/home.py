"""The home folder of the embedded servers: its owner, locks, logs and short socket paths."""

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
"""The system user that root runs the servers as; created if missing."""

START_LOCK = Path("run", "start.lock")
USERS_LOCK = Path("run", "users.lock")
"""Lock files, below the home folder."""
LOCK_TIMEOUT_S = 360.0
MAX_LOG_BYTES = 10_000_000
MAX_SOCKET_PATH_BYTES = 100
"""Longest socket path in use; Linux allows 107 bytes, macOS 103."""

PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
"""Paths that need no quoting in a database URL, a broker URL or a shell; libpq, for example, splits at a comma."""


def rotate_log(path: Path) -> None:
    """Rename a log above 10 MB to `.log.1`, in place of the one that has this name."""
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))


@dataclass(frozen=True, slots=True)
class ServerHome:
    """A prepared home folder."""

    path: Path
    account: Account

    def make_folder(self, name: str) -> Path:
        """Create a private folder of the account inside the home if it is missing, and return its path."""
        folder = self.path / name
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return folder
        change_owner(folder, self.account)
        return folder

    def open_log(self, program: str) -> tuple[int, Path]:
        """Open a server's log for appending; return descriptor and path. A log above 10 MB is rotated to `.log.1`."""
        path = self.make_folder("log") / f"{program}.log"
        rotate_log(path)
        return self._open(path), path

    @contextmanager
    def hold_start_lock(self) -> Iterator[None]:
        """Hold the lock for starting and stopping servers, which one process at a time can hold."""
        handle = self._open_lock(START_LOCK)
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while not try_acquire_lock(handle, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise SetupError(
                        f"Another process has held the start lock of {self.path} for {LOCK_TIMEOUT_S / 60:.0f} minutes."
                        " Stop that process and try again."
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(handle)

    def acquire_users_lock(self) -> int:
        """Acquire the shared users lock; it is released when the returned descriptor is closed or the process ends."""
        handle = self._open_lock(USERS_LOCK)
        fcntl.flock(handle, fcntl.LOCK_SH)
        return handle

    def _open_lock(self, name: Path) -> int:
        self.make_folder(str(name.parent))
        return self._open(self.path / name)

    def _open(self, path: Path) -> int:
        # Root opens files in another user's folder here and must not follow a symbolic link to somewhere else.
        handle = os.open(
            path,
            os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
        )
        if os.geteuid() == 0:
            os.fchown(handle, self.account.uid, self.account.gid)
        return handle

    def make_short_path(self, name: str) -> Path:
        """Return a path to the folder `name` that fits into a socket address and needs no quoting.

        Usually this is the folder itself, otherwise a symbolic link to it in a private folder under /tmp.
        """
        folder = self.path / name
        if PLAIN_PATH.fullmatch(str(folder)) and len(str(folder)) + len("/.s.PGSQL.5432") <= MAX_SOCKET_PATH_BYTES:
            return folder
        alias = self._alias()
        try:
            alias.mkdir(mode=0o700)
        except FileExistsError:
            status = alias.lstat()
            if (
                not stat.S_ISDIR(status.st_mode)
                or status.st_uid != os.geteuid()
                or stat.S_IMODE(status.st_mode) != 0o700
            ):
                raise SetupError(
                    f"{alias} must be a private folder (mode 700) of the current user; it is needed because the path"
                    " of REFDESK_HOME is long or has special characters. Remove it, or set REFDESK_HOME to a shorter,"
                    " plain path."
                ) from None
        link = alias / name
        if not link.is_symlink() or link.readlink() != folder:
            link.unlink(missing_ok=True)
            link.symlink_to(folder)
        return link

    def remove_alias(self) -> None:
        """Remove the links that `make_short_path` created."""
        if self._alias().is_dir():
            shutil.rmtree(self._alias(), ignore_errors=True)

    def _alias(self) -> Path:
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path("/tmp", f"refdesk-{os.geteuid()}-{digest}")  # noqa: S108 - owner and mode are checked at each use


def prepare_home(path: Path) -> ServerHome:
    """Create the home folder if it is missing and find the account of its servers; existing modes do not change."""
    with translate_os_errors(path):
        if os.geteuid() == 0:
            account = _find_account_for_root(path)
            missing = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
            if missing:
                path.chmod(0o711)  # the account must reach programs that are copied into the home
        else:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            account = Account(os.geteuid(), os.getegid(), _find_user_name(os.geteuid()))
        return ServerHome(path, account)


@contextmanager
def translate_os_errors(home: Path) -> Iterator[None]:
    """Translate file system errors into errors that name the folder and the fix."""
    try:
        yield
    except RefdeskError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(format_disk_full(home)) from error
        place = error.filename or home
        raise SetupError(
            f"The embedded servers cannot use {place}: {error.strerror}. Fix this, or set REFDESK_HOME to a writable"
            f" folder (now {home})."
        ) from error


def format_disk_full(home: Path) -> str:
    """Return the error message for a full disk."""
    return f"The disk of {home} is full. Free some space, or set REFDESK_HOME to a folder on another disk."


def try_acquire_lock(handle: int, kind: int) -> bool:
    """Acquire a lock if it is free; return whether it was."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def change_owner(path: Path, account: Account) -> None:
    """Change the owner of a path that root has just created to the account."""
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _find_account_for_root(home: Path) -> Account:
    # The previous owner keeps the home: `sudo refdesk …` must not lock out the user who runs Refdesk otherwise.
    for folder in (home / "postgres", home / "redis", home):
        try:
            status = folder.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if status.st_uid != 0:
            return Account(status.st_uid, status.st_gid, _find_user_name(status.st_uid))
    entry = _find_passwd_entry(SERVER_ACCOUNT) or _create_account() or _find_passwd_entry("nobody")
    if entry is None:
        raise SetupError(
            f"PostgreSQL refuses to run as root and the system user {SERVER_ACCOUNT} could not be created. "
            f"Add it (useradd --system {SERVER_ACCOUNT}), or run Refdesk as an ordinary user."
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
        ],  # BusyBox, for example in Alpine
    ):
        if shutil.which(command[0]):
            # Another process may create the same account at this moment, so the exit code does not matter.
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
