"""The temporary folder of a parser process, and the removal of those that killed workers left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path

PREFIX = "refdesk-parser-"
STALE_AFTER_S = 3600
"""Age below which a folder without a lock is left: its owner may not have locked it yet."""


class PrivateFolder:
    """A folder that only this user can enter, locked until this process ends."""

    def __init__(self) -> None:
        """Create the folder, and delete those of processes that have ended."""
        _delete_stale(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._finalizer = weakref.finalize(self, _delete, self.path, _lock(self.path))

    def delete(self) -> None:
        """Delete the folder with its contents; the end of the program does it too."""
        self._finalizer()


def _delete_stale(parent: Path) -> None:
    oldest = time.time() - STALE_AFTER_S
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if status.st_uid != os.geteuid() or status.st_mtime > oldest:
                continue
            lock = _lock(path)
            if lock is not None:
                _delete(path, lock)


def _delete(path: Path, lock: int | None) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def _lock(path: Path) -> int | None:
    """Lock a folder; return None if another process has locked it."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
