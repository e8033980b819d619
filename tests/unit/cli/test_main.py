"""The command line without servers: usage errors, rejected input, stdout and stderr."""

from __future__ import annotations

import io
import json
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

import migrations
from cli import console, sources
from cli.ask import show_answer
from cli.ingest import IngestResult, format_result, print_summary
from cli.main import app
from cli.temporary_workers import last_line
from cli.up import RESTART_PAUSES_S, STABLE_AFTER_S, SupervisedProcess
from config.redis_server import read_redis_version
from pipeline.errors import FileTooLarge, InvalidInput, LinkNotAllowed, SetupError

ANSWER = [
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
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder; any connection to a server fails immediately."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REFDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hidden-word@127.0.0.1:1/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    errors = io.StringIO()
    monkeypatch.setattr(console.err, "file", errors)

    def run_command(*arguments: str):
        errors.seek(0)
        errors.truncate()
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        stderr = " ".join((errors.getvalue() + result.stderr).split())
        return SimpleNamespace(code=result.exit_code, stdout=result.stdout, stderr=stderr)

    return run_command


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "ask",
        "ask q --nonsense",
        "ask q --top-n 0",
        "ask q --top-n many",
        "ask q --top-k 21",
        "ask q --recall magic",
        "ask q --reranker magic --json",
        "ingest",
        "worker magic",
        "docs",
        "docs show one",
        "docs show 0",
        "jobs why 99999999999999999999",
        "jobs list --state asleep",
        "jobs list --kind magic",
        "jobs list --limit 0",
        "sql --nonsense",
    ],
)
def test_usage__invalid_command_or_option_exits_with_2(run, line):
    result = run(*line.split())
    assert result.code == 2
    assert result.stdout == ""
    assert "Usage: " in result.stderr


def test_usage__option_without_a_value_exits_with_2(run):
    result = run("ingest", "a", "--channel")
    assert (result.code, result.stdout) == (2, "")
    assert "--channel" in result.stderr


@pytest.mark.parametrize("line", ["--help", "--version", "ask --help", "jobs retry --help", "sql --list"])
def test_help__exits_with_0(run, line):
    assert run(*line.split()).code == 0


def test_ask__rejected_question_prints_one_document_with_all_keys(run):
    for question in ("", "  \n", "why " * 25_000):
        result = run("ask", question, "--json")
        assert result.code == 1
        assert list(json.loads(result.stdout)) == ANSWER
        assert result.stderr.startswith("The question")


