"""Archives of libraries: what is written is read again, and anything else is rejected before it is used."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from typing import Any

import pytest

from cli.archive import ArchivedDocument, ArchiveReader, ArchiveWriter, Manifest
from pipeline.errors import InvalidInput

CONTENT = "The hall costs 5 euros. 大厅".encode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MANIFEST = {"format": "refdesk-library", "version": 1, "workspace": "local", "created_at": "2026-11-29T00:00:00+00:00"}
DOCUMENT: dict[str, Any] = {
    "source": "/a/hall.md",
    "name": "hall.md",
    "title": "Hall",
    "media_type": "text/markdown",
    "channels": ["7"],
    "added_by": "42",
    "origin": None,
    "sha256": SHA256,
}
MAX_BYTES = 1_000_000


def read(path):
    with ArchiveReader(path, max_file_bytes=MAX_BYTES) as archive:
        return archive.manifest, archive.documents, [archive.read_content(d.sha256) for d in archive.documents]


def build(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path


def members(**changes):
    return {"manifest.json": MANIFEST, "documents.jsonl": DOCUMENT, f"blobs/{SHA256}": CONTENT} | changes


def test_archive__is_read_as_written_and_private(tmp_path):
    path = tmp_path / "library.zip"
    document = ArchivedDocument(**DOCUMENT)
    with ArchiveWriter(path, Manifest(workspace="local", created_at="now")) as archive:
        archive.add_document(document, CONTENT)
        archive.add_document(document.model_copy(update={"source": "b"}), CONTENT)
        archive.add_lines("questions.jsonl", [{"question": "Wie viel?\n"}])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    manifest, documents, contents = read(path)
    assert manifest.workspace == "local"
    assert [each.source for each in documents] == ["/a/hall.md", "b"]
    assert contents == [CONTENT, CONTENT]
    assert not list(tmp_path.glob("*.part"))


def test_archive__that_could_not_be_completed_leaves_the_old_file(tmp_path):
    path = tmp_path / "library.zip"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), ArchiveWriter(path, Manifest(workspace="local", created_at="now")):
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob("*.part"))


HOSTILE = {
    "path traversal": (members(**{"../../etc/cron.d/x": b"x"}), "not part of a library"),
    "absolute path": (members(**{"/etc/passwd": b"x"}), "not part of a library"),
    "blob with a path": (members(**{f"blobs/../{SHA256}": b"x"}), "not part of a library"),
    "unknown file": (members(**{"setup.py": b"x"}), "not part of a library"),
    "bomb in one file": (members(**{f"blobs/{SHA256}": b"0" * (MAX_BYTES + 1)}), "at most 1 MB"),
    "bomb of many files": (members(**{f"blobs/{n:064x}": b"0" * MAX_BYTES for n in range(110)}), "100 times its size"),
    "wrong hash": (members(**{f"blobs/{SHA256}": b"something else"}), "do not have this hash"),
    "missing bytes": ({"manifest.json": MANIFEST, "documents.jsonl": DOCUMENT}, "does not contain the bytes"),
    "no manifest": ({"documents.jsonl": DOCUMENT}, "does not contain manifest.json"),
    "no documents": ({"manifest.json": MANIFEST}, "does not contain documents.jsonl"),
    "later version": (members(**{"manifest.json": MANIFEST | {"version": 2}}), "version Input should be 1"),
    "another format": (members(**{"manifest.json": MANIFEST | {"format": "x"}}), "format Input should be"),
    "manifest is no JSON": (members(**{"manifest.json": b"\xff{"}), "manifest.json in the archive is invalid"),
    "hash with a path": (members(**{"documents.jsonl": DOCUMENT | {"sha256": "../x"}}), "line 1.*sha256"),
    "unknown field": (members(**{"documents.jsonl": DOCUMENT | {"workspace_id": 2}}), "workspace_id Extra inputs"),
    "channels of another type": (members(**{"documents.jsonl": DOCUMENT | {"channels": "7"}}), "channels"),
    "document without a source": (members(**{"documents.jsonl": DOCUMENT | {"source": ""}}), "source"),
    "line is no JSON": (members(**{"documents.jsonl": b"{]\n"}), "line 1 in the archive is invalid"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive__is_rejected(tmp_path, name):
    content, message = HOSTILE[name]
    with pytest.raises(InvalidInput, match=message):
        read(build(tmp_path / "library.zip", content))


def test_hostile_archive__file_twice(tmp_path):
    path = build(tmp_path / "library.zip", members())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("manifest.json", json.dumps(MANIFEST | {"workspace": "guild:1"}))
    with pytest.raises(InvalidInput, match="twice"):
        read(path)


def test_hostile_archive__no_zip(tmp_path):
    path = tmp_path / "library.zip"
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(InvalidInput, match="not an archive of a library"):
        read(path)


def test_hostile_archive__every_single_damaged_byte_is_rejected_or_harmless(tmp_path):
    """A byte in a header that zip ignores may change; the contents that are read never do."""
    good = build(tmp_path / "good.zip", members()).read_bytes()
    expected = read(tmp_path / "good.zip")
    path = tmp_path / "bad.zip"
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            assert read(path) == expected
        except InvalidInput:
            continue
