"""`refdesk backup` and `restore`: a backup made while jobs run continues elsewhere; bad files change nothing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.engine import Database
from embedded.servers import ServerUrls
from tests.acceptance.conftest import NOTES, Installation, clone_database
from tests.acceptance.test_survival import assert_complete, long_document

QUESTION = "Where does the copper lantern hang?"


@contextmanager
def use_empty_database(installation: Installation, servers: ServerUrls, template: str, name: str) -> Iterator[None]:
    """Let the installation use another, empty database during the `with` block."""
    before, environment = installation.database, installation.environment
    with clone_database(servers, template, name) as url:
        installation.database, installation.environment = Database(url), environment | {"DATABASE_URL": url}
        try:
            yield
        finally:
            for process in installation.processes:
                if process.poll() is None:
                    installation.kill(process)
            installation.database.close()
            installation.database, installation.environment = before, environment


def test_backup_while_jobs_run__continues_after_it_is_restored(installation, servers, template_database, tmp_path):
    document, file = tmp_path / "book.md", tmp_path / "all.backup"
    document.write_text(long_document(120))
    worker = installation.start_worker("ingest", REFDESK_EMBED_CLAIM_SIZE="16")
    assert installation.refdesk("ingest", str(document), "--no-wait").returncode == 0
    installation.wait_until(lambda: installation.value("SELECT count(*) FROM embeddings") >= 16, "first embeddings")
    question = installation.submit("ask", {"question": QUESTION, "options": {"reranker": "none"}})
    made = installation.refdesk("backup", str(file))
    assert made.returncode == 0, made.stderr.decode()
    assert "1 documents and 2 jobs" in made.stdout.decode()
    assert file.stat().st_mode & 0o077 == 0
    installation.kill(worker)

    with use_empty_database(installation, servers, template_database, "restored"):
        restored = installation.refdesk("restore", str(file))
        assert restored.returncode == 0, restored.stderr.decode()
        assert installation.value("SELECT count(*) FROM embedding_queue") > 0
        verified = installation.refdesk("verify", "--full", "--grace", "0")
        assert verified.returncode == 0, verified.stdout.decode()
        installation.start_workers("ingest", "query")
        installation.wait_for_state(1, "succeeded")
        installation.wait_for_state(question, "succeeded")
        assert_complete(installation, 120)
        verified = installation.refdesk("verify", "--full")
        assert verified.returncode == 0, verified.stdout.decode()


@pytest.fixture
def backup(library: Installation, tmp_path: Path) -> Path:
    file = tmp_path / "library.backup"
    made = library.refdesk("backup", str(file))
    assert made.returncode == 0, made.stderr.decode()
    return file


def set_flags(archive: bytes, bits: int) -> bytes:
    """Set flags of all members of a zip file."""
    changed = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := changed.find(signature, at + 1)) >= 0:
            changed[at + offset] |= bits
    return bytes(changed)


def pack(header: str, dump: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("refdesk.json", header)
        archive.writestr("database.dump", dump)
    return file.getvalue()


def test_restore__rejects_what_it_cannot_restore_and_changes_nothing(library: Installation, backup: Path):
    header, dump = (zipfile.ZipFile(backup).read(name) for name in ("refdesk.json", "database.dump"))
    content = backup.read_bytes()
    damaged = bytearray(content)
    damaged[len(damaged) // 2] ^= 255
    bad = {
        "truncated": (content[: len(content) // 2], "is not a backup of Refdesk, or it is truncated"),
        "damaged": (bytes(damaged), "the checksum of database.dump is wrong"),
        "other": (b"PK", "is not a backup of Refdesk"),
        "encrypted": (set_flags(content, 1), "is not a backup of Refdesk, or it is damaged"),
        "compressed in another way": (set_flags(content, 1 << 5), "is not a backup of Refdesk, or it is damaged"),
        "nested deeply": (pack("[" * 99_999, dump), "is not a backup of Refdesk, or it is damaged"),
        "without size": (pack('{"format": 1}', dump), "is not a backup of Refdesk, or it is damaged"),
    }
    for name, (data, message) in bad.items():
        path = backup.with_name(name)
        path.write_bytes(data)
        result = library.refdesk("restore", str(path), "--yes")
        assert result.returncode == 1, name
        assert message in result.stderr.decode(), name
        assert "Traceback" not in result.stderr.decode(), name
    newer = backup.with_name("newer")
    with zipfile.ZipFile(newer, "w") as archive:
        archive.writestr("refdesk.json", json.dumps(json.loads(header) | {"revision": "29990101_01"}))
        archive.writestr("database.dump", dump)
    assert "which is newer than this version" in library.refdesk("restore", str(newer), "--yes").stderr.decode()
    broken = backup.with_name("broken")
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("refdesk.json", header)
        archive.writestr("database.dump", dump[: len(dump) - 2000])
    assert "the store is unchanged" in library.refdesk("restore", str(broken), "--yes").stderr.decode()
    assert "To replace them by 3 documents" in library.refdesk("restore", str(backup)).stderr.decode()
    assert library.refdesk("backup", str(backup)).returncode == 1  # the file exists
    running = backup.with_name("second.part")
    running.touch()
    assert (
        "another backup to this file is running"
        in library.refdesk("backup", str(running.with_suffix(""))).stderr.decode()
    )
    assert running.exists()
    assert library.value("SELECT count(*) FROM documents") == len(NOTES)
    assert library.refdesk("verify", "--full").returncode == 0


def test_restore__replaces_a_store_but_not_while_workers_use_it(library: Installation, tmp_path: Path):
    # Every login of PostgreSQL can create large objects, which a restore cannot replace.
    library.value("SELECT lo_from_bytea(0, 'x')")
    backup = tmp_path / "library.backup"
    assert library.refdesk("backup", str(backup)).returncode == 0
    library.value("DELETE FROM documents WHERE id = 1 RETURNING id")
    library.value(
        "INSERT INTO workers (id, role, queues, host, pid) VALUES ('w', 'query', '{query}', 'h', 1) RETURNING pid"
    )
    assert "Stop them" in library.refdesk("restore", str(backup), "--yes").stderr.decode()
    library.value("DELETE FROM workers RETURNING pid")
    restored = library.refdesk("restore", str(backup), "--yes")
    assert restored.returncode == 0, restored.stderr.decode()
    assert library.value("SELECT count(*) FROM documents") == len(NOTES)
    assert library.refdesk("verify", "--full").returncode == 0
    answer, code = library.refdesk_json("ask", QUESTION)
    assert code == 0
    assert "north hall" in answer["answer"]


def test_verify_and_repair__commands(library: Installation):
    document, code = library.refdesk_json("verify")
    assert (code, document["ok"]) == (0, True)
    library.value("DELETE FROM embeddings WHERE chunk_id = 1 RETURNING chunk_id")
    document, code = library.refdesk_json("verify")
    found = [check for check in document["checks"] if check["findings"]]
    assert (code, [check["check"] for check in found]) == (1, ["missing-vectors"])
    assert found[0]["findings"][0]["row"] == "chunk"
    text = library.refdesk("verify").stdout.decode()
    assert "missing-vectors: Every chunk has a vector" in text
    assert "`refdesk repair`" in text
    planned = library.refdesk("repair")
    assert (planned.returncode, library.value("SELECT count(*) FROM embedding_queue")) == (1, 0)
    assert "Nothing was changed" in planned.stdout.decode()
    assert library.refdesk("repair", "--yes").returncode == 0
    assert library.value("SELECT count(*) FROM embedding_queue") == 1
    assert "Nothing to repair" in library.refdesk("repair").stdout.decode()
