"""Sources named on the command line: files, folders, links and standard input."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import FileTooLarge, InvalidInput, LinkNotAllowed, RefdeskError, UnreadableFile
from pipeline.text.cleaning import escape_undecodable

SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class IngestSource:
    """One source to ingest, or the reason why it cannot be ingested."""

    argument: str
    """The argument as given, for messages."""
    identity: str = ""
    """Key of the source in the store; the same key again creates a new version."""
    path: Path | None = None
    content: bytes | None = None
    url: str | None = None
    error: RefdeskError | None = None

    @property
    def name(self) -> str:
        """File name or link."""
        return escape_undecodable(self.path.name) if self.path is not None else self.argument


def find_sources(arguments: Sequence[str], *, max_bytes: int) -> Iterator[IngestSource]:
    """Yield the sources of the arguments; folders are read recursively without hidden files."""
    for argument in arguments:
        if argument == "-":
            yield _from_stdin(max_bytes)
        elif argument.lower().startswith(SCHEMES):
            link = escape_undecodable(argument.partition("#")[0])  # a fragment names a place in the same page
            yield IngestSource(link, link, url=link)
        elif "://" in argument and not Path(argument).exists():
            yield IngestSource(
                escape_undecodable(argument),
                error=LinkNotAllowed(f"{argument} is not a web link; use http://, https:// or a file."),
            )
        else:
            yield from _from_path(argument, max_bytes)


def read_file(path: Path) -> bytes:
    """Read a file or raise `UnreadableFile`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{escape_undecodable(str(path))} cannot be read: {error.strerror}.") from error


def _from_stdin(max_bytes: int) -> IngestSource:
    content = sys.stdin.buffer.read(max_bytes + 1)
    if len(content) > max_bytes:
        return IngestSource("-", error=_too_large("Standard input", max_bytes))
    if not content:
        return IngestSource("-", error=InvalidInput("Standard input is empty; pipe a document into it."))
    return IngestSource("-", f"stdin:{hashlib.sha256(content).hexdigest()[:16]}", content=content)


def _from_path(argument: str, max_bytes: int) -> Iterator[IngestSource]:
    path = Path(argument).expanduser()
    if path.is_dir():
        files = sorted(entry for entry in path.rglob("*") if entry.is_file() and not _hidden(entry, path))
        if not files:
            yield IngestSource(
                escape_undecodable(argument), error=InvalidInput(f"The folder {argument} contains no files.")
            )
        for file in files:
            yield _from_file(str(file), file, max_bytes)
    elif path.exists():
        yield _from_file(argument, path, max_bytes)
    else:
        yield IngestSource(escape_undecodable(argument), error=InvalidInput(f"No such file or folder: {argument}."))


def _from_file(argument: str, path: Path, max_bytes: int) -> IngestSource:
    if not path.is_file():
        return IngestSource(
            escape_undecodable(argument), error=InvalidInput(f"{argument} is neither a file nor a folder.")
        )
    size = path.stat().st_size
    if size > max_bytes:
        return IngestSource(
            escape_undecodable(argument), path=path, error=_too_large(f"{argument} ({size / 1e6:.1f} MB)", max_bytes)
        )
    return IngestSource(escape_undecodable(argument), escape_undecodable(str(path.resolve())), path=path)


def _hidden(entry: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in entry.relative_to(root).parts)


def _too_large(description: str, max_bytes: int) -> FileTooLarge:
    return FileTooLarge(
        f"{description} is larger than the limit of {max_bytes / 1e6:g} MB. Split it or raise REFDESK_MAX_FILE_MB."
    )