def test_ask__text_output_shows_conflicts_and_copies(run, capsys, monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(console.err, "file", stderr)
    cited = [
        {"n": n, "document": n, "title": f"Plan {n}", "page": None, "quote": "", "source": "", "origin": ""}
        | {"also_in": [{"document": 9, "title": "Copy"}] if n == 1 else []}
        for n in (1, 2)
    ]
    show_answer({"answer": "A [1], B [2].", "citations": cited, "conflicts": [[1, 2]], "fallbacks": []}, explain=False)
    assert capsys.readouterr().out.splitlines() == [
        "A [1], B [2].",
        "",
        "[1] Plan 1 (document 1), also in: Copy (document 9)",
        "[2] Plan 2 (document 2)",
    ]
    assert stderr.getvalue() == "the sources disagree: [1], [2]\n"


def test_database_unreachable__one_message_one_document_no_password(run):
    for line in ("docs list", "jobs list", "sql jobs", "jobs why 1", "docs delete 1"):
        result = run(*line.split(), "--json")
        assert result.code == 1
        assert json.loads(result.stdout)["error_class"] == "DatabaseUnavailable"
        assert result.stderr.startswith("The database is unreachable. Check DATABASE_URL")
        assert "hidden-word" not in result.stderr + result.stdout


def test_ingest__setup_error_lists_every_source_as_failed(run):
    result = run("ingest", "one.txt", "https://example.org/", "--json")
    assert result.code == 1
    entries = json.loads(result.stdout)["documents"]
    assert [entry["source"] for entry in entries] == ["one.txt", "https://example.org/"]
    assert all(
        list(entry) == ["id", "source", "title", "job", "state", "chunks", "error", "unread"] for entry in entries
    )
    assert all(entry["state"] == "failed" and "DATABASE_URL" in entry["error"] for entry in entries)


def test_redis_url__invalid_is_a_setup_error():
    for url in ("nonsense", "http://host/", "redis://127.0.0.1:port"):
        with pytest.raises(SetupError, match="REDIS_URL must be a Redis URL"):
            read_redis_version(url)


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:hidden-word@h/d", "postgresql://u:hidden-word@h:port/d"])
def test_database_url__invalid_is_reported_without_the_password(run, monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    result = run("docs", "list")
    assert result.code == 1
    assert result.stderr.startswith("DATABASE_URL must be a PostgreSQL URL")
    assert "hidden-word" not in result.stderr


def test_settings__invalid_values_are_named(run, monkeypatch):
    monkeypatch.setenv("REFDESK_TOP_N", "0")
    monkeypatch.setenv("REFDESK_LOG_LEVEL", "LOUD")
    result = run("jobs", "list", "--json")
    assert result.code == 1
    assert "REFDESK_TOP_N" in result.stderr
    assert "REFDESK_LOG_LEVEL" in result.stderr
    assert json.loads(result.stdout)["error_class"] == "SetupError"


def test_sources__unreadable_ones_have_an_error(tmp_path):
    (tmp_path / "large.txt").write_bytes(b"x" * 101)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".hidden").write_text("x")
    names = [
        "nowhere.txt",
        str(tmp_path / "large.txt"),
        str(tmp_path / "folder"),
        "ftp://example.org/x",
        "/dev/null",
    ]
    found = list(sources.find_sources(names, max_bytes=100))
    assert [type(named.error) for named in found] == [
        InvalidInput,
        FileTooLarge,
        InvalidInput,
        LinkNotAllowed,
        InvalidInput,
    ]
    assert [named.argument for named in found] == names


def test_sources__standard_input(monkeypatch):
    for content, error in ((b"", InvalidInput), (b"x" * 101, FileTooLarge), (b"x", type(None))):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        (named,) = sources.find_sources(["-"], max_bytes=100)
        assert type(named.error) is error


def test_sources__undecodable_file_name_is_escaped(tmp_path):
    file = tmp_path / "b\udcff.txt"
    file.write_text("x")
    (named,) = sources.find_sources([str(file)], max_bytes=100)
    for text in (named.name, named.argument, named.identity):
        assert text.encode().endswith(b"b\\udcff.txt")


def test_text__control_characters_are_replaced(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=shown, force_terminal=True, color_system=None, width=80))
    console.print_line("a\x1b[2Jb\x9bc [bold]d[/bold]\x07")
    console.print_table(("n",), [("x\x1b]0;y\x07\nz",)])
    assert "\x1b" not in shown.getvalue()
    assert "\x9b" not in shown.getvalue()
    assert "a\ufffd[2Jb\ufffdc [bold]d[/bold]\ufffd" in shown.getvalue()


