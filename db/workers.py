"""Worker processes as rows, so that "why is this waiting?" can be answered in SQL."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete as delete_row
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import WorkerRow
from db.sql import named


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker says of itself."""

    id: str
    role: str
    queues: tuple[str, ...]
    host: str
    pid: int
    model: str


def record_heartbeat(session: Session, sign: WorkerStatus, *, took_task: bool) -> None:
    """Write a sign of life (a system transaction)."""
    values = {
        "id": sign.id,
        "role": sign.role,
        "queues": list(sign.queues),
        "host": sign.host,
        "pid": sign.pid,
        "model": sign.model,
        "took_task": took_task,
    }
    session.execute(named("upsert_worker"), values)


def delete(session: Session, worker_id: str) -> None:
    """Take a worker's row away because it stopped in good order."""
    session.execute(delete_row(WorkerRow).where(WorkerRow.id == worker_id))


def delete_lost(session: Session) -> None:
    """Delete the rows of workers that stopped sending heartbeats a day ago (a system transaction)."""
    session.execute(named("delete_lost_workers"))


def count_alive(session: Session, queue: str) -> int:
    """Count the workers that take messages from a queue."""
    return int(session.scalar(named("count_live_workers"), {"queue": queue}) or 0)


def list_alive(session: Session, queue: str) -> list[WorkerRow]:
    """List the workers that gave a sign of life of late and take messages from a queue."""
    return list(session.scalars(select(WorkerRow).from_statement(named("list_live_workers")), {"queue": queue}))
