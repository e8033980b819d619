"""The tables of what questions and documents cost."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Identity, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from db.models import Base, key_in_workspace


class SpendingReservation(Base):
    """Money reserved by an attempt at a question."""

    __tablename__ = "spending_reservations"
    __table_args__ = (key_in_workspace("job_id", "jobs", "CASCADE"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    job_id: Mapped[int] = mapped_column(BigInteger)
    requester: Mapped[str]
    lease_token: Mapped[uuid.UUID]
    usd: Mapped[Decimal] = mapped_column(Numeric)
    created_at: Mapped[dt.datetime]


class EmbeddingUsage(Base):
    """Tokens and cost of embedding the chunks of one version in one batch, with an endpoint."""

    __tablename__ = "embedding_usage"
    __table_args__ = (key_in_workspace("job_id", "jobs", "SET NULL (job_id)"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"))
    profile_id: Mapped[int] = mapped_column(ForeignKey("embedding_profiles.id"))
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    requester: Mapped[str | None]
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(16, 10))
    created_at: Mapped[dt.datetime]
