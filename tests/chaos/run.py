"""One run: rounds of faults, the wait until everything is done, and the checks."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from db.verify import default_grace_s, verify
from pipeline.errors import SetupError
from tests.chaos.cluster import ABSTAINED, LEASE_S, SWEEP_S, Cluster
from tests.chaos.faults import FaultInjector, Injection
from tests.chaos.workload import SOURCES, Workload
from tests.fake_discord.model import Message

INTERVAL_S = (0.05, 0.4)
CHECK_EVERY = 5
TRIES = 5
CALM_TIMEOUT_S = 90.0
"""Seconds for everything to end after the last fault, or after the last retry that is planned then."""
START_TIMEOUT_S = 150.0
GRACE_S = 1.0
"""Grace period of the checks; longer than nothing should take when no job is open."""
OPEN = """
    SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')),
           (SELECT count(*) FROM deliveries WHERE state = 'open'),
           (SELECT count(*) FROM embedding_queue)
"""
LAST_RETRY_S = """
    SELECT greatest(0, coalesce(extract(epoch FROM max(run_after) - now()), 0)) FROM jobs WHERE state = 'queued'
"""
JOBS = """
    SELECT id, kind, state, attempt, extract(epoch FROM created_at)::float, extract(epoch FROM finished_at)::float
    FROM jobs
"""
LIVE = """
    SELECT d.source, encode(v.sha256, 'hex') FROM documents d JOIN document_versions v ON v.id = d.live_version_id
    JOIN workspaces w ON w.id = d.workspace_id WHERE w.key = %s
