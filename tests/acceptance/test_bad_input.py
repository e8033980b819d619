"""Invalid input: one error message, the right exit code and error class; other inputs are processed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

KEY = "sk-very-secret-0123456789"
LANTERN = "The copper lantern hangs in the north hall. It is lit at dusk by the warden.\n"
UNREACHABLE_REDIS = "redis://:hidden-word@127.0.0.1:1/0"


class RejectingLlm(BaseHTTPRequestHandler):
    """A language model server that rejects the API key and repeats it in its error message."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        reply = json.dumps({"error": {"message": "x" * 265 + f"wrong key {self.headers['Authorization']} " * 3}})
        self.send_response(401)
        self.end_headers()
        self.wfile.write(reply.encode())

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def rejecting_llm():
    server = ThreadingHTTPServer(("127.0.0.1", 0), RejectingLlm)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def llm_installation(shared_installation, rejecting_llm, tmp_path_factory):
    shared_installation.environment |= {
        "REFDESK_LLM_BASE_URL": f"http://127.0.0.1:{rejecting_llm.server_port}/v1",
        "REFDESK_LLM_MODEL": "rejecting",
        "REFDESK_LLM_API_KEY": KEY,
    }
    shared_installation.start_worker("ingest", REFDESK_MAX_UNPACKED_MB="10")
    shared_installation.start_worker("query")
    shared_installation.folder = tmp_path_factory.mktemp("bad")
    return shared_installation


def stderr_text(result: subprocess.CompletedProcess[bytes]) -> str:
    assert b"Traceback" not in result.stderr, result.stderr.decode()
    return " ".join(result.stderr.decode().split())


