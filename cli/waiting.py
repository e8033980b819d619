"""Wait for jobs until all have finished, notified by Postgres' NOTIFY and polling as a backup.

If nothing changes for a while, a missing worker is started and the reason why the job waits is printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cli.console import print_note
from cli.context import CommandContext
from db import jobs
from db.models import Job
from db.notify import watch_jobs
from tasks.roles import Role

MIN_POLL_S = 0.2
"""Minimum seconds between two queries for many jobs: many short ones can finish at the same time."""
MAX_POLL_S = 1.0
"""Seconds without a notification after which the jobs are read anyway."""
FEW_JOBS = 8
"""Number of jobs up to which every change is read at once."""
STALLED_AFTER_S = 5.0
"""Seconds without a change after which a worker is checked and the reason is printed."""

OnJobs = Callable[[Sequence[Job]], None]


def wait_for(context: CommandContext, workspace_id: int, job_ids: Sequence[int], role: Role, on_jobs: OnJobs) -> None:
    """Call `on_jobs` with the jobs that finished since the last call and those running, until all have finished."""
    open_ids = set(job_ids)
    read_at = -MAX_POLL_S
    changed = True
    stall_detector = _StallDetector(context, workspace_id, role)
    for number in watch_jobs(context.database, idle_s=MIN_POLL_S):
        changed = changed or number in open_ids
        pause_s = MAX_POLL_S if not changed else MIN_POLL_S if len(open_ids) > FEW_JOBS else 0.0
        if time.monotonic() - read_at < pause_s:
            continue
        read_at, changed = time.monotonic(), False
        started = _read_jobs(context, workspace_id, open_ids)
        on_jobs(started)
        open_ids -= {job.id for job in started if job.finished}
        if not open_ids:
            return
        stall_detector.watch(open_ids, started)


class _StallDetector:
    """Detects that jobs make no progress, restarts a missing worker and prints the reason."""

    def __init__(self, context: CommandContext, workspace_id: int, role: Role) -> None:
        self._context = context
        self._workspace_id = workspace_id
        self._role = role
        self._last: object = None
        self._since = time.monotonic()
        self._reported_reason = ""

    def watch(self, open_ids: set[int], started: Sequence[Job]) -> None:
        now = time.monotonic()
        news = (len(open_ids), [(job.id, job.stage, job.progress_done) for job in started])
        if news != self._last:
            self._last, self._since = news, now
            return
        if now - self._since < STALLED_AFTER_S:
            return
        self._since = now
        self._context.workers.ensure((self._role,))
        if any(job.lease_token for job in started):
            return  # a worker holds a lease: slow, not stuck
        first = min(open_ids)
        with self._context.database.tenant(self._workspace_id) as session:
            why = jobs.explain(session, first)
        if why != self._reported_reason:
            self._reported_reason = why
            print_note(f"job {first}: {why}")


def _read_jobs(context: CommandContext, workspace_id: int, open_ids: set[int]) -> list[Job]:
    with context.database.tenant(workspace_id) as session:
        return jobs.list_started(session, open_ids)
