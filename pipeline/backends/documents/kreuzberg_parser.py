"""The `Parser` port with kreuzberg in a child process, which is reused, limited, and killed if necessary."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from pipeline import errors
from pipeline.backends.documents.parser_child import LENGTH, THREADS
from pipeline.backends.documents.private_folder import PrivateFolder
from pipeline.backends.documents.recognised_pages import RecognisedPages
from pipeline.backends.documents.recognition import OcrLimits
from pipeline.errors import (
    Cancelled,
    InvalidInput,
    MissingExtra,
    ParserCrashed,
    ParserKilled,
    ParserOutOfMemory,
    ParseTimeout,
)
from pipeline.types import Block, ParsedDocument, Source, Unread

FILES_PER_CHILD = 5000
"""Files that one child process reads before it is replaced, which bounds memory leaks of libraries."""
BYTES_PER_CHILD = 100_000_000
"""Bytes of these files after which it is replaced, for the same reason."""
POLL_S = 0.2
EXIT_WAIT_S = 0.5
"""Seconds for a child that has closed its output to end by itself."""
MAX_KILLS = 3
"""How often one file is read again because something else killed the child."""
EXTERNAL_SIGNALS = (-signal.SIGKILL, -signal.SIGTERM)
"""Exit statuses of a child that the system or an administrator killed: no error of a library causes these."""
OUTPUT_BYTES = 4000
OUT_OF_MEMORY = ("memory allocation of", "bad_alloc", "MemoryError", "Cannot allocate memory")
"""What libraries print before they end the process because they get no memory."""
MIN_REPLY_BYTES = 64 << 20

# The process that reads untrusted files gets no other environment variables, in particular no secrets.
_PASSED_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class _ChildDied(Exception):
    """The child ended before its reply was complete."""


class _Deadline:
    """The time limit of a file, which excludes the recognition of images, and that of each image."""

    def __init__(self, timeout_s: float, page_timeout_s: float) -> None:
        self._page_timeout_s = page_timeout_s
        self._at = time.monotonic() + timeout_s
        self._left_s: float | None = None

    def start_page(self) -> None:
        now = time.monotonic()
        self._left_s = self._at - now
        self._at = now + self._page_timeout_s

    def end_page(self) -> None:
        self._at = time.monotonic() + (self._left_s or 0)

    @property
    def passed(self) -> bool:
        return time.monotonic() > self._at


class KreuzbergParser:
    """Parses files in a child process; safe to share between threads, one file at a time."""

    def __init__(
        self,
        timeout_s: float = 120,
        memory_mb: int = 2048,
        max_unpacked_mb: float = 500,
        ocr: OcrLimits | None = None,
        pages_folder: Path | None = None,
    ) -> None:
        """Set the limits for one file; the child process starts with the first file.

        Args:
            timeout_s: Seconds for everything but text recognition.
            memory_mb: Megabytes of memory for the file.
            max_unpacked_mb: Megabytes of a zip-based file when unpacked.
            ocr: Limits of text recognition; None switches it off.
            pages_folder: Where recognised pages are kept until their document is stored; in memory only if None.
        """
        self._timeout_s = timeout_s
        self._memory_mb = memory_mb
        # A child within its memory limit cannot build a longer reply.
        self._max_reply_bytes = (memory_mb << 20) + MIN_REPLY_BYTES
        self._ocr = ocr
        self._limits = json.dumps(
            {
                "memory_mb": memory_mb,
                "timeout_s": timeout_s,
                "max_unpacked_mb": max_unpacked_mb,
                "ocr": None if ocr is None else dataclasses.asdict(ocr),
            }
        )
        self._pages_folder = pages_folder
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: PrivateFolder | None = None
        self._output: IO[bytes] | None = None
        self._owner = 0
        self._files = 0
        self._bytes = 0

    def parse(
        self,
        source: Source,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        on_page: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> ParsedDocument:
        """Parse one source; raise an `InvalidInput` with the reason if it cannot be read, or `Cancelled`."""
        pages = RecognisedPages(self._pages_folder, source.content)
        with self._lock:
            reply = self._exchange_with_retries(source, pages, cancelled, on_page)
        if "error" in reply:
            raise self._restore_error(str(reply["error"]), str(reply["message"]), source.name)
        return _restore_document(reply)

    def discard_pages(self, source: Source) -> None:
        """Delete the recognised pages of a source."""
        RecognisedPages(self._pages_folder, source.content).discard()

    def close(self) -> None:
        """End the child process."""
        with self._lock:
            self._kill()

    def _exchange_with_retries(
        self,
        source: Source,
        pages: RecognisedPages,
        cancelled: Callable[[], bool],
        on_page: Callable[[int, int], None],
    ) -> dict[str, Any]:
        """Parse in a new child process if the current one ends, without the image that ended it repeatedly."""
        kills = 0
        try:
            while True:
                fresh = self._ensure_child()
                try:
                    return self._exchange(source, pages, cancelled, on_page)
                except _ChildDied:
                    was_killed, last_words = self._find_cause()
                    self._kill()
                    # An earlier file may have damaged a child that is not fresh, or its starting thread ended.
                    if pages.note_death() or not fresh:
                        continue
                    if not was_killed:
                        raise self._build_crash_error(source.name, last_words) from None
                    kills += 1
                    if kills == MAX_KILLS:
                        raise ParserKilled from None
        except BaseException:
            self._kill()  # a late reply would be read as the reply to the next file
            raise

    def _ensure_child(self) -> bool:
        alive = self._child is not None and self._owner == os.getpid() and self._child.poll() is None
        if alive and self._files < FILES_PER_CHILD and self._bytes < BYTES_PER_CHILD:
            return False
        self._kill()
        # Private, because kreuzberg writes a library into it and loads the one that it finds there.
        self._folder = PrivateFolder()
        environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
        environment |= {
            "TMPDIR": str(self._folder.path),
            "PYTHONPATH": str(Path(errors.__file__).parents[1]),
            "LC_ALL": "C.UTF-8",
            "RAYON_NUM_THREADS": str(THREADS),
            "TOKIO_WORKER_THREADS": str(THREADS),
            "MALLOC_ARENA_MAX": "2",  # each arena reserves 64 MB of the limited address space
        }
        # Without a name: a child that a file has taken over could replace it by a link to another file.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child runs
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "pipeline.backends.documents.confined_child", self._limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            env=environment,
            start_new_session=True,  # the parent handles Ctrl-C
        )
        self._owner, self._files, self._bytes = os.getpid(), 0, 0
        return True

    def _exchange(
        self,
        source: Source,
        pages: RecognisedPages,
        cancelled: Callable[[], bool],
        on_page: Callable[[int, int], None],
    ) -> dict[str, Any]:
        if self._child is None or self._child.stdin is None or self._child.stdout is None:
            raise _ChildDied
        self._files += 1
        self._bytes += len(source.content)
        fields = {"name": source.name, "media_type": source.media_type, **pages.build_request()}
        header = json.dumps(fields).encode("ascii")
        request = b"".join([LENGTH.pack(len(header)), header, LENGTH.pack(len(source.content)), source.content])
        deadline = _Deadline(self._timeout_s, self._ocr.page_timeout_s if self._ocr else 0)

        def check() -> None:
            if cancelled():
                raise Cancelled(f"Reading {source.name} was cancelled.")
            if deadline.passed and pages.running is not None:
                raise _ChildDied
            if deadline.passed:
                raise ParseTimeout(
                    f"Reading {source.name} took longer than {self._timeout_s:g} s. "
                    "Split it or ask the operator to raise REFDESK_PARSE_TIMEOUT_S."
                )

        for body in _transfer(self._child.stdin, self._child.stdout, request, check, self._max_reply_bytes):
            message: dict[str, Any] = json.loads(body)
            if "event" not in message:
                return message
            pages.handle(message)
            if pages.running is None:
                deadline.end_page()
            else:
                deadline.start_page()
                on_page(pages.running["done"], pages.running["total"])
        raise _ChildDied

    def _find_cause(self) -> tuple[bool, str]:
        """Return whether something else killed the child that died, and the end of its error output."""
        if self._child is None or self._output is None:
            return False, ""
        status = None
        with contextlib.suppress(subprocess.TimeoutExpired):  # its pipe closes shortly before it has ended
            status = self._child.wait(EXIT_WAIT_S)
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - OUTPUT_BYTES))
        last_words = self._output.read(OUTPUT_BYTES).decode("utf-8", "replace")
        return status in EXTERNAL_SIGNALS, last_words

    def _kill(self) -> None:
        child, self._child = self._child, None
        folder, self._folder = self._folder, None
        output, self._output = self._output, None
        if child is None:
            return
        if self._owner == os.getpid():
            child.kill()
            child.wait()
            if folder is not None:
                folder.delete()
        for pipe in (child.stdin, child.stdout, output):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _build_crash_error(self, source_name: str, last_words: str = "") -> InvalidInput:
        if any(words in last_words for words in OUT_OF_MEMORY):
            return self._build_memory_error(source_name)
        return ParserCrashed(
            f"The parser process crashed on {source_name}, probably because of an error in a library. Save the file in "
            "another format and add it again."
        )

    def _build_memory_error(self, source_name: str) -> ParserOutOfMemory:
        return ParserOutOfMemory(
            f"Reading {source_name} needs more than {self._memory_mb} MB of memory. "
            "Split it or ask the operator to raise REFDESK_PARSE_MEMORY_MB."
        )

    def _restore_error(self, name: str, message: str, source_name: str) -> errors.RefdeskError:
        kind = getattr(errors, name, ParserCrashed)
        if kind is MissingExtra:
            return MissingExtra(message)
        if kind is ParserOutOfMemory:
            return self._build_memory_error(source_name)
        if kind is ParserCrashed or not (isinstance(kind, type) and issubclass(kind, InvalidInput)):
            return self._build_crash_error(source_name)
        sentence = message or str(kind())
        return kind(sentence if source_name in sentence else f"{source_name}: {sentence}")


def _transfer(
    to_child: IO[bytes], from_child: IO[bytes], request: bytes, check: Callable[[], None], max_bytes: int
) -> Iterator[bytes]:
    """Write the request and yield the messages of the child without ever blocking longer than `POLL_S`."""
    os.set_blocking(to_child.fileno(), False)
    unsent = memoryview(request)
    received = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(to_child, selectors.EVENT_WRITE)
        selector.register(from_child, selectors.EVENT_READ)
        while True:
            check()
            for key, _ in selector.select(POLL_S):
                if key.fileobj is to_child:
                    try:
                        unsent = unsent[os.write(to_child.fileno(), unsent[:65_536]) :]
                    except BrokenPipeError:
                        raise _ChildDied from None
                    if not unsent:
                        selector.unregister(to_child)
                    continue
                part = os.read(from_child.fileno(), 1 << 20)
                if not part:
                    raise _ChildDied
                received += part
                if len(received) > max_bytes:
                    raise _ChildDied
            while len(received) >= LENGTH.size and len(received) >= (
                end := LENGTH.size + LENGTH.unpack_from(received)[0]
            ):
                message = bytes(received[LENGTH.size : end])
                del received[:end]
                yield message


def _restore_document(reply: dict[str, object]) -> ParsedDocument:
    fields: dict[str, object] = dict(reply)
    blocks = reply["blocks"]
    fields["blocks"] = tuple(
        Block(block["text"], tuple(block["headings"]), block["page"], block["confidence"])
        for block in (blocks if isinstance(blocks, list) else ())
    )
    warnings = reply["warnings"]
    fields["warnings"] = tuple(warnings if isinstance(warnings, list) else ())
    unread = reply["unread"]
    fields["unread"] = tuple(Unread(**part) for part in (unread if isinstance(unread, list) else ()))
    return ParsedDocument(**fields)  # type: ignore[arg-type]
