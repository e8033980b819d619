"""The commands as a person meets them: what they print where, and how they end. One desk, two workers, no LLM."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ENTRY = {"id", "source", "title", "job", "state", "chunks", "error"}
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
def desk(shared_desk, tmp_path_factory):
    shared_desk.start_worker("ingest", REFDESK_FETCH_PRIVATE="1")
    shared_desk.start_worker("query")
    folder = tmp_path_factory.mktemp("documents")
    (folder / "lantern.txt").write_text(LANTERN)
    shared_desk.folder = folder
    assert shared_desk.refdesk("ingest", str(folder / "lantern.txt")).returncode == 0
    return shared_desk


def spoken(ended) -> str:
    return " ".join(ended.stderr.decode().split())


def assert_plain(ended) -> None:
    """No terminal is there: no colours, no cursor movements, no traceback."""
    assert b"\x1b" not in ended.stdout + ended.stderr
    assert b"Traceback" not in ended.stderr


def test_ingest__json_has_the_promised_keys_for_new_unchanged_and_failed(desk):
    lantern, missing = str(desk.folder / "lantern.txt"), str(desk.folder / "none.txt")
    (desk.folder / "empty.txt").write_text("")
    ended = desk.refdesk("ingest", lantern, str(desk.folder / "empty.txt"), missing, "--json")
    assert_plain(ended)
    assert ended.returncode == 1
    entries = json.loads(ended.stdout)["documents"]
    assert [set(entry) for entry in entries] == [ENTRY] * 3
    assert [entry["state"] for entry in entries] == ["succeeded", "failed", "failed"]
    assert [entry["source"] for entry in entries] == [lantern, str(desk.folder / "empty.txt"), missing]
    assert entries[0]["error"] is None
    assert entries[0]["chunks"] == 1
    assert entries[2]["job"] is None
    assert entries[2]["error"] == f"No such file or folder: {missing}."
    assert "0 added or updated, 1 unchanged, 2 failed" in spoken(ended)


def test_ingest__standard_input_and_a_name_that_is_no_text(desk):
    ended = desk.refdesk("ingest", "-", "--json", stdin=b"A pencil lies on the sill.")
    entry = json.loads(ended.stdout)["documents"][0]
    assert (entry["source"], entry["state"]) == ("-", "succeeded")
    file = desk.folder / "b\udcff.txt"
    file.write_text("A name with a byte that is no text.")
    ended = desk.refdesk("ingest", str(file), "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["documents"][0]["state"] == "succeeded"


class Page(BaseHTTPRequestHandler):
    """A web server with one page."""

    def do_GET(self):
        there = self.path == "/page"
        self.send_response(200 if there else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if there:
            self.wfile.write(b"<html><title>Orbit</title><body><p>The orbit takes ninety minutes.</p></body></html>")

    def log_message(self, *_):
        pass


def test_links__where_private_ones_are_allowed(desk):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        site = f"http://127.0.0.1:{server.server_port}"
        ended = desk.refdesk("ingest", f"{site}/page", f"{site}/gone", "http://127.0.0.1:1/dead", "--json")
    finally:
        server.shutdown()
        server.server_close()
    assert ended.returncode == 1
    page, gone, dead = json.loads(ended.stdout)["documents"]
    assert (page["state"], page["title"], page["source"]) == ("succeeded", "Orbit", f"{site}/page")
    assert "404" in gone["error"]
    assert "cannot be reached" in dead["error"]
    for entry in (gone, dead):
        assert desk.value(f"SELECT error_class FROM jobs WHERE id = {entry['job']}") == "LinkFailed"


def test_ask__json_has_the_promised_keys(desk):
    answer, code = desk.json("ask", "Where does the copper lantern hang?", "--reranker", "none", "--top-k", "1")
    assert code == 0
    assert set(answer) == ANSWER
    assert set(answer["citations"][0]) == {"n", "document", "title", "page", "quote", "source", "origin", "also_in"}
    assert set(answer["candidates"][0]) == {
        *("chunk", "document", "title", "recall_rank", "rank", "score", "reason", "flags"),
    }
    assert "north hall" in answer["answer"]
    assert answer["reranker"] == "none"


def test_ask__sources_that_disagree_and_a_copy(desk):
    names = {"plan": "18:00", "poster": "20:00", "copy": "18:00"}
    for name, time in names.items():
        file = desk.folder / f"{name}.txt"
        file.write_text(f"The orchard gate closes at {time}. Ask the gardener for the {time} key of the orchard gate.")
        assert desk.refdesk("ingest", str(file)).returncode == 0
    question = "When does the orchard gate close?"
    answer, code = desk.json("ask", question, "--reranker", "none", "--top-k", "2")
    assert code == 0
    assert answer["conflicts"] == [[1, 2]]
    assert {"18:00", "20:00"} <= set(re.findall(r"closes at (\d\d:\d\d)", answer["answer"]))
    assert answer["answer"].endswith("The sources disagree: [1] and [2].")
    assert [len(citation["also_in"]) for citation in answer["citations"]].count(1) == 1
    assert [candidate["flags"] for candidate in answer["candidates"][:3]].count(["duplicate"]) == 1
    told = spoken(desk.refdesk("ask", question, "--reranker", "none", "--top-k", "2"))
    assert "the sources disagree: [1], [2]" in told


def test_ask__without_cross_encoder_or_language_model_something_simpler_answers(desk):
    for method in ("cross-encoder", "llm-pointwise"):
        answer, code = desk.json("ask", "Where does the copper lantern hang?", "--reranker", method)
        assert code == 0
        assert answer["reranker"] == "late-interaction"
        assert [(f["method"], f["used"]) for f in answer["fallbacks"]] == [(method, "late-interaction")]
        assert answer["fallbacks"][0]["reason"]
        assert answer["answer"]


def test_ask__for_people(desk):
    ended = desk.refdesk("ask", "Where does the copper lantern hang?", "--explain", "--reranker", "none")
    assert ended.returncode == 0
    assert_plain(ended)
    text = ended.stdout.decode()
    assert "north hall" in text
    assert "[1] lantern (document 1)" in text
    assert "Ranking by none" in text


@pytest.mark.parametrize(
    ("question", "sentence"),
    [("", "empty"), ("why " * 25_000, "4,000"), ("   ", "empty")],
    ids=["none", "long", "blank"],
)
def test_ask__question_that_is_none(desk, question, sentence):
    before = desk.value("SELECT count(*) FROM jobs")
    ended = desk.refdesk("ask", question, "--json")
    assert ended.returncode == 1
    assert sentence in spoken(ended)
    document = json.loads(ended.stdout)
    assert set(document) == ANSWER
    assert (document["job"], document["answer"]) == (None, None)
    assert desk.value("SELECT count(*) FROM jobs") == before


def test_jobs__in_every_state(desk):
    jobs = {}
    for state in ("queued", "running", "succeeded", "failed", "cancelled", "dead"):
        jobs[state] = desk.submit("ask", {"question": f"a {state} one", "options": {}})
        # No worker may take it: due in the far future, or held.
        desk.value(f"UPDATE jobs SET run_after = now() + interval '1 day' WHERE id = {jobs[state]} RETURNING id")
    desk.value(
        "UPDATE jobs SET state = 'running', stage = 'recall', lease_owner = 'w1', lease_token = gen_random_uuid(),"
        f" lease_since = now(), lease_expires = now() + interval '1 day' WHERE id = {jobs['running']} RETURNING id"
    )
    for state in ("succeeded", "failed", "cancelled", "dead"):
        desk.value(
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
    listed, _ = desk.json("jobs", "list")
    states = {job["id"]: job["state"] for job in listed["jobs"]}
    whys = desk.refdesk_all(*(("jobs", "why", str(job), "--json") for job in jobs.values()))
    for (state, job), ended in zip(jobs.items(), whys, strict=True):
        assert ended.returncode == 0
        document = json.loads(ended.stdout)
        assert document["state"] == states[job] == state
        assert document["why"].startswith(expected[state])
    refused = desk.refdesk_all(
        ("jobs", "cancel", str(jobs["failed"]), "--json"),
        ("jobs", "retry", str(jobs["running"]), "--json"),
        ("jobs", "show", "999999", "--json"),
    )
    sentences = ("is failed; only queued", "is running; only", "There is no job 999999 in this workspace")
    for ended, sentence in zip(refused, sentences, strict=True):
        assert ended.returncode == 1
        assert sentence in spoken(ended)
        assert set(json.loads(ended.stdout)) == {"error", "error_class"}
    document, code = desk.json("jobs", "cancel", str(jobs["queued"]))
    assert (document["state"], code) == ("cancelled", 0)
    document, code = desk.json("jobs", "cancel", str(jobs["running"]))
    assert (document["state"], code) == ("running", 0)
    desk.value(
        f"UPDATE jobs SET payload = jsonb_set(payload, '{{options}}', '{{}}') WHERE id = {jobs['dead']} RETURNING 1"
    )
    assert desk.refdesk("jobs", "retry", str(jobs["dead"])).returncode == 0
    desk.wait_for_state(jobs["dead"], "succeeded")
    shown = desk.refdesk("jobs", "show", str(jobs["failed"])).stdout.decode()
    assert "Failed with LlmTimeout: too slow" in shown


def test_docs__list_show_reingest_delete(desk):
    file = desk.folder / "meadow.md"
    file.write_text("# Meadow\n\n\x1b[31mThe meadow\x1b[0m is mown in June.\n")
    entry = desk.json("ingest", str(file))[0]["documents"][0]
    number = str(entry["id"])
    listed, _ = desk.json("docs", "list", "meadow")
    assert [document["id"] for document in listed["documents"]] == [entry["id"]]
    shown = desk.refdesk("docs", "show", number)
    assert_plain(shown)
    assert "is mown in June" in shown.stdout.decode()
    again, code = desk.json("docs", "reingest", number)
    assert code == 0
    assert (again["documents"][0]["id"], again["documents"][0]["state"]) == (entry["id"], "succeeded")
    assert desk.refdesk("docs", "delete", number).returncode == 0
    ended = desk.refdesk("docs", "show", number)
    assert ended.returncode == 1
    assert number in spoken(ended)


def test_sql__reads_and_never_writes(desk):
    table, code = desk.json("sql", "SELECT current_user AS who, ':x' AS colon")
    assert (table, code) == ({"columns": ["who", "colon"], "rows": [["refdesk_read", ":x"]]}, 0)
    writes = ("DELETE FROM jobs", "CREATE TABLE t (i int)", "COMMIT; CREATE TABLE t (i int)", "SELECT * FROM blobs")
    for ended in desk.refdesk_all(*(("sql", statement) for statement in writes)):
        assert ended.returncode == 1
        assert spoken(ended).startswith("PostgreSQL: ")
        assert_plain(ended)
    assert desk.value("SELECT to_regclass('public.t')") is None
    psql = desk.refdesk("sql", stdin=b"SELECT current_user; CREATE TABLE t (i int);")
    assert b"refdesk_read" in psql.stdout
    assert b"read-only transaction" in psql.stderr


def test_doctor__says_what_is_wrong_and_the_way_out(desk):
    whole, code = desk.json("doctor")
    assert (whole["problems"], code) == (0, 0), whole
    assert {check["name"]: check["detail"] for check in whole["checks"]}["worker for query"] == "1 running"
    whole, code = desk.json(
        "doctor",
        REFDESK_EMBEDDING_MODEL="/nowhere",
        REDIS_URL="redis://:hidden-word@127.0.0.1:1",
        REFDESK_LLM_BASE_URL="http://127.0.0.1:1/v1",
    )
    problems = {check["name"]: check["detail"] for check in whole["checks"] if check["status"] == "problem"}
    assert code == 1
    assert {"embedding model", "redis", "language model"} <= set(problems)
    assert "REDIS_URL" in problems["redis"]
    assert "REFDESK_LLM_BASE_URL" in problems["language model"]
    assert "hidden-word" not in json.dumps(whole)


def test_output__closed_early_and_narrow(desk):
    command = f"'{sys.executable}' -m cli.main"
    for line, codes in ((f"{command} docs list | head -1", {0}), (f"{command} docs list >&-", {0, 1})):
        ended = subprocess.run(["bash", "-c", line], env=desk.environment, capture_output=True, check=False, timeout=60)
        assert ended.returncode in codes
        assert b"Traceback" not in ended.stderr
        assert b"Exception ignored" not in ended.stderr
    wide = desk.refdesk("jobs", "list", COLUMNS="30", NO_COLOR="1")
    assert_plain(wide)
    heads = wide.stdout.decode().splitlines()[0]
    assert all(name in heads for name in ("id", "kind", "state", "attempt", "about", "error"))
