"""The recognised images of a file: the state of an attempt, kept on disk so that a later attempt continues it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

KEEP_DAYS = 2
"""Days after which the recognised pages of a file that was not added are deleted."""
IDLE_S = 600
"""Seconds without a new page after which no process is reading the file any more."""
ATTEMPTS = 2
"""Processes that an image may end before it is reported as unread: the first may have ended for an earlier image."""
MAX_LOST_IN_A_ROW = 3
"""Images in succession that may be lost before the rest of the file is given up."""


class RecognisedPages:
    """Collects the results of text recognition for one file."""

    def __init__(self, folder: Path | None, content: bytes) -> None:
        """Read the results of an earlier attempt; without a folder, results are kept in memory only."""
        self._path = None if folder is None else folder / f"{hashlib.sha256(content).hexdigest()}-{_version()}.jsonl"
        self._results: dict[int, dict[str, Any]] = {}
        self._deaths: dict[int, int] = {}
        self._lost: set[int] = set()
        self._running: dict[str, Any] | None = None
        if self._path is not None and self._path.exists():
            self._load(self._path)

    @property
    def running(self) -> dict[str, Any] | None:
        """The message about the image that is being recognised: `number` in the file, `done` of `total`."""
        return self._running

    def build_request(self) -> dict[str, Any]:
        """Return the fields of the request that continue an earlier attempt."""
        return {"recognised": self._results, "lost": sorted(self._lost)}

    def handle(self, message: dict[str, Any]) -> None:
        """Record a message of the child process."""
        if message.pop("event") == "started":
            self._running = message
            return
        self._running = None
        self._results[message["number"]] = message
        self._append(message)

    def note_death(self) -> bool:
        """Record that the child process ended; return False if it was not recognising an image."""
        if self._running is None:
            return False
        number = self._running["number"]
        self._deaths[number] = self._deaths.get(number, 0) + 1
        if self._deaths[number] >= ATTEMPTS:
            self._lost.add(number)
        if self._lost.issuperset(range(number - MAX_LOST_IN_A_ROW + 1, number + 1)):
            self._lost.update(range(number, number + self._running["total"] - self._running["done"]))
        self._running = None
        return True

    def discard(self) -> None:
        """Delete the results from disk."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _load(self, path: Path) -> None:
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError, KeyError):  # the last line is incomplete if the worker was killed
                message = json.loads(line)
                self._results[message["number"]] = message

    def _append(self, message: dict[str, Any]) -> None:
        """Add a result to the file; a full disk only means that a later attempt starts anew."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            if not self._path.exists():
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _sweep(self._path.parent)
            with self._path.open("ab") as file:
                file.write(json.dumps(message).encode() + b"\n")


def list_stored(folder: Path) -> dict[Path, str]:
    """Return the files of recognised pages that no process is writing, with the SHA-256 of the document in hex."""
    found = {}
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - IDLE_S:
                found[path] = path.name.partition("-")[0]
    return found


def _sweep(folder: Path) -> None:
    oldest = time.time() - KEEP_DAYS * 86_400
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


@cache
def _version() -> str:
    """Return the versions on which the results and their order depend."""
    versions = []
    for package in ("refdesk", "rapidocr"):
        with contextlib.suppress(PackageNotFoundError):
            versions.append(version(package))
    return "-".join(versions)
