"""Spending: the cost of questions and embedded documents in the last 24 hours, and reservations of running jobs.

The trace of an answered question records its cost. Before its paid calls, a question reserves its estimated cost; the
trace replaces the reservation. An attempt that ends without a trace keeps its reservation, because its cost is unknown.
A document reserves the cost of its chunks before they are queued, until its job has ended. Each batch is recorded, and
the reservation counts without the recorded batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Literal

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from db import jobs
from db.embeddings import ClaimedChunk
from db.engine import Database
from db.spending_models import SpendingReservation
from db.sql import named
from pipeline.ports import Choice, RecentSpending
from pipeline.text.tokens import estimate_tokens
from pipeline.types import Usage


class PostgresSpending:
    """Implements the port `Spending` for the question or document of a lease."""

    def __init__(self, database: Database, lease: jobs.Lease, *, replace: bool = False) -> None:
        """Bind to a job.

        Args:
            database: The database.
            lease: The lease of the job.
            replace: Replace the reservations of the job instead of adding to them. For documents, because the usage of
                failed attempts is recorded; the cost of a question's failed attempt is unknown.
        """
        self._database = database
        self._lease = lease
        self._replace = replace

    def reserve(self, choose: Callable[[RecentSpending], tuple[float, Choice]]) -> Choice:
        """Reserve the amount returned by `choose`, serialized per workspace; raise `LeaseLost` if the lease is lost."""
        lease = self._lease
        scope = {"workspace_id": lease.workspace_id, "requester": lease.requester}
        with self._database.tenant(lease.workspace_id) as session:
            jobs.lock_lease(session, lease)
            session.execute(named("lock_spending"), {"workspace_id": lease.workspace_id})
            if self._replace:
                session.execute(delete(SpendingReservation).where(SpendingReservation.job_id == lease.job_id))
            attempt = {"job_id": lease.job_id, "lease_token": lease.token}
            row = session.execute(named("sum_recent_spending"), scope | attempt).mappings().one()
            usd, chosen = choose(
                _RecentSpending(session, scope, **{column: float(spent) for column, spent in row.items()})
            )
            if usd:
                values = scope | attempt | {"usd": usd}
                session.execute(insert(SpendingReservation).values(**values))
        return chosen


def release_reservation(session: Session, lease: jobs.Lease) -> None:
    """Delete the reservation of an attempt, in the transaction that stores its trace with the real cost."""
    session.execute(delete(SpendingReservation).where(SpendingReservation.lease_token == lease.token))


def record_embedding(session: Session, profile_id: int, chunks: Sequence[ClaimedChunk], usage: Usage) -> None:
    """Record the usage of a batch, divided among its versions by the estimated tokens of their chunks."""
    sizes: dict[tuple[int, int], int] = {}
    for chunk in chunks:
        version = (chunk.workspace_id, chunk.version_id)
        sizes[version] = sizes.get(version, 0) + estimate_tokens(chunk.text) + 1
    ends = [usage.prompt_tokens * size // sum(sizes.values()) for size in accumulate(sizes.values())]
    tokens = [end - start for start, end in pairwise([0, *ends])]
    usd_per_token = usage.cost_usd / max(1, usage.prompt_tokens)
    values = {
        "profile_id": profile_id,
        "workspace_ids": [workspace_id for workspace_id, _ in sizes],
        "version_ids": [version_id for _, version_id in sizes],
        "tokens": tokens,
        "usd": [count * usd_per_token for count in tokens],
    }
    session.execute(named("insert_embedding_usage"), values)


@dataclass(frozen=True, slots=True)
class JobCost:
    """The tokens and cost of a job in US dollars."""

    tokens: int
    cost_usd: float


def read_job_cost(session: Session, job_id: int) -> JobCost:
    """Return the cost of a question, or of embedding a document."""
    return JobCost(**session.execute(named("read_job_cost"), {"job_id": job_id}).mappings().one())


@dataclass(frozen=True, slots=True)
class _RecentSpending:
    _session: Session = field(repr=False)
    _scope: dict[str, Any]
    question_usd: float
    user_usd: float
    server_usd: float

    def frees_in_s(self, scope: Literal["user", "server"], usd: float) -> float | None:
        values = self._scope | {"usd": usd, "everybody": scope == "server"}
        frees = self._session.scalar(named("seconds_until_spending_frees"), values)
        return None if frees is None else float(frees)