def write_bad_files(folder: Path, shared: Path | None) -> dict[str, tuple[str, str]]:
    """Write the files; return the expected error classes and a pattern of the message for each."""
    (folder / "empty.txt").write_bytes(b"")
    (folder / "blank.md").write_text("  \n\n \n")
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 40)
    (folder / "cut.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog")
    (folder / "cut.docx").write_bytes(b"PK\x03\x04" + b"\x00" * 200)
    (folder / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    with zipfile.ZipFile(folder / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b" " * (40 << 20))
    expected = {
        "empty.txt": ("EmptyDocument|UnreadableFile|InvalidInput", "empty|no text"),
        "blank.md": ("EmptyDocument", "no text|empty"),
        "noise.bin": ("UnsupportedFormat|UnreadableFile", "read|format"),
        "cut.pdf": ("UnreadableFile|EmptyDocument", "damaged|read"),
        "cut.docx": ("UnreadableFile", "damaged|read"),
        "picture.txt": ("UnsupportedFormat|UnreadableFile|EmptyDocument", "picture|image|PNG|png|text"),
        "bomb.docx": ("FileTooLarge|UnreadableFile", "unpack|larger|damaged"),
    }
    if shared is not None:
        documents = shared / "documents"
        for name, original in (
            ("locked.pdf", "py-pdf-sample-files/005-libreoffice-writer-password/libreoffice-writer-password.pdf"),
            ("locked.docx", "tika/testWORD_protected_passtika.docx"),
        ):
            (folder / name).write_bytes((documents / original).read_bytes())
            expected[name] = ("EncryptedFile", "password")
    return expected


def test_files__each_bad_file_fails_with_its_error(llm_installation, request):
    try:
        shared = request.getfixturevalue("shared")
    except pytest.skip.Exception:
        shared = None
    folder = llm_installation.folder / "files"
    folder.mkdir()
    expected = write_bad_files(folder, shared)
    (folder / "good.txt").write_text(LANTERN)
    # An HTML page with another extension is valid: the format is detected from the bytes.
    (folder / "page.pdf").write_text("<html><body><h1>Pages</h1><p>The velvet page lies open.</p></body></html>")
    result = llm_installation.refdesk("ingest", str(folder), "--json")
    assert result.returncode == 1
    entries = {Path(entry["source"]).name: entry for entry in json.loads(result.stdout)["documents"]}
    assert set(entries) == {*expected, "good.txt", "page.pdf"}
    assert entries["good.txt"]["state"] == "succeeded"
    for name, (classes, words) in expected.items():
        entry = entries[name]
        assert entry["state"] == "failed", entry
        assert re.search(words, entry["error"]), entry
        assert "\n" not in entry["error"]
        assert (entry["id"], entry["chunks"]) == (None, 0)
        stored = llm_installation.value(f"SELECT error_class FROM jobs WHERE id = {entry['job']}")
        assert stored in classes.split("|"), (name, stored)
        assert llm_installation.value(f"SELECT attempt FROM jobs WHERE id = {entry['job']}") == 1
    succeeded = sum(entry["state"] == "succeeded" for entry in entries.values())
    assert llm_installation.value("SELECT count(*) FROM documents") == succeeded
    assert llm_installation.value("SELECT count(*) FROM document_versions") == succeeded
    assert llm_installation.value("SELECT count(DISTINCT version_id) FROM chunks") == succeeded


def test_file_too_large__is_not_submitted(llm_installation):
    file = llm_installation.folder / "large.txt"
    file.write_text("word " * 4000)
    before = llm_installation.value("SELECT count(*) FROM jobs")
    result = llm_installation.refdesk("ingest", str(file), "--json", REFDESK_MAX_FILE_MB="0.01")
    assert result.returncode == 1
    assert "REFDESK_MAX_FILE_MB" in stderr_text(result)
    assert json.loads(result.stdout)["documents"][0]["state"] == "failed"
    assert llm_installation.value("SELECT count(*) FROM jobs") == before


def test_links__private_and_other_schemes_are_rejected(llm_installation, rejecting_llm):
    links = [
        f"http://127.0.0.1:{rejecting_llm.server_port}/",
        "http://10.0.0.1/x",
        "http://localhost/",
        "http://[::1]/",
    ]
    result = llm_installation.refdesk("ingest", *links, "ftp://example.org/x", "--json")
    assert result.returncode == 1
    entries = json.loads(result.stdout)["documents"]
    assert [entry["state"] for entry in entries] == ["failed"] * 5
    assert entries[4]["job"] is None
    for entry in entries[:4]:
        assert llm_installation.value(f"SELECT error_class FROM jobs WHERE id = {entry['job']}") == "LinkNotAllowed", (
            entry
        )


def test_wrong_key__falls_back_and_never_shows_the_key(llm_installation, rejecting_llm):
    file = llm_installation.folder / "lantern.txt"
    file.write_text(LANTERN + "Again.")
    assert llm_installation.refdesk("ingest", str(file)).returncode == 0
    outputs = []
    for options in (("--reranker", "llm-pointwise", "--json"), ("--reranker", "none", "--explain")):
        result = llm_installation.refdesk("ask", "Where does the copper lantern hang?", *options)
        assert result.returncode == 0, result.stderr
        outputs.append(result.stdout + result.stderr)
    answer = json.loads(
        llm_installation.refdesk(
            "jobs", "show", "--json", str(llm_installation.value("SELECT max(id) FROM jobs"))
        ).stdout
    )
    outputs.append(json.dumps(answer).encode())
    assert [f["stage"] for f in answer["result"]["fallbacks"]] == ["generate"]
    assert "REFDESK_LLM_API_KEY" in answer["result"]["fallbacks"][0]["reason"]
    assert "north hall" in answer["result"]["answer"]
    doctor = llm_installation.refdesk("doctor")
    assert doctor.returncode == 1
    assert b"REFDESK_LLM_API_KEY" in doctor.stdout
    outputs.append(doctor.stdout + doctor.stderr)
    outputs += [log.read_bytes() for log in llm_installation.logs.iterdir()]
    outputs += [
        (llm_installation.value(f"SELECT string_agg(t::text, ' ') FROM {table} t") or "").encode()
        for table in ("jobs", "job_events", "queries", "query_candidates", "workers", "embedding_profiles")
    ]
    for output in outputs:
        assert KEY[:12].encode() not in output


def test_no_model_server__answer_quotes_the_passages(llm_installation, rejecting_llm):
    rejecting_llm.shutdown()
    rejecting_llm.server_close()
    answer, code = llm_installation.refdesk_json("ask", "Where does the copper lantern hang?", "--reranker", "none")
    assert code == 0
    assert [f["stage"] for f in answer["fallbacks"]] == ["generate"]
    assert "REFDESK_LLM_BASE_URL" in answer["fallbacks"][0]["reason"]
    assert "north hall" in answer["answer"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"REDIS_URL": UNREACHABLE_REDIS}, "Redis is unreachable"),
        ({"REFDESK_HOME": "/proc/refdesk", "DATABASE_URL": ""}, "REFDESK_HOME"),
    ],
    ids=["redis-unreachable", "home"],
)
def test_settings__invalid_ones_are_reported_and_start_nothing(llm_installation, settings, message):
    before = llm_installation.value("SELECT count(*) FROM jobs")
    result = llm_installation.refdesk("ask", "Where is the lantern?", "--json", **settings)
    assert result.returncode == 1
    assert message in stderr_text(result)
    assert json.loads(result.stdout)["job"] is None
    assert b"hidden-word" not in result.stdout + result.stderr
    assert llm_installation.value("SELECT count(*) FROM jobs") == before


