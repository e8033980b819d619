"""Measure how long a document or a question waits behind those of another server, or of another person.

    .venv/bin/python -m benchmarks.fairness [--notes 10000]

Everything runs in real processes: one ingest worker, one query worker, and a model server that takes half a second.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.concurrency import SlowModelServer, run_workers
from benchmarks.ingest import sentence
from benchmarks.product import set_environment
from benchmarks.results import BenchmarkResult, Measurement, Options, Table
from cli.context import CommandContext, open_context
from cli.waiting import wait_for
from config.setting_groups import ServerSettings
from config.settings import Settings
from db import blobs, jobs
from pipeline.backends.models.model_files import PACKAGED_MODEL
from tasks.roles import Role

MODEL_S = 0.5
"""Seconds that the model server takes for a call."""
ROUNDS = 3
"""Notes and questions per situation."""
NOTES_OF_PERSON = 500
QUESTIONS = 200
ANSWER = "The signal of the harbour is a red lantern on the northern pier."
OPTIONS = {"recall": "hybrid", "top_n": 50, "top_k": 3, "reranker": "none"}


def submit_notes(
    front: CommandContext, workspace: str, requester: str, count: int, *, text: str | None = None
) -> list[int]:
    """Submit short documents of one person, with random sentences or one text, and return their job IDs."""
    workspace_id = front.workspace(workspace)
    rng = random.Random(time.perf_counter_ns())
    numbers = []
    for start in range(0, count, 500):
        new_jobs = []
        with front.database.tenant(workspace_id) as session:
            for number in range(start, min(start + 500, count)):
                content = text or " ".join(sentence(rng) for _ in range(rng.randint(2, 5)))
                sha256 = blobs.store(session, workspace_id, content.encode())
                source = f"{requester}-{rng.getrandbits(64)}-{number}.txt"
                payload = {"source": source, "name": source, "sha256": sha256, "channels": None}
                new_jobs.append(jobs.NewJob(workspace_id, "ingest", payload, requester=requester))
        numbers += front.submitter.submit(new_jobs)
    return numbers


def submit_questions(front: CommandContext, workspace: str, requester: str, count: int) -> list[int]:
    """Submit questions of one person and return their job IDs."""
    workspace_id = front.workspace(workspace)
    questions = [f"What is the signal of the harbour on day {n}?" for n in range(count)]
    payloads = [{"question": question, "options": OPTIONS, "channels": []} for question in questions]
    return front.submitter.submit(
        [jobs.NewJob(workspace_id, "ask", payload, requester=requester) for payload in payloads]
    )


def wait_until_done(front: CommandContext, workspace: str, numbers: Sequence[int], role: Role) -> None:
    """Wait until jobs have ended, and require that they succeeded."""
    states: list[str] = []
    workspace_id = front.workspace(workspace)
    wait_for(front, workspace_id, numbers, role, lambda seen: states.extend(j.state for j in seen if j.finished))
    assert states == ["succeeded"] * len(numbers), set(states)


def prepare(front: CommandContext) -> None:
    """Add a document that answers the question to both servers, and ask it once."""
    for server in ("busy", "quiet"):
        wait_until_done(front, server, submit_notes(front, server, "first", 1, text=ANSWER), "ingest")
        time_question(front, server, "first")


def time_note(front: CommandContext, workspace: str, requester: str) -> float:
    """Return the seconds from the submission of a note until it can be recalled."""
    started = time.perf_counter()
    wait_until_done(front, workspace, submit_notes(front, workspace, requester, 1), "ingest")
    return time.perf_counter() - started


def time_question(front: CommandContext, workspace: str, requester: str) -> float:
    """Return the seconds from the submission of a question until its answer is known."""
    started = time.perf_counter()
    wait_until_done(front, workspace, submit_questions(front, workspace, requester, 1), "query")
    return time.perf_counter() - started


@contextmanager
def open_installation() -> Iterator[tuple[CommandContext, Path]]:
    """Run workers and a model server in a temporary folder; yields the context and the data folder."""
    with (
        tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder,
        SlowModelServer(MODEL_S) as server,
        set_environment(
            REFDESK_HOME=f"{folder}/home",
            REFDESK_EMBEDDING_MODEL=PACKAGED_MODEL,
            REFDESK_LLM_BASE_URL=server.url,
            REFDESK_LLM_MODEL="slow",
        ),
        open_context(Settings(_env_file=None, servers=ServerSettings(home=Path(folder) / "home"))) as front,
        run_workers(front, "ingest", "query"),
    ):
        yield front, Path(folder) / "home"


def measure(notes: int, notes_of_person: int = NOTES_OF_PERSON, questions: int = QUESTIONS) -> dict[str, list[float]]:
    """Return the seconds of notes and questions by situation."""
    seconds: dict[str, list[float]] = {}

    def record(situation: str, values: list[float]) -> None:
        seconds[situation] = values
        print(f"{situation}: {', '.join(f'{value:.1f}' for value in values)} s", flush=True)

    with open_installation() as (front, _):
        prepare(front)
        record("note, alone", [time_note(front, "quiet", "reader") for _ in range(ROUNDS)])
        record("question, alone", [time_question(front, "quiet", "reader") for _ in range(ROUNDS)])
        pending = submit_questions(front, "busy", "crowd", questions)
        asked = [time_question(front, "quiet", "reader") for _ in range(ROUNDS)]
        record(f"question, behind {questions} of another server", asked)
        wait_until_done(front, "busy", pending, "query")
        pending = submit_questions(front, "quiet", "crowd", questions)
        asked = [time_question(front, "quiet", "reader") for _ in range(ROUNDS)]
        record(f"question, behind {questions} of another person of the server", asked)
        wait_until_done(front, "quiet", pending, "query")
        pending = submit_notes(front, "quiet", "collector", notes_of_person)
        added = [time_note(front, "quiet", "reader") for _ in range(ROUNDS)]
        record(f"note, behind {notes_of_person} of another person of the server", added)
        wait_until_done(front, "quiet", pending, "ingest")
        submit_notes(front, "busy", "collector", notes)
        added = [time_note(front, "quiet", "reader") for _ in range(ROUNDS)]
        record(f"note, behind {notes:,} of another server", added)
        with front.database.tenant(front.workspace("busy")) as session:
            seconds["left"] = [float(jobs.count_open(session))]
    return seconds


def run_benchmark(options: Options) -> BenchmarkResult:
    """Measure all situations."""
    sizes = (200, 60, 32) if options.quick else (options.chunks or 10_000, NOTES_OF_PERSON, QUESTIONS)
    seconds = measure(*sizes)
    left = seconds.pop("left")[0]
    rows = tuple(
        (name, *(f"{value:.1f}" for value in (min(values), statistics.median(values), max(values))))
        for name, values in seconds.items()
    )
    alone = {kind: statistics.median(seconds[f"{kind}, alone"]) for kind in ("note", "question")}
    measurements = tuple(
        Measurement(name, max(values), "s", at_most=round(3 * alone[name.split(",")[0]] + 5, 1))
        for name, values in seconds.items()
        if not name.endswith("alone")
    )
    conditions = (
        f"One ingest worker and one query worker; a language model that takes {MODEL_S:g} s; {ROUNDS} notes or"
        f" questions per row, one after the other. {left:,.0f} notes of the other server still waited at the end."
    )
    table = Table(("situation", "fastest, s", "median, s", "slowest, s"), rows)
    return BenchmarkResult("fairness", conditions, measurements, (table,))


def main() -> None:
    """Measure all situations and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=10_000, help="Queued notes of another server.")
    print(run_benchmark(Options(chunks=parser.parse_args().notes)).conditions)


if __name__ == "__main__":
    main()
