"""The table of weekly digests as a mapped class; `db.models` contains the others."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models import Base


class DigestRow(Base):
    """The weekly digest of a workspace."""

    __tablename__ = "digests"
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    application_id: Mapped[str]
    channel_id: Mapped[str]
    user_id: Mapped[str]
    locale: Mapped[str]
    due_at: Mapped[dt.datetime]
    claim_token: Mapped[uuid.UUID | None]
    claimed_at: Mapped[dt.datetime | None]
    error: Mapped[str | None]
