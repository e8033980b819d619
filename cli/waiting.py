"""Waiting for jobs: woken by the ledger's NOTIFY, with a slow look of its own, until all have ended.

Nothing waits in silence or for ever: a worker that went away is replaced, and when nothing happens the ledger's own
sentence says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cli.console import note
from cli.context import CommandContext
from db import jobs
from db.models import Job
from db.notify import watch_jobs
from tasks.startup import Role

LOOK_S = 0.2
"""Shortest pause between two looks: a thousand notes end faster than a person reads."""
QUIET_S = 5.0
"""After this long without news a worker is looked for, and a person is told why nothing happens."""

OnJobs = Callable[[Sequence[Job]], None]


def wait_for(front: CommandContext, workspace_id: int, job_ids: Sequence[int], role: Role, on_jobs: OnJobs) -> None:
    """Call `on_jobs` with the jobs that have ended since the last call and those running, until none is left."""
    open_ids = set(job_ids)
    looked = 0.0
    changed = True
    quiet = _StallDetector(front, workspace_id, role)
    for number in watch_jobs(front.urls.database_url, idle_s=1.0):
        changed = changed or number is None or number in open_ids
        if not changed or (number is not None and time.monotonic() - looked < LOOK_S):
            continue
        looked, changed = time.monotonic(), False
        seen = _look(front, workspace_id, open_ids)
        on_jobs(seen)
        open_ids -= {job.id for job in seen if job.finished}
        if not open_ids:
            return
        quiet.watch(open_ids, seen)


class _StallDetector:
    """Notices that nothing happens."""

    def __init__(self, front: CommandContext, workspace_id: int, role: Role) -> None:
        self._front = front
        self._workspace_id = workspace_id
        self._role = role
        self._last: object = None
        self._since = time.monotonic()
        self._told = ""

    def watch(self, open_ids: set[int], seen: Sequence[Job]) -> None:
        now = time.monotonic()
        news = (len(open_ids), [(job.id, job.stage, job.progress_done) for job in seen])
        if news != self._last:
            self._last, self._since = news, now
            return
        if now - self._since < QUIET_S:
            return
        self._since = now
        self._front.workers.ensure((self._role,))
        if any(job.lease_token for job in seen):
            return  # a worker holds one and works on it: slow, not stuck
        first = min(open_ids)
        with self._front.database.tenant(self._workspace_id) as session:
            why = jobs.explain(session, first)
        if why != self._told:
            self._told = why
            note(f"job {first}: {why}")


def _look(front: CommandContext, workspace_id: int, open_ids: set[int]) -> list[Job]:
    with front.database.tenant(workspace_id) as session:
        return jobs.list_started(session, open_ids)
