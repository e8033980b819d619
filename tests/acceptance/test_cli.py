"""Output and exit codes of the commands, with one ingest and one query worker and no language model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ENTRY = {"id", "source", "title", "job", "state", "chunks", "error", "unread"}
ANSWER = {
    *(
        "job",
        "answer",
        "abstained",
        "citations",
        "conflicts",
        "candidates",
        "timings_ms",
        "reranker",
        "fallbacks",
        "model",
        "searched_as",
    ),
}
LANTERN = "The copper lantern hangs in the north hall. It is lit at dusk by the warden.\n"


@pytest.fixture(scope="module")
def installation(shared_installation, tmp_path_factory):
    shared_installation.start_worker("ingest", REFDESK_FETCH_PRIVATE="1")
    shared_installation.start_worker("query")
    folder = tmp_path_factory.mktemp("documents")
    (folder / "lantern.txt").write_text(LANTERN)
    shared_installation.folder = folder
    assert shared_installation.refdesk("ingest", str(folder / "lantern.txt")).returncode == 0
    return shared_installation


def stderr_text(result) -> str:
    return " ".join(result.stderr.decode().split())


def assert_plain(result) -> None:
    """Assert that output without a terminal has no escape sequences and no traceback."""
    assert b"\x1b" not in result.stdout + result.stderr
    assert b"Traceback" not in result.stderr


def test_ingest__json_has_the_documented_keys_for_new_unchanged_and_failed(installation):
    lantern, missing = str(installation.folder / "lantern.txt"), str(installation.folder / "none.txt")
    (installation.folder / "empty.txt").write_text("")
    result = installation.refdesk("ingest", lantern, str(installation.folder / "empty.txt"), missing, "--json")
    assert_plain(result)
    assert result.returncode == 1
    entries = json.loads(result.stdout)["documents"]
    assert [set(entry) for entry in entries] == [ENTRY] * 3
    assert [entry["state"] for entry in entries] == ["succeeded", "failed", "failed"]
    assert [entry["source"] for entry in entries] == [lantern, str(installation.folder / "empty.txt"), missing]
    assert entries[0]["error"] is None
    assert entries[0]["chunks"] == 1
    assert entries[0]["unread"] == []
    assert entries[2]["job"] is None
    assert entries[2]["error"] == f"No such file or folder: {missing}."
    assert "0 added or updated, 1 unchanged, 2 failed" in stderr_text(result)


def test_gaps__groups_unanswered_questions_by_their_vectors(installation):
    for question in ("Who repaired the steam engine of the ferry?", "the ferry's steam engine - who has repaired it"):
        assert installation.refdesk_json("ask", question)[0]["abstained"]
    stored = "SELECT count(*) FROM queries WHERE abstained AND vector IS NOT NULL AND baseline IS NOT NULL"
    assert installation.value(stored) == 2
    document, _ = installation.refdesk_json("gaps")
    assert (document["groups"], document["questions"]) == (1, 2)
    assert document["gaps"][0]["unanswered"] == 2
    shown = installation.refdesk("gaps")
    assert_plain(shown)
    assert b"who has repaired it" in shown.stdout


def test_ingest__standard_input_and_an_undecodable_file_name(installation):
    result = installation.refdesk("ingest", "-", "--json", stdin=b"A pencil lies on the sill.")
    entry = json.loads(result.stdout)["documents"][0]
    assert (entry["source"], entry["state"]) == ("-", "succeeded")
    file = installation.folder / "b\udcff.txt"
    file.write_text("A name with an undecodable byte.")
    result = installation.refdesk("ingest", str(file), "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["documents"][0]["state"] == "succeeded"


class Page(BaseHTTPRequestHandler):
    """A web server with one page."""

    def do_GET(self):
        exists = self.path == "/page"
        self.send_response(200 if exists else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if exists:
            self.wfile.write(b"<html><title>Orbit</title><body><p>The orbit takes ninety minutes.</p></body></html>")

    def log_message(self, *_):
        pass


def test_links__with_private_addresses_allowed(installation):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        site = f"http://127.0.0.1:{server.server_port}"
        result = installation.refdesk("ingest", f"{site}/page", f"{site}/gone", "http://127.0.0.1:1/dead", "--json")
    finally:
        server.shutdown()
        server.server_close()
    assert result.returncode == 1
    page, gone, dead = json.loads(result.stdout)["documents"]
    assert (page["state"], page["title"], page["source"]) == ("succeeded", "Orbit", f"{site}/page")
    assert "404" in gone["error"]
    assert "cannot be reached" in dead["error"]
    for entry in (gone, dead):
        assert installation.value(f"SELECT error_class FROM jobs WHERE id = {entry['job']}") == "LinkFailed"


def test_ask__json_has_the_documented_keys(installation):
    answer, code = installation.refdesk_json(
        "ask", "Where does the copper lantern hang?", "--reranker", "none", "--top-k", "1"
    )
    assert code == 0
    assert set(answer) == ANSWER
    assert set(answer["citations"][0]) == {
        *("n", "document", "title", "page", "quote", "source", "origin", "also_in", "confidence"),
    }
    assert set(answer["candidates"][0]) == {
        *("chunk", "document", "title", "recall_rank", "rank", "score", "reason", "flags"),
    }
    assert "north hall" in answer["answer"]
    assert answer["reranker"] == "none"


def test_ask__reports_conflicting_sources_and_a_copy(installation):
    names = {"plan": "18:00", "poster": "20:00", "copy": "18:00"}
    for name, time in names.items():
        file = installation.folder / f"{name}.txt"
        file.write_text(f"The orchard gate closes at {time}. Ask the gardener for the {time} key of the orchard gate.")
        assert installation.refdesk("ingest", str(file)).returncode == 0
    question = "When does the orchard gate close?"
    answer, code = installation.refdesk_json("ask", question, "--reranker", "none", "--top-k", "2")
    assert code == 0
    assert answer["conflicts"] == [[1, 2]]
    assert {"18:00", "20:00"} <= set(re.findall(r"closes at (\d\d:\d\d)", answer["answer"]))
    assert answer["answer"].endswith("The sources disagree: [1] and [2].")
    assert [len(citation["also_in"]) for citation in answer["citations"]].count(1) == 1
    assert [candidate["flags"] for candidate in answer["candidates"][:3]].count(["duplicate"]) == 1
    stderr = stderr_text(installation.refdesk("ask", question, "--reranker", "none", "--top-k", "2"))
    assert "the sources disagree: [1], [2]" in stderr


def test_ask__without_cross_encoder_or_language_model_falls_back(installation):
    for method in ("cross-encoder", "llm-pointwise"):
        answer, code = installation.refdesk_json("ask", "Where does the copper lantern hang?", "--reranker", method)
        assert code == 0
        assert answer["reranker"] == "late-interaction"
        assert [(f["method"], f["used"]) for f in answer["fallbacks"]] == [(method, "late-interaction")]
        assert answer["fallbacks"][0]["reason"]
        assert answer["answer"]


def test_ask__text_output(installation):
    result = installation.refdesk("ask", "Where does the copper lantern hang?", "--explain", "--reranker", "none")
    assert result.returncode == 0
    assert_plain(result)
    text = result.stdout.decode()
    assert "north hall" in text
    assert "[1] lantern (document 1)" in text
    assert "Ranking by none" in text


@pytest.mark.parametrize(
    ("question", "message"),
    [("", "empty"), ("why " * 25_000, "4,000"), ("   ", "empty")],
    ids=["none", "long", "blank"],
)
def test_ask__invalid_question_is_rejected(installation, question, message):
    before = installation.value("SELECT count(*) FROM jobs")
    result = installation.refdesk("ask", question, "--json")
    assert result.returncode == 1
    assert message in stderr_text(result)
    document = json.loads(result.stdout)
    assert set(document) == ANSWER
    assert (document["job"], document["answer"]) == (None, None)
    assert installation.value("SELECT count(*) FROM jobs") == before


def test_jobs__in_every_state(installation):
    jobs = {}
    for state in ("queued", "running", "succeeded", "failed", "cancelled", "dead"):
        jobs[state] = installation.submit("ask", {"question": f"a {state} one", "options": {}})
        # A start time in the future keeps workers from claiming the job.
        installation.value(
            f"UPDATE jobs SET run_after = now() + interval '1 day' WHERE id = {jobs[state]} RETURNING id"
        )
    installation.value(
        "UPDATE jobs SET state = 'running', stage = 'recall', lease_owner = 'w1', lease_token = gen_random_uuid(),"
        f" lease_since = now(), lease_expires = now() + interval '1 day' WHERE id = {jobs['running']} RETURNING id"
    )
    for state in ("succeeded", "failed", "cancelled", "dead"):
        installation.value(
            f"UPDATE jobs SET state = '{state}', finished_at = now(), attempt = 3, error_class = 'LlmTimeout',"
            f" error = 'too slow' WHERE id = {jobs[state]} RETURNING id"
        )
    expected = {
        "queued": "Rate limited until",
        "running": "Running on w1 since",
        "succeeded": "Done at",
        "failed": "Failed with LlmTimeout: too slow",
        "cancelled": "Cancelled at",
        "dead": f"Dead after 3 attempts. Retry with `refdesk jobs retry {jobs['dead']}`. Last error: LlmTimeout",
    }
    listed, _ = installation.refdesk_json("jobs", "list")
    states = {job["id"]: job["state"] for job in listed["jobs"]}
    explanations = installation.refdesk_all(*(("jobs", "why", str(job), "--json") for job in jobs.values()))
    for (state, job), result in zip(jobs.items(), explanations, strict=True):
        assert result.returncode == 0
        document = json.loads(result.stdout)
        assert document["state"] == states[job] == state
        assert document["why"].startswith(expected[state])
    rejected = installation.refdesk_all(
        ("jobs", "cancel", str(jobs["failed"]), "--json"),
        ("jobs", "retry", str(jobs["running"]), "--json"),
        ("jobs", "show", "999999", "--json"),
    )
    messages = ("is failed; only queued", "is running; only", "There is no job 999999 in this workspace")
    for result, message in zip(rejected, messages, strict=True):
        assert result.returncode == 1
        assert message in stderr_text(result)
        assert set(json.loads(result.stdout)) == {"error", "error_class"}
    document, code = installation.refdesk_json("jobs", "cancel", str(jobs["queued"]))
    assert (document["state"], code) == ("cancelled", 0)
    document, code = installation.refdesk_json("jobs", "cancel", str(jobs["running"]))
    assert (document["state"], code) == ("running", 0)
    installation.value(
        f"UPDATE jobs SET payload = jsonb_set(payload, '{{options}}', '{{}}') WHERE id = {jobs['dead']} RETURNING 1"
    )
    assert installation.refdesk("jobs", "retry", str(jobs["dead"])).returncode == 0
    installation.wait_for_state(jobs["dead"], "succeeded")
    shown = installation.refdesk("jobs", "show", str(jobs["failed"])).stdout.decode()
    assert "Failed with LlmTimeout: too slow" in shown


def test_docs__list_show_reingest_delete(installation):
    file = installation.folder / "meadow.md"
    file.write_text("# Meadow\n\n\x1b[31mThe meadow\x1b[0m is mown in June.\n")
    entry = installation.refdesk_json("ingest", str(file))[0]["documents"][0]
    number = str(entry["id"])
    listed, _ = installation.refdesk_json("docs", "list", "meadow")
    assert [document["id"] for document in listed["documents"]] == [entry["id"]]
    shown = installation.refdesk("docs", "show", number)
    assert_plain(shown)
    assert "is mown in June" in shown.stdout.decode()
    again, code = installation.refdesk_json("docs", "reingest", number)
    assert code == 0
    assert (again["documents"][0]["id"], again["documents"][0]["state"]) == (entry["id"], "succeeded")
    assert installation.refdesk("docs", "delete", number).returncode == 0
    result = installation.refdesk("docs", "show", number)
    assert result.returncode == 1
    assert number in stderr_text(result)


def test_sql__is_read_only(installation):
    table, code = installation.refdesk_json("sql", "SELECT current_user AS who, ':x' AS colon")
    assert (table, code) == ({"columns": ["who", "colon"], "rows": [["refdesk_read_login", ":x"]]}, 0)
    writes = ("DELETE FROM jobs", "CREATE TABLE t (i int)", "COMMIT; CREATE TABLE t (i int)", "SELECT * FROM blobs")
    for result in installation.refdesk_all(*(("sql", statement) for statement in writes)):
        assert result.returncode == 1
        assert stderr_text(result).startswith("PostgreSQL: ")
        assert_plain(result)
    assert installation.value("SELECT to_regclass('public.t')") is None
    psql = installation.refdesk("sql", stdin=b"SELECT current_user; CREATE TABLE t (i int);")
    assert b"refdesk_read_login" in psql.stdout
    assert b"read-only transaction" in psql.stderr


def test_doctor__reports_problems_and_how_to_fix_them(installation):
    report, code = installation.refdesk_json("doctor")
    assert (report["problems"], code) == (0, 0), report
    assert {check["name"]: check["detail"] for check in report["checks"]}["worker for query"] == "1 running"
    report, code = installation.refdesk_json(
        "doctor",
        REFDESK_EMBEDDING_MODEL="/nowhere",
        REDIS_URL="redis://:hidden-word@127.0.0.1:1",
        REFDESK_LLM_BASE_URL="http://127.0.0.1:1/v1",
    )
    problems = {check["name"]: check["detail"] for check in report["checks"] if check["status"] == "problem"}
    assert code == 1
    assert {"embedding model", "redis", "language model"} <= set(problems)
    assert "REDIS_URL" in problems["redis"]
    assert "REFDESK_LLM_BASE_URL" in problems["language model"]
    assert "hidden-word" not in json.dumps(report)


def test_output__closed_early_and_narrow(installation):
    command = f"'{sys.executable}' -m cli.main"
    for line, codes in ((f"{command} docs list | head -1", {0}), (f"{command} docs list >&-", {0, 1})):
        result = subprocess.run(
            ["bash", "-c", line], env=installation.environment, capture_output=True, check=False, timeout=60
        )
        assert result.returncode in codes
        assert b"Traceback" not in result.stderr
        assert b"Exception ignored" not in result.stderr
    table = installation.refdesk("jobs", "list", COLUMNS="30", NO_COLOR="1")
    assert_plain(table)
    header = table.stdout.decode().splitlines()[0]
    assert all(name in header for name in ("id", "kind", "state", "attempt", "about", "error"))