def test_table__without_terminal_prints_one_line_per_row(capsys):
    console.print_table(("one", "two"), [("word " * 60, "end"), (None, 0.123456)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[2].rstrip().endswith("end")
    assert "0.1235" in lines[3]


def test_json__is_escaped_for_an_ascii_output(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.print_json({"title": "Bücher \udcff"})
    assert json.loads(raw.getvalue())["title"].startswith("Bücher")


def test_summary__counts_every_entry_once(run, monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr("cli.ingest.print_note", lambda text, style="": lines.append(text))
    monkeypatch.setattr("cli.ingest.print_error", lines.append)
    print_summary(
        [
            IngestResult("a", 1, "succeeded", 1, "A", 2),
            IngestResult("b", 2, "succeeded", 2, "B", 2, unchanged=True),
            IngestResult("c", 3, "failed", error="broken"),
            IngestResult("d", None, "failed", error="not there"),
            IngestResult("e", 4, "queued"),
        ]
    )
    assert lines[0] == "✗ d: not there"
    assert lines[1].startswith("1 added or updated, 1 unchanged, 2 failed, 1 waiting")
    assert (
        format_result(IngestResult("b", 2, "succeeded", 2, "B", 2, unchanged=True))
        == "= b: unchanged, document 2, 2 chunks"
    )


def test_up__restart_pauses_grow_and_reset_after_a_stable_run():
    process = SupervisedProcess("query", SimpleNamespace(), started=0.0)  # type: ignore[arg-type]
    pauses = []
    for _ in range(len(RESTART_PAUSES_S) + 2):
        pauses.append(process.schedule_restart(process.started + 1))
        process.started += 2
    assert pauses == [*RESTART_PAUSES_S, RESTART_PAUSES_S[-1], RESTART_PAUSES_S[-1]]
    assert process.schedule_restart(process.started + STABLE_AFTER_S) == RESTART_PAUSES_S[0]


def test_last_line__is_decoded_from_a_log(tmp_path):
    log = tmp_path / "log"
    assert last_line(log) == "no output"
    log.write_bytes(b"one\n\xfftwo\n\n")
    assert last_line(log) == "\ufffdtwo"


def test_states__are_those_of_the_ledger():
    from cli.jobs import StateName

    ledger = (Path(migrations.__file__).parent / "versions" / "20261122_01_initial.up.sql").read_text()
    (listed,) = re.findall(r"state IN \(('queued', 'running'[^)]*'dead')\)", ledger)[:1]
    assert {state.value for state in StateName} == set(re.findall(r"'(\w+)'", listed))


def test_arguments__undecodable_bytes_are_cleaned(run, monkeypatch):
    submitted = []

    def submit(front, workspace, question, options, channels):
        submitted.extend([question, *channels])
        return SimpleNamespace(result={})

    monkeypatch.setattr("cli.ask.cli_context.open_context", lambda settings, roles: nullcontext())
    monkeypatch.setattr("cli.ask.submit_and_wait", submit)
    assert run("ask", "caf\udce9 opens when", "--channel", "a\udcff", "--json").code == 0
    assert submitted == ["caf opens when", "a\\udcff"]
    (link,) = sources.find_sources(["http://127.0.0.1:1/\udcff"], max_bytes=1)
    assert {link.argument, link.identity, link.name, link.url} == {"http://127.0.0.1:1/\\udcff"}


def test_evaluate__rejected_folder_prints_one_document(run):
    result = run("evaluate", "nowhere", "--json")
    assert result.code == 1
    assert json.loads(result.stdout)["error_class"] == "InvalidInput"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2Jb", "n" * 201])
def test_profiles__invalid_name_is_rejected(run, name):
    result = run("profiles", "add", name, "--model", "any")
    assert (result.code, result.stderr) == (1, "The name of a profile must be one line of 1 to 200 characters.")


def test_evaluate__unwritable_plot_is_reported_before_measuring(run):
    result = run("evaluate", "--feedback", "--json", "--plot", "missing/x.png")
    assert result.code == 1
    assert "the folder missing does not exist" in result.stderr + result.stdout


@pytest.mark.parametrize(
    ("words", "expected"), [("do", {"docs", "doctor"}), ("jobs re", {"retry"}), ("ask --rer", {"--reranker"})]
)
def test_completion__commands_and_options(monkeypatch, words, expected):
    line = f"refdesk {words}"
    monkeypatch.setenv("_REFDESK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    completed = CliRunner().invoke(app, [], prog_name="refdesk")
    assert expected <= set(completed.stdout.split())
