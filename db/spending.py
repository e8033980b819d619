"""Spending: the cost of the questions of a workspace in the last 24 hours, and reservations of running questions.

The trace of an answered question records its cost. Before its paid calls, a question reserves its estimated cost; the
trace replaces the reservation. An attempt that ends without a trace keeps its reservation, because its cost is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from db import jobs
from db.engine import Database
from db.models import SpendingReservation
from db.sql import named
from pipeline.ports import Choice, RecentSpending


class PostgresSpending:
    """Implements the port `Spending` for the question of a lease."""

    def __init__(self, database: Database, lease: jobs.Lease) -> None:
        """Bind to a question."""
        self._database = database
        self._lease = lease

    def reserve(self, choose: Callable[[RecentSpending], tuple[float, Choice]]) -> Choice:
        """Reserve the amount returned by `choose`, serialized per workspace; raise `LeaseLost` if the lease is lost."""
        lease = self._lease
        scope = {"workspace_id": lease.workspace_id, "requester": lease.requester}
        with self._database.tenant(lease.workspace_id) as session:
            jobs.lock_lease(session, lease)
            session.execute(named("lock_spending"), {"workspace_id": lease.workspace_id})
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