"""
DELIVERIES = "SELECT message_id, state, coalesce(error, '') FROM deliveries WHERE channel_id = %s"


@dataclass
class RunResult:
    """What happened in a run."""

    seed: int
    injections: list[Injection] = field(default_factory=list)
    recovery_s: dict[int, list[float]] = field(default_factory=dict)
    """For each injection: seconds until each job that it hit had ended."""
    service_s: dict[int, float] = field(default_factory=dict)
    """For each injection: seconds until a question that was asked after it had been answered."""
    broken: list[str] = field(default_factory=list)
    """Each invariant that was broken, with an example."""
    jobs: Counter[str] = field(default_factory=Counter)
    """Jobs by kind and number of attempts."""
    hit_again: int = 0
    """Jobs that were hit and needed another attempt."""
    seconds: float = 0.0


def run(cluster: Cluster, seed: int, *, faults: int, per_round: int, minutes: float) -> RunResult:
    """Run rounds until this many faults were injected, this much time has passed or an invariant is broken.

    Args:
        cluster: The running processes; several runs may follow each other.
        seed: Determines the order of faults and the workload.
        faults: Number of faults.
        per_round: Number of faults before the store is checked.
        minutes: Time after which no further round starts.
    """
    result = RunResult(seed)
    started, first_job = time.monotonic(), _find_last_job(cluster) + 1
    workload, injector = Workload(cluster, seed), FaultInjector(cluster, seed)
    with workload.run():
        _warm_up(cluster, first_job)
        while len(result.injections) < faults and time.monotonic() - started < minutes * 60 and not result.broken:
            _run_round(cluster, workload, injector, result, min(per_round, faults - len(result.injections)))
            if not _wait_until_calm(cluster):
                result.broken.append(f"not done {CALM_TIMEOUT_S:.0f} s after the last fault: {_describe_open(cluster)}")
            result.broken += _check(cluster, workload)
    _measure(cluster, result, first_job)
    result.broken += [f"Discord's rules: {problem}" for problem in cluster.discord.problems]
    result.seconds = time.monotonic() - started
    return result


def _find_last_job(cluster: Cluster) -> int:
    return int(cluster.query("SELECT coalesce(max(id), 0) FROM jobs")[0][0])


def _warm_up(cluster: Cluster, first_job: int) -> None:
    """Wait until every member works and the first documents are added."""
    cluster.discord.wait_ready(timeout_s=START_TIMEOUT_S)
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _is_calm(cluster) or _find_last_job(cluster) < first_job + SOURCES - 1:
        assert time.monotonic() < deadline, cluster.installation.log_tail()
        time.sleep(0.2)


def _run_round(cluster: Cluster, workload: Workload, injector: FaultInjector, result: RunResult, count: int) -> None:
    rng = random.Random(result.seed * 1000 + len(result.injections))
    workload.resume()
    target = len(result.injections) + count
    while len(result.injections) < target and not result.broken:
        # The claims of a killed bot expire after 15 s, so the bot is only hit early in a round.
        injection = injector.inject(with_bot=target - len(result.injections) > count // 2)
        if injection is not None:
            result.injections.append(injection)
            if len(result.injections) % CHECK_EVERY == 0:
                # Damage that later steps repair, such as a second version of a job, is only visible meanwhile.
                result.broken += _verify(cluster, default_grace_s(LEASE_S, SWEEP_S), full=False)
        time.sleep(rng.uniform(*INTERVAL_S))
    injector.wait()
    time.sleep(1)
    workload.pause()


def _wait_until_calm(cluster: Cluster) -> bool:
    deadline = time.monotonic() + CALM_TIMEOUT_S
    with suppress(psycopg.Error):
        # A job that several faults hit waits 2, 4, 8, … s for its next attempt, up to 600 s.
        deadline += float(cluster.query(LAST_RETRY_S)[0][0])
    while time.monotonic() < deadline:
        if _is_calm(cluster):
            return True
        time.sleep(0.1)
    return False


def _is_calm(cluster: Cluster) -> bool:
    """Return whether every job and every delivery is done."""
    try:
        return not any(cluster.query(OPEN)[0])
    except psycopg.Error:
        return False


def _describe_open(cluster: Cluster) -> str:
    jobs, deliveries, chunks = cluster.query(OPEN)[0]
    why = cluster.query("SELECT id, why FROM inspect.jobs WHERE state IN ('queued', 'running') ORDER BY id LIMIT 3")
    return f"{jobs} jobs, {deliveries} deliveries, {chunks} chunks; {why}"


def _check(cluster: Cluster, workload: Workload) -> list[str]:
    """Check the store, the outcome of every job, and the messages in Discord."""
    broken = _verify(cluster, GRACE_S, full=True)
    ended = Counter(state for _, _, state, _, _, _ in cluster.query(JOBS) if state != "succeeded")
    if ended:
        broken.append(f"jobs not succeeded: {dict(ended)}")
    live = dict(cluster.query(LIVE, (workload.workspace_key,)))
    if outdated := sorted(source for source, sha256 in workload.added.items() if live.get(source) != sha256):
        broken.append(f"documents without the content that was added last: {outdated[:5]}")
    return broken + _check_messages(cluster, workload)


def _verify(cluster: Cluster, grace_s: float, *, full: bool) -> list[str]:
    for _ in range(TRIES):
        try:
            results = verify(cluster.installation.database, grace_s=grace_s, full=full)
        except SetupError:  # PostgreSQL is starting, or the connection was cut
            time.sleep(0.2)
            continue
        broken = [checked for checked in results if checked.findings]
        return [f"{each.invariant.label}: {len(each.findings)}, for example {each.findings[0]}" for each in broken]
    return ["the store could not be read"] if full else []


def _check_messages(cluster: Cluster, workload: Workload) -> list[str]:
    broken = []
    messages = {str(m.id): m for m in workload.channel.messages if m.author is cluster.discord.bot}
    answered = Counter(
        ("message", message.reply_to.id) if message.reply_to else ("interaction", id(message.interaction))
        for message in messages.values()
        if _is_answer(message)
    )
    if twice := [key for key, count in answered.items() if count > 1]:
        broken.append(f"{len(twice)} questions were answered more than once in Discord")
    for message_id, state, error in cluster.query(DELIVERIES, (str(workload.channel.id),)):
        if state != "delivered":
            broken.append(f"delivery {state}: {error}")
        elif message_id not in messages or not _is_answer(messages[message_id]):
            shown = messages[message_id].text if message_id in messages else "nothing"
            broken.append(f"message {message_id} is marked as delivered, but shows {shown[:200]!r}")
    return broken


def _is_answer(message: Message) -> bool:
    """Return whether a message shows a result: of the model, of the fallback without it, or that nothing was found."""
    return message.component("Sources") is not None or ABSTAINED in message.text


def _measure(cluster: Cluster, result: RunResult, first_job: int) -> None:
    rows = {row[0]: row for row in cluster.query(JOBS) if row[0] >= first_job}
    answered: Sequence[tuple[float, float]] = sorted(
        (created, finished) for _, kind, _, _, created, finished in rows.values() if kind == "ask" and finished
    )
    for number, injection in enumerate(result.injections):
        ends = [rows[job][5] for job in injection.hit if job in rows and rows[job][5]]
        result.recovery_s[number] = [max(0.0, end - injection.at) for end in ends]
        if later := [finished for created, finished in answered if created >= injection.at]:
            result.service_s[number] = min(later) - injection.at
    hit = {job for injection in result.injections for job in injection.hit}
    result.hit_again = sum(rows[job][3] > 1 for job in hit if job in rows)
    result.jobs = Counter(f"{kind}, {min(attempt, 4)} attempts" for _, kind, _, attempt, _, _ in rows.values())
