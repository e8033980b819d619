"""Settings made by the managers of a workspace; unset ones use the defaults of the operator."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import SettingsRow, Workspace
from pipeline.errors import InvalidInput, UnknownName
from pipeline.text.cleaning import remove_unstorable_json
from pipeline.types import LANGUAGES, RERANKERS

_RANGES: Mapping[str, tuple[int, int]] = {
    "top_n": (1, 200),
    "top_k": (1, 20),
    "questions_per_user_hour": (0, 1_000_000),
    "questions_per_day": (0, 1_000_000),
    "documents_per_user_day": (0, 1_000_000),
    "documents_per_day": (0, 1_000_000),
}
_NAMES: Mapping[str, tuple[str, ...]] = {
    "reranker": RERANKERS,
    "answer_language": ("", *LANGUAGES),
    "ingest_by": ("everyone", "managers", "role"),
}


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """The settings of a workspace; None means the default of the operator."""

    reranker: str | None = None
    top_n: int | None = None
    top_k: int | None = None
    answer_language: Literal["", "en", "zh"] | None = None
    """Empty: the language of the question."""
    ingest_by: Literal["everyone", "managers", "role"] | None = None
    ingest_role: str | None = None
    helper_role: str | None = None
    """Role that members can ask if the library has no answer; None: no helpers."""
    public_channels: tuple[str, ...] | None = None
    """Channels with public answers; None or empty: all channels."""
    questions_per_user_hour: int | None = None
    questions_per_day: int | None = None
    documents_per_user_day: int | None = None
    documents_per_day: int | None = None
    updated_by: str | None = None
    updated_at: dt.datetime | None = None


CHANGEABLE = frozenset(item.name for item in fields(WorkspaceSettings)) - {"updated_by", "updated_at"}
"""Names of the settings that managers can change."""


def effective_limit(chosen: int | None, ceiling: int) -> int:
    """Return the effective limit: a workspace may lower the limit of the operator, but not raise it; 0: no limit."""
    if chosen is None or (ceiling and not chosen):
        return ceiling
    return min(chosen, ceiling) if ceiling else chosen


def read(session: Session, workspace_id: int) -> WorkspaceSettings:
    """Return the settings of a workspace (a tenant transaction)."""
    row = session.get(SettingsRow, workspace_id, populate_existing=True)
    return WorkspaceSettings() if row is None else _to_settings(row)


def read_all(session: Session) -> Mapping[str, WorkspaceSettings]:
    """Return the settings of every workspace that has any, by its key (a system transaction)."""
    query = select(Workspace.key, SettingsRow).join(SettingsRow, SettingsRow.workspace_id == Workspace.id)
    rows = session.execute(query.execution_options(populate_existing=True))
    return {key: _to_settings(row) for key, row in rows}


def update(session: Session, workspace_id: int, updated_by: str, **changes: Any) -> WorkspaceSettings:
    """Change the given settings and return all of them; None resets one to the default (a tenant transaction).

    Raises `InvalidInput` or `UnknownName` for an invalid value.
    """
    for name, value in changes.items():
        _check(name, value)
    values = remove_unstorable_json(changes) | {"updated_by": updated_by}
    statement = insert(SettingsRow).values(workspace_id=workspace_id, **values)
    session.execute(
        statement.on_conflict_do_update(index_elements=["workspace_id"], set_=values | {"updated_at": func.now()})
    )
    return read(session, workspace_id)


def _to_settings(row: SettingsRow) -> WorkspaceSettings:
    values = {item.name: getattr(row, item.name) for item in fields(WorkspaceSettings)}
    if row.public_channels is not None:
        values["public_channels"] = tuple(row.public_channels)
    return WorkspaceSettings(**values)


def _check(name: str, value: Any) -> None:
    if name not in CHANGEABLE:
        raise UnknownName(f"There is no setting {name!r}. Known settings: {', '.join(sorted(CHANGEABLE))}.")
    if value is None:
        return
    if name in _NAMES and value not in _NAMES[name]:
        known = ", ".join(choice or "''" for choice in _NAMES[name])
        raise UnknownName(f"{name} must be one of {known} (got {value!r}).")
    if name in _RANGES:
        least, most = _RANGES[name]
        if type(value) is not int or not least <= value <= most:
            raise InvalidInput(f"{name} must be a whole number from {least} to {most:,} (got {value!r}).")
