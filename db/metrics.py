"""Values for monitoring, read from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from db.engine import Database
from db.sql import named


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric."""

    metric: str
    labels: Mapping[str, str]
    value: float


def read_store_id(database: Database) -> str:
    """Return a text that no other store has, also on the same server."""
    with database.system() as session:
        return str(session.scalar(named("read_store_id")))


def read_metrics(database: Database) -> list[Sample]:
    """Return the current values, of one snapshot, with the login that reads no contents."""
    with database.inspect() as session:
        rows = session.execute(named("read_metrics"))
        return [Sample(row.metric, row.labels, float(row.value)) for row in rows]
