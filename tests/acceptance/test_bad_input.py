"""What cannot be used gets one clear sentence, the right exit code and a class on its job; everything else goes on."""

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
NOWHERE = "redis://:hidden-word@127.0.0.1:1/0"


class Echo(BaseHTTPRequestHandler):
    """A language model that refuses the key, and shouts it back."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        said = json.dumps({"error": {"message": "x" * 265 + f"wrong key {self.headers['Authorization']} " * 3}})
        self.send_response(401)
        self.end_headers()
        self.wfile.write(said.encode())

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def busy(shared_desk, echo, tmp_path_factory):
    shared_desk.environment |= {
        "REFDESK_LLM_BASE_URL": f"http://127.0.0.1:{echo.server_port}/v1",
        "REFDESK_LLM_MODEL": "echo",
        "REFDESK_LLM_API_KEY": KEY,
    }
    shared_desk.start_worker("ingest", REFDESK_MAX_UNPACKED_MB="10")
    shared_desk.start_worker("query")
    shared_desk.folder = tmp_path_factory.mktemp("bad")
    return shared_desk


def spoken(ended: subprocess.CompletedProcess[bytes]) -> str:
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    return " ".join(ended.stderr.decode().split())


def bad_files(folder: Path, shared: Path | None) -> dict[str, tuple[str, str]]:
    """Write the files; gives for each the error class and a word of the sentence."""
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


def test_files__each_fails_alone_with_its_own_sentence(busy, request):
    try:
        shared = request.getfixturevalue("shared")
    except pytest.skip.Exception:
        shared = None
    folder = busy.folder / "files"
    folder.mkdir()
    expected = bad_files(folder, shared)
    (folder / "good.txt").write_text(LANTERN)
    # A page under another name is no fault: what a file is shows in its bytes.
    (folder / "page.pdf").write_text("<html><body><h1>Pages</h1><p>The velvet page lies open.</p></body></html>")
    ended = busy.refdesk("ingest", str(folder), "--json")
    assert ended.returncode == 1
    entries = {Path(entry["source"]).name: entry for entry in json.loads(ended.stdout)["documents"]}
    assert set(entries) == {*expected, "good.txt", "page.pdf"}
    assert entries["good.txt"]["state"] == "succeeded"
    for name, (classes, words) in expected.items():
        entry = entries[name]
        assert entry["state"] == "failed", entry
        assert re.search(words, entry["error"]), entry
        assert "\n" not in entry["error"]
        assert (entry["id"], entry["chunks"]) == (None, 0)
        stored = busy.value(f"SELECT error_class FROM jobs WHERE id = {entry['job']}")
        assert stored in classes.split("|"), (name, stored)
        assert busy.value(f"SELECT attempt FROM jobs WHERE id = {entry['job']}") == 1
    succeeded = sum(entry["state"] == "succeeded" for entry in entries.values())
    assert busy.value("SELECT count(*) FROM documents") == succeeded
    assert busy.value("SELECT count(*) FROM document_versions") == succeeded
    assert busy.value("SELECT count(DISTINCT version_id) FROM chunks") == succeeded


def test_file_too_large__is_not_submitted(busy):
    file = busy.folder / "large.txt"
    file.write_text("word " * 4000)
    before = busy.value("SELECT count(*) FROM jobs")
    ended = busy.refdesk("ingest", str(file), "--json", REFDESK_MAX_FILE_MB="0.01")
    assert ended.returncode == 1
    assert "REFDESK_MAX_FILE_MB" in spoken(ended)
    assert json.loads(ended.stdout)["documents"][0]["state"] == "failed"
    assert busy.value("SELECT count(*) FROM jobs") == before


def test_links__private_and_no_web_links_are_refused(busy, echo):
    links = [f"http://127.0.0.1:{echo.server_port}/", "http://10.0.0.1/x", "http://localhost/", "http://[::1]/"]
    ended = busy.refdesk("ingest", *links, "ftp://example.org/x", "--json")
    assert ended.returncode == 1
    entries = json.loads(ended.stdout)["documents"]
    assert [entry["state"] for entry in entries] == ["failed"] * 5
    assert entries[4]["job"] is None
    for entry in entries[:4]:
        assert busy.value(f"SELECT error_class FROM jobs WHERE id = {entry['job']}") == "LinkNotAllowed", entry


def test_wrong_key__answered_without_the_model_and_the_key_is_nowhere(busy, echo):
    file = busy.folder / "lantern.txt"
    file.write_text(LANTERN + "Again.")
    assert busy.refdesk("ingest", str(file)).returncode == 0
    outputs = []
    for options in (("--reranker", "llm-pointwise", "--json"), ("--reranker", "none", "--explain")):
        ended = busy.refdesk("ask", "Where does the copper lantern hang?", *options)
        assert ended.returncode == 0, ended.stderr
        outputs.append(ended.stdout + ended.stderr)
    answer = json.loads(busy.refdesk("jobs", "show", "--json", str(busy.value("SELECT max(id) FROM jobs"))).stdout)
    outputs.append(json.dumps(answer).encode())
    assert [f["stage"] for f in answer["result"]["fallbacks"]] == ["generate"]
    assert "REFDESK_LLM_API_KEY" in answer["result"]["fallbacks"][0]["reason"]
    assert "north hall" in answer["result"]["answer"]
    doctor = busy.refdesk("doctor")
    assert doctor.returncode == 1
    assert b"REFDESK_LLM_API_KEY" in doctor.stdout
    outputs.append(doctor.stdout + doctor.stderr)
    outputs += [log.read_bytes() for log in busy.logs.iterdir()]
    outputs += [
        (busy.value(f"SELECT string_agg(t::text, ' ') FROM {table} t") or "").encode()
        for table in ("jobs", "job_events", "queries", "query_candidates", "workers", "embedding_profiles")
    ]
    for output in outputs:
        assert KEY[:12].encode() not in output


def test_no_model_server__answered_from_the_passages(busy, echo):
    echo.shutdown()
    echo.server_close()
    answer, code = busy.json("ask", "Where does the copper lantern hang?", "--reranker", "none")
    assert code == 0
    assert [f["stage"] for f in answer["fallbacks"]] == ["generate"]
    assert "REFDESK_LLM_BASE_URL" in answer["fallbacks"][0]["reason"]
    assert "north hall" in answer["answer"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"REDIS_URL": NOWHERE}, "Redis is unreachable"),
        ({"REFDESK_HOME": "/proc/refdesk", "DATABASE_URL": ""}, "REFDESK_HOME"),
    ],
    ids=["redis-away", "home"],
)
def test_settings__wrong_ones_are_one_sentence_and_start_nothing(busy, settings, sentence):
    before = busy.value("SELECT count(*) FROM jobs")
    ended = busy.refdesk("ask", "Where is the lantern?", "--json", **settings)
    assert ended.returncode == 1
    assert sentence in spoken(ended)
    assert json.loads(ended.stdout)["job"] is None
    assert b"hidden-word" not in ended.stdout + ended.stderr
    assert busy.value("SELECT count(*) FROM jobs") == before


def test_models__missing_or_other_than_the_stores_are_refused(desk):
    for model, sentence in (("/nowhere/at/all", "/nowhere/at/all"), ("BAAI/bge-m3", "HF_HUB_OFFLINE")):
        ended = desk.refdesk("ask", "Where?", REFDESK_EMBEDDING_MODEL=model)
        assert ended.returncode == 1
        assert sentence in spoken(ended)
    desk.value(
        "INSERT INTO embedding_profiles (name, model, dimensions, max_tokens, state)"
        " VALUES ('other', 'other-model', 384, 256, 'live') RETURNING id"
    )
    ended = desk.refdesk("ingest", __file__, "--json")
    assert ended.returncode == 1
    assert "other-model" in spoken(ended)
    assert json.loads(ended.stdout)["documents"][0]["state"] == "failed"
    assert desk.value("SELECT count(*) FROM jobs") == 0


def test_schema_of_another_version__refused_by_every_role(desk):
    desk.value("UPDATE alembic_version SET version_num = '20991231_01' RETURNING 1")
    for command in (("docs", "list"), ("worker", "query")):
        ended = desk.refdesk(*command)
        assert ended.returncode == 1
        assert "Install the newer version" in spoken(ended)
    assert desk.refdesk("doctor").returncode == 1


def test_redis_away__documents_wait_in_the_ledger(desk, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text(LANTERN)
    ended = desk.refdesk("ingest", str(file), "--json", REDIS_URL=NOWHERE)
    assert ended.returncode == 1
    assert "documents are stored" in spoken(ended)
    entry = json.loads(ended.stdout)["documents"][0]
    assert (entry["state"], entry["error"]) == ("queued", None)
    assert desk.refdesk("ingest", str(file), "--no-wait", REDIS_URL=NOWHERE).returncode == 0
    desk.start_worker("ingest")
    desk.wait_until(lambda: desk.value("SELECT count(*) FROM jobs WHERE state <> 'succeeded'") == 0, "all done")
    assert desk.value("SELECT count(*) FROM documents") == 1


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


def test_redis_restarted_under_a_worker__it_goes_on(desk, tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        folder = Path(short)
        server = start_redis(folder)
        try:
            desk.environment["REDIS_URL"] = f"redis+socket://{folder}/s"
            desk.start_worker("ingest")
            for number in range(3):
                (tmp_path / f"{number}.txt").write_text(f"Round {number}. {LANTERN}")
                assert desk.refdesk("ingest", str(tmp_path / f"{number}.txt")).returncode == 0
                server.kill()
                server.wait()
                (folder / "s").unlink()
                server = start_redis(folder)
        finally:
            server.kill()
            server.wait()


def test_ingest_interrupted__says_so_and_leaves_no_process(desk, tmp_path):
    file = tmp_path / "book.md"
    file.write_text("\n\n".join(f"# Chapter {n}\n\n" + f"lantern {n} meadow orbit quartz " * 120 for n in range(200)))
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "ingest", str(file), "--json"],
        env=desk.environment | {"REFDESK_EMBED_CLAIM_SIZE": "16"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        desk.wait_until(lambda: desk.value("SELECT count(*) FROM embeddings") > 0, "embedding begun")
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    finally:
        process.kill()
        with process:
            pass
    assert process.returncode == 130
    assert b"Stopped waiting" in told
    assert b"Traceback" not in told
    assert json.loads(said)["documents"][0]["state"] == "running"
    assert desk.value("SELECT count(*) FROM workers") == 0
    assert desk.value("SELECT state FROM jobs") in {"running", "queued"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_disk_full__is_one_sentence(desk):
    folder = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("no small disk can be mounted here")
    try:
        ended = desk.refdesk("docs", "list", "--json", DATABASE_URL="", REFDESK_HOME=str(folder))
        assert ended.returncode == 1
        assert "full" in spoken(ended)
        assert json.loads(ended.stdout)["error_class"] == "DiskFull"
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
