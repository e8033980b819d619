"""Waiting for jobs: woken by the ledger's NOTIFY, with a slow look of its own, until all have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cli.front import Front
from db import jobs
from db.models import Job
from db.notify import job_changes

LOOK_S = 0.2
"""Shortest pause between two looks: a thousand notes end faster than a person reads."""

OnJobs = Callable[[Sequence[Job]], None]


def wait_for(front: Front, workspace_id: int, job_ids: Sequence[int], on_jobs: OnJobs) -> None:
    """Call `on_jobs` with the jobs that have ended since the last call and those running, until none is left."""
    open_ids = set(job_ids)
    looked = 0.0
    changed = True
    for number in job_changes(front.urls.database_url, idle_s=1.0):
        changed = changed or number is None or number in open_ids
        if not changed or (number is not None and time.monotonic() - looked < LOOK_S):
            continue
        looked, changed = time.monotonic(), False
        seen = _look(front, workspace_id, open_ids)
        on_jobs(seen)
        open_ids -= {job.id for job in seen if job.finished}
        if not open_ids:
            return


def _look(front: Front, workspace_id: int, open_ids: set[int]) -> list[Job]:
    with front.database.tenant(workspace_id) as session:
        return jobs.begun(session, open_ids)