def test_models__missing_or_different_from_the_store_are_rejected(installation):
    for model, message in (("/nowhere/at/all", "/nowhere/at/all"), ("BAAI/bge-m3", "HF_HUB_OFFLINE")):
        result = installation.refdesk("ask", "Where?", REFDESK_EMBEDDING_MODEL=model)
        assert result.returncode == 1
        assert message in stderr_text(result)
    installation.value(
        "INSERT INTO embedding_profiles (name, model, dimensions, max_tokens, state)"
        " VALUES ('other', 'other-model', 384, 256, 'live') RETURNING id"
    )
    result = installation.refdesk("ingest", __file__, "--json")
    assert result.returncode == 1
    assert "other-model" in stderr_text(result)
    assert json.loads(result.stdout)["documents"][0]["state"] == "failed"
    assert installation.value("SELECT count(*) FROM jobs") == 0


def test_schema_of_another_version__rejected_by_every_role(installation):
    installation.value("UPDATE alembic_version SET version_num = '20991231_01' RETURNING 1")
    for command in (("docs", "list"), ("worker", "query")):
        result = installation.refdesk(*command)
        assert result.returncode == 1
        assert "Install the newer version" in stderr_text(result)
    assert installation.refdesk("doctor").returncode == 1


def test_redis_unreachable__documents_stay_queued(installation, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text(LANTERN)
    result = installation.refdesk("ingest", str(file), "--json", REDIS_URL=UNREACHABLE_REDIS)
    assert result.returncode == 1
    assert "documents are stored" in stderr_text(result)
    entry = json.loads(result.stdout)["documents"][0]
    assert (entry["state"], entry["error"]) == ("queued", None)
    assert installation.refdesk("ingest", str(file), "--no-wait", REDIS_URL=UNREACHABLE_REDIS).returncode == 0
    installation.start_worker("ingest")
    installation.wait_until(
        lambda: installation.value("SELECT count(*) FROM jobs WHERE state <> 'succeeded'") == 0, "all jobs succeeded"
    )
    assert installation.value("SELECT count(*) FROM documents") == 1


def start_redis(folder: Path) -> subprocess.Popen[bytes]:
    from embedded.programs import find_redis

    process = subprocess.Popen(
        [
            find_redis().bin() / "redis-server",
            "--port",
            "0",
            "--unixsocket",
            folder / "s",
            "--dir",
            folder,
            "--save",
            "",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (folder / "s").exists():
        assert process.poll() is None
        time.sleep(0.05)
    return process


def test_redis_restarted__the_worker_reconnects(installation, tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as short_path:
        folder = Path(short_path)
        server = start_redis(folder)
        try:
            installation.environment["REDIS_URL"] = f"redis+socket://{folder}/s"
            installation.start_worker("ingest")
            for number in range(3):
                (tmp_path / f"{number}.txt").write_text(f"Round {number}. {LANTERN}")
                assert installation.refdesk("ingest", str(tmp_path / f"{number}.txt")).returncode == 0
                server.kill()
                server.wait()
                (folder / "s").unlink()
                server = start_redis(folder)
        finally:
            server.kill()
            server.wait()


def test_ingest_interrupted__reports_it_and_leaves_no_process(installation, tmp_path):
    file = tmp_path / "book.md"
    file.write_text("\n\n".join(f"# Chapter {n}\n\n" + f"lantern {n} meadow orbit quartz " * 120 for n in range(200)))
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "ingest", str(file), "--json"],
        env=installation.environment | {"REFDESK_EMBED_CLAIM_SIZE": "16"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        installation.wait_until(lambda: installation.value("SELECT count(*) FROM embeddings") > 0, "first embeddings")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        with process:
            pass
    assert process.returncode == 130
    assert b"Stopped waiting" in stderr
    assert b"Traceback" not in stderr
    assert json.loads(stdout)["documents"][0]["state"] == "running"
    assert installation.value("SELECT count(*) FROM workers") == 0
    assert installation.value("SELECT state FROM jobs") in {"running", "queued"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_disk_full__is_reported(installation):
    folder = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("no small disk can be mounted here")
    try:
        result = installation.refdesk("docs", "list", "--json", DATABASE_URL="", REFDESK_HOME=str(folder))
        assert result.returncode == 1
        assert "full" in stderr_text(result)
        assert json.loads(result.stdout)["error_class"] == "DiskFull"
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
