"""Settings made by the managers of a workspace; unset ones use the defaults of the operator."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import SettingsRow, Workspace
from db.sql import named
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
    "retention_days": (0, 36_500),
    "library_mb": (0, 1_000_000),
}
_NAMES: Mapping[str, tuple[str, ...]] = {
    "reranker": RERANKERS,
    "answer_language": ("", *LANGUAGES),
    "ingest_by": ("everyone", "managers", "role"),
    "answers": ("public", "private"),
}
_SWITCHES = frozenset({"direct_messages", "threads"})
_ID_LISTS = frozenset({"public_channels", "ask_roles"})


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """The settings of one channel; what is not set is as on the whole server."""

    ask_roles: tuple[str, ...] | None = None
    """Roles whose members may ask."""
    answers: Literal["public", "private"] | None = None
    threads: bool | None = None
    """Whether a thread is started on each public answer."""


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
    ask_roles: tuple[str, ...] | None = None
    """Roles whose members may ask; None or empty: everyone."""
    direct_messages: bool | None = None
    """Whether members may ask from direct messages; None: yes."""
    channel_rules: Mapping[str, ChannelRule] = field(default_factory=dict)
    """Settings of single channels by channel ID."""
    questions_per_user_hour: int | None = None
    questions_per_day: int | None = None
    documents_per_user_day: int | None = None
    documents_per_day: int | None = None
    retention_days: int | None = None
    """Days after which questions, answers and jobs are deleted."""
    library_mb: int | None = None
    """Megabytes of original files that may be stored."""
    updated_by: str | None = None
    updated_at: dt.datetime | None = None

    def rule_of(self, channels: Sequence[str]) -> ChannelRule:
        """Return the rule of the first of these channels that has one, for example of a thread or its parent."""
        return next((self.channel_rules[channel] for channel in channels if channel in self.channel_rules), _NO_RULE)

    def roles_that_ask(self, channels: Sequence[str]) -> tuple[str, ...]:
        """Return the roles whose members may ask in a channel, given with its parent; empty: everyone."""
        rule = self.rule_of(channels)
        return (self.ask_roles or ()) if rule.ask_roles is None else rule.ask_roles


_NO_RULE = ChannelRule()
CHANGEABLE = frozenset(item.name for item in fields(WorkspaceSettings)) - {"updated_by", "updated_at"}
"""Names of the settings that managers can change."""
_RULE_FIELDS = frozenset(item.name for item in fields(ChannelRule))
MAX_ID_DIGITS = 20


def effective_limit(chosen: int | None, ceiling: int) -> int:
    """Return the effective limit: a workspace may lower the limit of the operator, but not raise it; 0: no limit."""
    if chosen is None or (ceiling and not chosen):
        return ceiling
    return min(chosen, ceiling) if ceiling else chosen


def find_library_limit(session: Session, workspace_id: int, ceiling_mb: int) -> int:
    """Return the effective quota of stored files in megabytes; 0: none (a tenant transaction)."""
    return effective_limit(read(session, workspace_id).library_mb, ceiling_mb)


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


def export(session: Session, workspace_id: int) -> dict[str, Any]:
    """Return the settings that managers have made, as `replace` reads them (a tenant transaction)."""
    row = session.get(SettingsRow, workspace_id, populate_existing=True)
    values = {} if row is None else {name: getattr(row, name) for name in sorted(CHANGEABLE)}
    return {name: value for name, value in values.items() if value is not None}


def replace(session: Session, workspace_id: int, updated_by: str, values: Mapping[str, Any]) -> None:
    """Set all settings to those of `export`; the others are reset (a tenant transaction).

    Raises `InvalidInput` or `UnknownName` for an invalid value.
    """
    settings = dict(values)
    rules = settings.pop("channel_rules", None)
    for name, value in settings.items():
        _check(name, value)
    for name in ("ingest_role", "helper_role"):
        if settings.get(name) is not None:
            _check_ids(name, [settings[name]])
    if rules is not None:
        _check_rules(rules)
    update(
        session,
        workspace_id,
        updated_by,
        **dict.fromkeys(CHANGEABLE - {"channel_rules"}) | settings,
        channel_rules=None,
    )
    for channel, rule in (rules or {}).items():
        update_channel(session, workspace_id, updated_by, channel, rule)


def _check_rules(rules: Any) -> None:
    if not isinstance(rules, dict) or not all(isinstance(rule, dict) for rule in rules.values()):
        raise InvalidInput("channel_rules must be an object of objects.")


def update_channel(
    session: Session,
    workspace_id: int,
    updated_by: str,
    channel: str,
    changes: Mapping[str, Any],
    *,
    existing: Sequence[str] | None = None,
) -> WorkspaceSettings:
    """Change the given settings of one channel and return all settings (a tenant transaction).

    Args:
        session: A session of the tenant.
        workspace_id: The workspace.
        updated_by: The user.
        channel: ID of the channel.
        changes: New values of fields of `ChannelRule`; None resets one to that of the whole server.
        existing: IDs of all channels; the rules of others are removed. None: unknown.

    Raises `InvalidInput` or `UnknownName` for an invalid value.
    """
    _check_ids("channel", [channel])
    for name, value in changes.items():
        if name not in _RULE_FIELDS:
            raise UnknownName(f"A channel has no setting {name!r}. Known settings: {', '.join(sorted(_RULE_FIELDS))}.")
        _check_value(name, value)
    values = {
        "workspace_id": workspace_id,
        "channel": channel,
        "changes": json.dumps(dict(changes)),
        "existing": None if existing is None else list(existing),
        "updated_by": updated_by,
    }
    session.execute(named("update_channel_rule"), values)
    return read(session, workspace_id)


def _to_settings(row: SettingsRow) -> WorkspaceSettings:
    values = {item.name: getattr(row, item.name) for item in fields(WorkspaceSettings)}
    for name in _ID_LISTS:
        values[name] = None if values[name] is None else tuple(values[name])
    values["channel_rules"] = {channel: _to_rule(rule) for channel, rule in (row.channel_rules or {}).items()}
    return WorkspaceSettings(**values)


def _to_rule(stored: Mapping[str, Any]) -> ChannelRule:
    roles = stored.get("ask_roles")
    return ChannelRule(None if roles is None else tuple(roles), stored.get("answers"), stored.get("threads"))


def _check(name: str, value: Any) -> None:
    if name not in CHANGEABLE:
        raise UnknownName(f"There is no setting {name!r}. Known settings: {', '.join(sorted(CHANGEABLE))}.")
    if name == "channel_rules" and value is not None:
        raise InvalidInput("channel_rules can only be reset here; change single channels with `update_channel`.")
    _check_value(name, value)


def _check_value(name: str, value: Any) -> None:
    if value is None:
        return
    if name in _SWITCHES and type(value) is not bool:
        raise InvalidInput(f"{name} must be true or false (got {value!r}).")
    if name in _ID_LISTS:
        _check_ids(name, value)
    if name in _NAMES and value not in _NAMES[name]:
        known = ", ".join(choice or "''" for choice in _NAMES[name])
        raise UnknownName(f"{name} must be one of {known} (got {value!r}).")
    if name in _RANGES:
        least, most = _RANGES[name]
        if type(value) is not int or not least <= value <= most:
            raise InvalidInput(f"{name} must be a whole number from {least} to {most:,} (got {value!r}).")


def _check_ids(name: str, values: Sequence[Any]) -> None:
    if not isinstance(values, list | tuple):
        raise InvalidInput(f"{name} must be a list (got {values!r}).")
    for value in values:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < MAX_ID_DIGITS):
            raise InvalidInput(f"{name} must be Discord IDs, which are numbers (got {value!r}).")
