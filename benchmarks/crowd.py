"""Measure how long people wait who ask at the same time in one channel of a fake Discord.

    .venv/bin/python scripts/install worker embedded bot benchmarks
    .venv/bin/python -m benchmarks.run --only crowd           # or, to print the table only:
    .venv/bin/python -m benchmarks.crowd [--people 6,15,50] [--workers 1,2]

Bot and query workers are real processes. The language model streams an answer for 5 s. The fake Discord accepts five
edits, and five new messages, per channel and five edits per interaction token in 5 s.

answer   from the question until its answer is complete
delay    from the end of the job in the database until its answer is complete in Discord
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import text

from benchmarks.concurrency import percentile_95
from benchmarks.ingest import ingest, write_notes
from benchmarks.product import build_settings, set_environment
from benchmarks.results import BenchmarkResult, Measurement, Options, Table
from cli.context import CommandContext, open_context
from cli.temporary_workers import log_path, start_worker, stop_workers, wait_ready
from pipeline.backends.models.model_files import PACKAGED_MODEL
from tests.fake_discord import FakeDiscord
from tests.fake_discord.model import Channel, Message

MODEL_S = 5.0
"""Seconds for which the language model streams an answer."""
PIECES = 5
PEOPLE = (6, 15, 50)
WORKERS = (1, 2)
NOTES = 50
"""Documents of the library that is asked."""
EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"
EDIT_ORIGINAL = "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original"
POST = "POST /channels/{channel_id}/messages"
LIMIT, LIMIT_WINDOW_S = 5, 5.0
TIMEOUT_S = 300.0
MAX_DELAY_S = 2.0

AskedBy = Literal["/ask", "mention"]


class StreamingModel(BaseHTTPRequestHandler):
    """A chat endpoint that streams sentences of the first passage for `MODEL_S`, as tokens arrive from a model."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        passage = re.search(r'<passage n="1" .*>\n([^<]+)', request["messages"][-1]["content"])
        sentences = re.findall(r"[^.]+\.", passage[1]) if passage else ["No passage."]
        pieces = [f"{sentences[n % len(sentences)].strip()[:-1]} [1]. " for n in range(PIECES)]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if request.get("stream") else "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        if not request.get("stream"):
            time.sleep(MODEL_S)
            message = {"role": "assistant", "content": "".join(pieces)}
            self._write({"model": "slow", "choices": [{"message": message, "finish_reason": "stop"}]})
        else:
            for piece in pieces:
                time.sleep(MODEL_S / PIECES)
                self._write_event({"model": "slow", "choices": [{"index": 0, "delta": {"content": piece}}]})
            self._write_event({"model": "slow", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _write(self, body: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(body).encode())

    def _write_event(self, body: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(body).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class ModelServer(ThreadingHTTPServer):
    """Accepts the calls of a crowd at once."""

    request_queue_size = 64
    daemon_threads = True


@dataclass(frozen=True, slots=True)
class CrowdRun:
    """What people waited in one run, in seconds, and the requests that the bot sent."""

    asked_by: AskedBy
    people: int
    workers: int
    first: list[float]
    """From the question until the first text of the bot."""
    answer: list[float]
    delay: list[float]
    edits: int
    posts: int
    rejected: int
    """Requests that Discord rejected with 429."""


def run_crowd(
    front: CommandContext, fake: FakeDiscord, channel: Channel, asked_by: AskedBy, people: int, workers: int
) -> CrowdRun:
    """Let people ask at the same time and wait for all answers."""
    before = len(fake.requests)
    asked: list[tuple[float, Any]] = []
    for number in range(people):
        person = fake.add_user(f"member {number}")
        assert channel.guild is not None
        fake.add_member(channel.guild, person)
        question = f"What does the quarry signal {number} say about the granite lantern?"
        at = fake.clock.now()
        if asked_by == "/ask":
            asked.append((at, person.slash("ask", channel=channel, question=question)))
        else:
            asked.append((at, person.say(channel, question, mentions_bot=True)))
    wait_for_answers(fake, [source for _, source in asked])
    messages = [_find_answer(source) for _, source in asked]
    finished = read_finish_times(front, [message for message in messages if message is not None], fake)
    requests = fake.requests[before:]
    sent = [request for request in requests if request.status == 200]
    first, answer, delay = [], [], []
    for (at, _), message in zip(asked, messages, strict=True):
        assert message is not None
        shown = next(seen.at for seen in message.history if "Sources" in seen.text)
        first.append(next(seen.at for seen in message.history if seen.text) - at)
        answer.append(shown - at)
        delay.append(shown - finished[str(message.id)])
    return CrowdRun(
        asked_by,
        people,
        workers,
        first,
        answer,
        delay,
        edits=sum(request.route in {EDIT, EDIT_ORIGINAL} for request in sent),
        posts=sum(request.route == POST for request in sent),
        rejected=sum(request.status == 429 for request in requests),
    )


def wait_for_answers(fake: FakeDiscord, sources: Sequence[Any]) -> None:
    """Wait until every question has its complete answer, which has the button "Sources"."""

    def is_answered(source: Any) -> bool:
        message = _find_answer(source)
        return message is not None and "Sources" in message.text

    waiting = list(sources)

    def all_answered() -> bool:
        waiting[:] = [source for source in waiting if not is_answered(source)]
        return not waiting

    fake.wait_until(all_answered, TIMEOUT_S, f"answers to {len(sources)} questions")


def read_finish_times(front: CommandContext, messages: Sequence[Message], fake: FakeDiscord) -> dict[str, float]:
    """Return when the job behind each message ended, on the fake's clock."""
    find = text(
        "SELECT d.message_id, extract(epoch FROM max(j.finished_at)) FROM deliveries d"
        " JOIN jobs j ON j.delivery_id = d.id WHERE d.message_id = ANY (:ids) GROUP BY 1"
    )

    def read() -> dict[str, float]:
        with front.database.system() as session:
            rows = session.execute(find, {"ids": [str(message.id) for message in messages]}).all()
        return {number: float(at) for number, at in rows}

    # The answer is shown shortly before the ID of a posted message is recorded.
    fake.wait_until(lambda: len(read()) == len(messages), TIMEOUT_S, "recorded messages")
    skew_s = fake.clock.now() - time.time()
    return {number: at + skew_s for number, at in read().items()}


def _find_answer(source: Any) -> Message | None:
    if not isinstance(source, Message):
        original: Message | None = source.original
        return original
    replies = [message for message in source.channel.messages if message.reply_to is source]
    return replies[0] if replies else None


@contextmanager
def open_community(folder: Path) -> Iterator[tuple[CommandContext, FakeDiscord]]:
    """Start a fake Discord with one server, an installation with its library, and a bot process."""
    settings = build_settings(folder / "home")
    model = ModelServer(("127.0.0.1", 0), StreamingModel)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    variables = {
        "REFDESK_HOME": str(settings.servers.home),
        "REFDESK_EMBEDDING_MODEL": PACKAGED_MODEL,
        "REFDESK_LLM_BASE_URL": f"http://127.0.0.1:{model.server_port}/v1",
        "REFDESK_LLM_MODEL": "slow",
        "REFDESK_QUESTIONS_PER_DAY": "0",
    }
    with set_environment(**variables), FakeDiscord() as fake, open_context(settings, roles=("ingest",)) as front:
        guild = fake.add_guild("Community")
        ingest(front, front.workspace(f"guild:{guild.id}"), write_notes(folder / "notes", NOTES, seed=1))
        front.workers.stop()
        for route in (EDIT, EDIT_ORIGINAL, POST):
            fake.limit(route, LIMIT, per_s=LIMIT_WINDOW_S)
        bot = start_bot(front, fake)
        try:
            fake.wait_ready(timeout_s=60.0)
            yield front, fake
        finally:
            stop_workers([bot])
            model.shutdown()
            model.server_close()


def start_bot(front: CommandContext, fake: FakeDiscord) -> subprocess.Popen[bytes]:
    """Start a bot process that connects to the fake Discord."""
    servers = {"DATABASE_URL": front.urls.database_url, "REDIS_URL": front.urls.redis_url}
    with log_path(front.settings, "bot").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bot"],
            env=os.environ | servers | fake.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def run_query_workers(front: CommandContext, count: int) -> Iterator[None]:
    """Run query workers."""
    processes = [start_worker(front.settings, front.urls, "query") for _ in range(count)]
    try:
        for process in processes:
            wait_ready(front.database, "query", process, log_path(front.settings, "query"))
        yield
    finally:
        stop_workers(processes)


def measure(people: Sequence[int], workers: Sequence[int]) -> list[CrowdRun]:
    """Measure all combinations."""
    runs: list[CrowdRun] = []
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder, open_community(Path(folder)) as (front, fake):
        guild = next(iter(fake.world.guilds.values()))
        for number in workers:
            with run_query_workers(front, number):
                run_crowd(front, fake, fake.add_channel(guild, "warm-up"), "/ask", 2, number)
                for asked_by in ("/ask", "mention"):
                    for count in people:
                        channel = fake.add_channel(guild, f"c{len(runs)}")
                        runs.append(run_crowd(front, fake, channel, asked_by, count, number))
                        print(" | ".join(_format_row(runs[-1])), flush=True)
    return runs


COLUMNS = (
    "asked by",
    "people",
    "query workers",
    "first text p50, s",
    "first text p95, s",
    "answer p50, s",
    "answer p95, s",
    "delay p50, s",
    "delay max, s",
    "edits",
    "new messages",
    "429",
)


def _format_row(run: CrowdRun) -> tuple[str, ...]:
    figures = (
        statistics.median(run.first),
        percentile_95(run.first),
        statistics.median(run.answer),
        percentile_95(run.answer),
        statistics.median(run.delay),
        max(run.delay),
    )
    counts = (run.edits, run.posts, run.rejected)
    return (run.asked_by, str(run.people), str(run.workers), *(f"{value:.1f}" for value in figures), *map(str, counts))


def run_benchmark(options: Options) -> BenchmarkResult:
    """Run all combinations, or the smallest one."""
    people, workers = ((3,), (1,)) if options.quick else (PEOPLE, WORKERS)
    runs = measure(people, workers)
    conditions = (
        f"{NOTES} notes in the library; a language model that streams for {MODEL_S:g} s; {LIMIT} edits and {LIMIT} new"
        f" messages per channel, and {LIMIT} edits per interaction token, in {LIMIT_WINDOW_S:g} s."
    )
    measurements = [
        Measurement(
            f"longest delay of a finished answer, {run.people} people, {run.asked_by}",
            max(run.delay),
            "s",
            at_most=MAX_DELAY_S,
        )
        for run in runs
        if run.workers == workers[0]
    ]
    table = Table(COLUMNS, tuple(_format_row(run) for run in runs))
    return BenchmarkResult("crowd", conditions, tuple(measurements), tables=(table,))


def main() -> None:
    """Run the chosen combinations and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", default="6,15,50", help="Numbers of people, separated by commas.")
    parser.add_argument("--workers", default="1,2", help="Numbers of query workers, separated by commas.")
    arguments = parser.parse_args()
    people, workers = ([int(part) for part in given.split(",")] for given in (arguments.people, arguments.workers))
    print(" | ".join(COLUMNS))
    measure(people, workers)


if __name__ == "__main__":
    main()
