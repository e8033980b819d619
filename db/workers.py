"""Worker processes and their heartbeats, used to explain why a job waits."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete as delete_row
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import WorkerRow
from db.sql import named


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The properties that a worker reports."""

    id: str
    role: str
    queues: tuple[str, ...]
    host: str
    pid: int
    model: str
    rerankers: tuple[str, ...] = ()
    """Rerankers that work in a query worker."""
    concurrency: int = 1
    """Jobs that the worker runs at once."""


def record_heartbeat(session: Session, status: WorkerStatus, *, took_task: bool) -> None:
    """Store a heartbeat (a system transaction)."""
    values = {
        "id": status.id,
        "role": status.role,
        "queues": list(status.queues),
        "host": status.host,
        "pid": status.pid,
        "model": status.model,
        "rerankers": list(status.rerankers),
        "concurrency": status.concurrency,
        "took_task": took_task,
    }
    session.execute(named("upsert_worker"), values)


def delete(session: Session, worker_id: str) -> None:
    """Delete the row of a worker that stops (a system transaction)."""
    session.execute(delete_row(WorkerRow).where(WorkerRow.id == worker_id))


def delete_lost(session: Session) -> None:
    """Delete the rows of workers without a heartbeat for a day (a system transaction)."""
    session.execute(named("delete_lost_workers"))


def count_alive(session: Session, queue: str) -> int:
    """Count the running workers of a queue."""
    return int(session.scalar(named("count_live_workers"), {"queue": queue}) or 0)


def is_idle_next_to_jobs(session: Session, worker_id: str, queue: str) -> bool:
    """Return whether published jobs wait although a worker has no job and no chunks (a system transaction)."""
    return bool(session.scalar(named("is_idle_next_to_jobs"), {"worker": worker_id, "queue": queue}))


def list_alive(session: Session, queue: str) -> list[WorkerRow]:
    """List the running workers of a queue."""
    return list(session.scalars(select(WorkerRow).from_statement(named("list_live_workers")), {"queue": queue}))


def list_of_process(session: Session, host: str, pid: int) -> list[str]:
    """Return the IDs under which a process of a host has announced itself, of which all but one are earlier ones."""
    return list(session.scalars(select(WorkerRow.id).where(WorkerRow.host == host, WorkerRow.pid == pid)))


def list_rerankers(session: Session) -> frozenset[str]:
    """Return the rerankers that work in a running query worker; empty if none is running."""
    return frozenset(name for worker in list_alive(session, "query") for name in worker.rerankers)


def count_free_connections(session: Session) -> int:
    """Count the connections that PostgreSQL still accepts (a system transaction)."""
    return int(session.scalar(named("count_free_connections")) or 0)
