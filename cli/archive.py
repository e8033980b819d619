"""The archive of a library: a zip file with JSON Lines and the original bytes of the documents.

`manifest.json`      format, version and workspace
`documents.jsonl`    one document per line: source, title, channels, who added it, link, SHA-256
`settings.json`      the settings of the workspace; optional
`questions.jsonl`    questions with their answers, for other programs; optional, not imported
`blobs/<sha256>`     the original bytes

Vectors and passages are not part of it: importing parses and embeds the documents again, with any embedding model. An
archive may come from anybody, so everything in it is checked before anything is stored.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.errors import InvalidInput

FORMAT = "refdesk-library"
MANIFEST, DOCUMENTS, SETTINGS, QUESTIONS = "manifest.json", "documents.jsonl", "settings.json", "questions.jsonl"
MAX_TEXT_BYTES = 200_000_000
"""Maximum bytes of a member that is not the content of a document."""
MAX_RATIO = 100
"""Maximum bytes of all members together per byte of the archive; text is compressed to a tenth or twentieth."""
RATIO_FROM_BYTES = 100_000_000
"""Bytes from which the ratio is checked."""
_MEMBER = re.compile(r"(manifest\.json|documents\.jsonl|settings\.json|questions\.jsonl|blobs/[0-9a-f]{64})")
Parsed = TypeVar("Parsed")
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ShortText = Annotated[str, Field(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Manifest(_Strict):
    """What an archive is."""

    format: Literal["refdesk-library"] = "refdesk-library"
    version: Literal[1] = 1
    workspace: ShortText
    created_at: ShortText


class ArchivedDocument(_Strict):
    """A document of an archive."""

    source: Annotated[str, Field(min_length=1, max_length=10_000)]
    name: ShortText
    title: ShortText
    media_type: ShortText
    channels: list[Annotated[str, Field(max_length=100)]] | None
    added_by: Annotated[str, Field(max_length=200)]
    origin: ShortText | None
    sha256: Sha256


class ArchiveWriter:
    """Writes an archive; a file of the name is replaced when the archive is complete."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Create a temporary file next to `path`, readable by this user only."""
        self._path = path
        self._temporary = path.with_name(f"{path.name}.part")
        self._temporary.touch(mode=0o600)
        self._zip = zipfile.ZipFile(self._temporary, "w", zipfile.ZIP_DEFLATED)
        self._documents: list[dict[str, Any]] = []
        self._hashes: set[str] = set()
        self._zip.writestr(MANIFEST, manifest.model_dump_json())

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Complete the archive, or delete the temporary file after an error."""
        if kind is None:
            self.add_lines(DOCUMENTS, self._documents)
        self._zip.close()
        if kind is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink(missing_ok=True)

    def add_document(self, document: ArchivedDocument, content: bytes) -> None:
        """Add a document; equal bytes are stored once."""
        self._documents.append(document.model_dump())
        if document.sha256 not in self._hashes:
            self._hashes.add(document.sha256)
            self._zip.writestr(f"blobs/{document.sha256}", content)

    def add_text(self, name: str, text: str) -> None:
        """Add settings."""
        self._zip.writestr(name, text)

    def add_lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows as JSON Lines."""
        with self._zip.open(name, "w") as member:
            for row in rows:
                member.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())


class ArchiveReader:
    """Reads an archive after it was checked as a whole.

    Raises `InvalidInput` for anything else than an archive of this format.
    """

    def __init__(self, path: Path, *, max_file_bytes: int) -> None:
        """Open and check an archive.

        Args:
            path: The file.
            max_file_bytes: Maximum size of a document.
        """
        self._max_file_bytes = max_file_bytes
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise InvalidInput(f"{path} is not an archive of a library: {error}.") from error
        try:
            self._check_members(path.stat().st_size)
            self.manifest = _validate(TypeAdapter(Manifest), self._read(MANIFEST, MAX_TEXT_BYTES), MANIFEST)
            self.documents = self._read_documents()
            self._check_contents()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._zip.close()

    def read_content(self, sha256: str) -> bytes:
        """Return the original bytes with this hash."""
        return self._read(f"blobs/{sha256}", self._max_file_bytes)

    def read_settings(self) -> dict[str, Any]:
        """Return the settings of the workspace; empty if there are none."""
        if SETTINGS not in self._zip.namelist():
            return {}
        return _validate(TypeAdapter(dict[str, Any]), self._read(SETTINGS, MAX_TEXT_BYTES), SETTINGS)

    def _check_members(self, archive_bytes: int) -> None:
        members = self._zip.infolist()
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise InvalidInput("The archive contains a file twice.")
        for member in members:
            if not _MEMBER.fullmatch(member.filename):
                raise InvalidInput(f"The archive contains {member.filename[:100]!r}, which is not part of a library.")
            if member.flag_bits & 1:
                raise InvalidInput("The archive is encrypted. Export the library again without a password.")
            limit = self._max_file_bytes if member.filename.startswith("blobs/") else MAX_TEXT_BYTES
            if member.file_size > limit:
                sizes = f"{member.file_size / 1e6:.1f} MB, but at most {limit / 1e6:g} MB are allowed"
                raise InvalidInput(f"{member.filename} in the archive has {sizes} (REFDESK_MAX_FILE_MB).")
        total = sum(member.file_size for member in members)
        if total > RATIO_FROM_BYTES and total > MAX_RATIO * archive_bytes:
            raise InvalidInput(f"The archive unpacks to {total / 1e6:.0f} MB, more than {MAX_RATIO} times its size.")

    def _check_contents(self) -> None:
        stored = {name.removeprefix("blobs/") for name in self._zip.namelist() if name.startswith("blobs/")}
        if missing := {document.sha256 for document in self.documents} - stored:
            raise InvalidInput(f"The archive does not contain the bytes {min(missing)[:12]}… of a document.")
        for sha256 in sorted(stored):
            if hashlib.sha256(self.read_content(sha256)).hexdigest() != sha256:
                raise InvalidInput(f"The bytes {sha256[:12]}… in the archive do not have this hash.")

    def _read_documents(self) -> list[ArchivedDocument]:
        lines = self._read(DOCUMENTS, MAX_TEXT_BYTES).splitlines()
        adapter = TypeAdapter(ArchivedDocument)
        return [_validate(adapter, line, f"{DOCUMENTS}, line {number}") for number, line in enumerate(lines, 1)]

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with self._zip.open(name) as member:
                content = member.read(limit + 1)
        except KeyError:
            raise InvalidInput(f"The archive does not contain {name}.") from None
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise InvalidInput(f"{name} in the archive cannot be read: {error}.") from error
        if len(content) > limit:
            raise InvalidInput(f"{name} in the archive is larger than {limit / 1e6:g} MB.")
        return content


def _validate(adapter: TypeAdapter[Parsed], content: bytes, name: str) -> Parsed:
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise InvalidInput(f"{name} in the archive is invalid: {place} {problem['msg']}.") from error
