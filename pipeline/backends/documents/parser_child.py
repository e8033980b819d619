"""The parser's child process: reads files from standard input and writes parsed documents to standard output.

    python -m pipeline.backends.documents.confined_child LIMITS

LIMITS is a JSON object: `memory_mb`, `timeout_s`, `max_unpacked_mb`, and in `ocr` the limits of text recognition, or
null if it is switched off. Every message is an 8-byte length followed by that many bytes. A request is a JSON
header and then the content. The reply is one JSON document: the fields of a `ParsedDocument`, or `error` (the name of
an error class) and `message`. Messages with an `event` come before it: text recognition `started` with an image or
`recognised` one, see `PageRecogniser`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from pipeline import errors
from pipeline.backends.documents.extraction import extract
from pipeline.backends.documents.recognition import (
    NOT_INSTALLED,
    SWITCHED_OFF,
    NoRecogniser,
    OcrLimits,
    RecognisedImage,
    Recogniser,
)
from pipeline.types import Source

LENGTH = struct.Struct(">Q")
THREADS = 2
"""Threads of the libraries."""
MAX_WRITTEN_BYTES = 64 << 20
"""Maximum size of a file that the libraries write; kreuzberg writes a library of 8 MB."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until the input ends."""
    limits = json.loads(sys.argv[1])
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")

    def send(message: dict[str, Any]) -> None:
        body = json.dumps(message, ensure_ascii=True).encode("ascii")
        replies.write(LENGTH.pack(len(body)) + body)
        replies.flush()

    # Output that libraries print must not reach the pipe to the parent. Standard error is a file, from which the parent
    # reads the reason of a crash.
    null_device = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null_device, descriptor)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_WRITTEN_BYTES, MAX_WRITTEN_BYTES))
    _exit_with_parent()
    missing = _load_libraries()
    _limit_memory(limits["memory_mb"])
    while (header := _receive(requests)) is not None:
        content = _receive(requests) or b""
        _limit_cpu(limits["timeout_s"])
        request = json.loads(header)
        if missing:
            send({"error": "MissingExtra", "message": missing})
            continue
        recogniser = _build_recogniser(request, limits, send)
        send(
            _build_reply(Source(request["name"], content, request["media_type"]), limits["max_unpacked_mb"], recogniser)
        )


def _build_reply(source: Source, max_unpacked_mb: float, recogniser: Recogniser) -> dict[str, Any]:
    try:
        return dataclasses.asdict(extract(source, max_unpacked_mb=max_unpacked_mb, recogniser=recogniser))
    except errors.InvalidInput as error:
        return {"error": error.name, "message": str(error)}
    except MemoryError:
        return {"error": "ParserOutOfMemory", "message": ""}
    except RecursionError:
        return {"error": "UnreadableFile", "message": f"{source.name} is nested too deeply to be read."}
    except Exception as error:  # noqa: BLE001 - libraries raise many kinds of errors for damaged files
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        return {
            "error": "UnreadableFile",
            "message": f"{source.name} could not be read ({kind}); it is probably damaged. "
            "Open it, save it again and add the new copy.",
        }


def _build_recogniser(
    request: dict[str, Any], limits: dict[str, Any], send: Callable[[dict[str, Any]], None]
) -> Recogniser:
    if limits["ocr"] is None:
        return NoRecogniser(SWITCHED_OFF)
    if not all(importlib.util.find_spec(name) for name in ("rapidocr", "openvino")):
        return NoRecogniser(NOT_INSTALLED)
    from pipeline.backends.documents.ocr import PageRecogniser

    ocr = OcrLimits(**limits["ocr"])

    def notify(message: dict[str, Any]) -> None:
        if message["event"] == "started":
            _load_engine(limits["memory_mb"])
            _limit_cpu(ocr.page_timeout_s)
        else:
            _limit_cpu(limits["timeout_s"])
        send(message)

    results = {
        int(number): RecognisedImage(result["outcome"], tuple(result["paragraphs"]), result["confidence"])
        for number, result in request["recognised"].items()
    }
    return PageRecogniser(results, request["lost"], ocr.max_images, notify)


@cache
def _load_engine(memory_mb: int) -> None:
    """Load the engine of text recognition outside the memory limit, which then covers the file only."""
    from pipeline.backends.documents.ocr_engine import load_engine

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    load_engine()
    _limit_memory(memory_mb)


def _receive(stream: BinaryIO) -> bytes | None:
    length = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(length)[0]) if len(length) == LENGTH.size else None


def _exit_with_parent() -> None:
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit()


def _load_libraries() -> str:
    try:
        import chardet
        import kreuzberg
        import pypdfium2
    except ImportError:
        return str(errors.MissingExtra.for_part("the document parser", "worker"))
    # Loaded before the memory limit is set, so that the limit covers the file only.
    versions = (chardet.__version__, kreuzberg.__version__, pypdfium2.PYPDFIUM_INFO)
    return "" if all(versions) else "kreuzberg is damaged."


def _limit_memory(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    base = int(statm.read_text("ascii").split()[0]) * resource.getpagesize() if statm.exists() else 1 << 30
    limit = base + (memory_mb << 20)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _limit_cpu(timeout_s: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + THREADS * timeout_s) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
