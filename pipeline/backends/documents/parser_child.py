"""The parser's child process: reads files from standard input and writes parsed documents to standard output.

    python -m pipeline.backends.documents.parser_child MEMORY_MB CPU_S MAX_UNPACKED_MB

Every message is an 8-byte length followed by that many bytes. A request is a JSON header and then the content. A reply
is one JSON document: the fields of a `ParsedDocument`, or `error` (the name of an error class) and `message`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from pipeline import errors
from pipeline.backends.documents.extraction import extract
from pipeline.types import Source

LENGTH = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until the input ends."""
    memory_mb, cpu_s, max_unpacked_mb = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    # Output that libraries print must not reach the pipe to the parent.
    null_device = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null_device, descriptor)
    _exit_with_parent()
    missing = _load_libraries()
    _limit_memory(memory_mb)
    while (header := _receive(requests)) is not None:
        content = _receive(requests) or b""
        _limit_cpu(cpu_s)
        request = json.loads(header)
        reply = (
            {"error": "MissingExtra", "message": missing}
            if missing
            else _build_reply(Source(request["name"], content, request["media_type"]), max_unpacked_mb)
        )
        body = json.dumps(reply, ensure_ascii=True).encode("ascii")
        replies.write(LENGTH.pack(len(body)) + body)
        replies.flush()


def _build_reply(source: Source, max_unpacked_mb: float) -> dict[str, object]:
    try:
        return dataclasses.asdict(extract(source, max_unpacked_mb=max_unpacked_mb))
    except errors.InvalidInput as error:
        return {"error": error.name, "message": str(error)}
    except MemoryError:
        return {"error": "ParserCrashed", "message": ""}
    except RecursionError:
        return {"error": "UnreadableFile", "message": f"{source.name} is nested too deeply to be read."}


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


def _limit_cpu(cpu_s: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


if __name__ == "__main__":
    main()
