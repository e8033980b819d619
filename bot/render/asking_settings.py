"""Render who may ask where: the part of a server's settings that has one entry for each channel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.locales.texts import Texts
from db.workspace_settings import ChannelRule, WorkspaceSettings

MAX_LISTED_ROLES = 10


@dataclass(frozen=True, slots=True)
class ExistingParts:
    """The roles and channels of a server, to mark deleted ones; None where they are unknown."""

    roles: Collection[str] | None = None
    channels: Collection[str] | None = None


def format_who_asks(chosen: WorkspaceSettings, existing: ExistingParts, t: Texts) -> str:
    """Format who may ask on the server."""
    if not chosen.ask_roles:
        value = t("settings-ask-everyone")
        return value if chosen.ask_roles is not None else t("settings-default", value=value)
    return t("settings-ask-roles", roles=format_roles(chosen.ask_roles, existing, t))


def format_direct_messages(chosen: WorkspaceSettings, t: Texts) -> str:
    """Format whether members may ask from direct messages."""
    value = t("settings-direct-messages-off" if chosen.direct_messages is False else "settings-direct-messages-on")
    return value if chosen.direct_messages is not None else t("settings-default", value=value)


def format_channel_rules(chosen: WorkspaceSettings, existing: ExistingParts, t: Texts) -> list[str]:
    """Format one line for each channel with settings of its own."""
    return [
        "- "
        + t(
            "settings-channel-rule",
            channel=format_channel(channel, existing, t),
            rule=_format_rule(rule, existing, t),
        )
        for channel, rule in chosen.channel_rules.items()
    ]


def format_channel(channel: str, existing: ExistingParts, t: Texts) -> str:
    """Format a channel as a mention, or as deleted."""
    if not channel.isdigit() or (existing.channels is not None and channel not in existing.channels):
        return t("settings-deleted-channel")
    return f"<#{channel}>"


def format_role(role: str, existing: ExistingParts, t: Texts) -> str:
    """Format a role as a mention, or as deleted."""
    if not role.isdigit() or (existing.roles is not None and role not in existing.roles):
        return t("settings-deleted-role")
    return f"<@&{role}>"


def format_roles(roles: Sequence[str], existing: ExistingParts, t: Texts) -> str:
    """Format roles as mentions, deleted ones as such."""
    shown = " ".join(format_role(role, existing, t) for role in roles[:MAX_LISTED_ROLES])
    hidden = len(roles) - MAX_LISTED_ROLES
    return f"{shown} {t('more', n=hidden)}" if hidden > 0 else shown


def _format_rule(rule: ChannelRule, existing: ExistingParts, t: Texts) -> str:
    parts = []
    if rule.answers is not None:
        parts.append(t(f"settings-answers-{rule.answers}"))
    if rule.threads:
        parts.append(t("settings-threads"))
    if rule.ask_roles is not None:
        parts.append(
            t("settings-rule-ask", who=t("settings-ask-roles", roles=format_roles(rule.ask_roles, existing, t)))
        )
    return t("settings-list-separator").join(parts)
