"""Render the settings of a server with their current values."""

from __future__ import annotations

from collections.abc import Collection

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.asking_settings import (
    ExistingParts,
    format_channel,
    format_channel_rules,
    format_direct_messages,
    format_role,
    format_who_asks,
)
from bot.render.embed import build_embed
from bot.render.formatting import format_timestamp, format_user
from bot.render.message import OutgoingMessage
from config.settings import Settings
from db.digests import DigestSetting
from db.workspace_settings import WorkspaceSettings, effective_limit

MAX_LISTED_CHANNELS = 20


CHANGED = "✏️"
"""Mark of a setting that was just changed."""

QUESTION_LIMITS = ("questions_per_user_hour", "questions_per_day")
DOCUMENT_LIMITS = ("documents_per_user_day", "documents_per_day")


def render_settings(
    chosen: WorkspaceSettings,
    defaults: Settings,
    t: Texts,
    *,
    changed: Collection[str] = (),
    existing: ExistingParts | None = None,
    digest: DigestSetting | None = None,
) -> OutgoingMessage:
    """Render the current settings: the managers' choices, otherwise the operator's defaults, marked as such.

    Args:
        chosen: The managers' choices.
        defaults: The operator's settings.
        t: Texts in the user's language.
        changed: Names of the settings that were just changed; they are marked.
        digest: The weekly digest; None if it is off.
        existing: Roles and channels of the server; None for a personal library, in which nobody else asks.
    """

    def format_row(key: str, value: str, *names: str) -> str:
        mark = f"{CHANGED} " if set(names) & set(changed) else ""
        return f"{mark}**{t(key)}**" + (f" · {value}" if value else "")

    parts = existing or ExistingParts()
    asking: list[str] = []
    rules: list[str] = []
    if existing is not None:
        asking = [
            format_row("settings-ask", format_who_asks(chosen, parts, t), "ask_roles"),
            format_row("settings-direct-messages", format_direct_messages(chosen, t), "direct_messages"),
            "",
        ]
        rules = format_channel_rules(chosen, parts, t)
    entries = [
        format_row("settings-reranker", _format_reranker(chosen, defaults, t), "reranker"),
        format_row("settings-passages", _format_passages(chosen, defaults, t), "top_n", "top_k"),
        format_row("settings-language", _format_language(chosen, t), "answer_language"),
        "",
        format_row("settings-ingest-by", _format_ingest_by(chosen, parts, t), "ingest_by", "ingest_role"),
        format_row("settings-public-channels", _format_channels(chosen, parts, t), "public_channels"),
        format_row("settings-helpers", _format_helpers(chosen, parts, t), "helper_role"),
        *([] if existing is None else [format_row("settings-digest", _format_digest(digest, parts, t), "digest")]),
        "",
        *asking,
        format_row("settings-questions", _format_limits(t, chosen, defaults, *QUESTION_LIMITS), *QUESTION_LIMITS),
        format_row("settings-documents", _format_limits(t, chosen, defaults, *DOCUMENT_LIMITS), *DOCUMENT_LIMITS),
        format_row("settings-library", _format_limit(chosen, defaults, t, "library_mb"), "library_mb"),
        format_row("settings-retention", _format_limit(chosen, defaults, t, "retention_days"), "retention_days"),
    ]
    if chosen.updated_by:
        last = t("settings-changed", who=format_user(chosen.updated_by), when=format_timestamp(chosen.updated_at))
        entries += ["", f"-# {last}"]
    if rules:
        # Last, because many rules are longer than a message.
        entries += ["", format_row("settings-channel-rules", "", "channel_rules"), *rules]
    embed = build_embed(title=t("settings-title"), entries=entries, more=lambda n: t("more", n=n))
    return OutgoingMessage(embeds=(embed,))


def _format_reranker(chosen: WorkspaceSettings, defaults: Settings, t: Texts) -> str:
    name = chosen.reranker or defaults.answer.reranker
    value = t(f"reranker-{name}") if t.has(f"reranker-{name}") else sanitize.escape_title(name, 120)
    return value if chosen.reranker else _mark_default(t, value)


def _format_passages(chosen: WorkspaceSettings, defaults: Settings, t: Texts) -> str:
    searched, used = str(chosen.top_n or defaults.answer.top_n), str(chosen.top_k or defaults.answer.top_k)
    if chosen.top_n is None and chosen.top_k is None:
        return _mark_default(t, f"{searched} / {used}")
    return " / ".join(
        (searched if chosen.top_n else _mark_default(t, searched), used if chosen.top_k else _mark_default(t, used))
    )


def _format_language(chosen: WorkspaceSettings, t: Texts) -> str:
    value = t(f"settings-language-{chosen.answer_language or 'question'}")
    return value if chosen.answer_language is not None else _mark_default(t, value)


def _mark_default(t: Texts, value: str) -> str:
    return t("settings-default", value=value)


def _format_ingest_by(chosen: WorkspaceSettings, existing: ExistingParts, t: Texts) -> str:
    role = format_role(chosen.ingest_role or "", existing, t)
    value = t(f"settings-ingest-by-{chosen.ingest_by or 'everyone'}", role=role)
    return value if chosen.ingest_by is not None else _mark_default(t, value)


def _format_helpers(chosen: WorkspaceSettings, existing: ExistingParts, t: Texts) -> str:
    if not chosen.helper_role or not chosen.helper_role.isdigit():
        return _mark_default(t, t("settings-helpers-none"))
    return format_role(chosen.helper_role, existing, t)


def _format_digest(digest: DigestSetting | None, existing: ExistingParts, t: Texts) -> str:
    if digest is None:
        return _mark_default(t, t("settings-digest-off"))
    channel = format_channel(digest.channel_id, existing, t)
    return channel if digest.error is None else f"{channel} ⚠️ {t('settings-digest-failed')}"


def _format_channels(chosen: WorkspaceSettings, existing: ExistingParts, t: Texts) -> str:
    if not chosen.public_channels:
        value = t("settings-public-channels-all")
        return value if chosen.public_channels is not None else _mark_default(t, value)
    mentions = [format_channel(channel, existing, t) for channel in chosen.public_channels]
    hidden = len(mentions) - MAX_LISTED_CHANNELS
    return " ".join(mentions[:MAX_LISTED_CHANNELS]) + (f" {t('more', n=hidden)}" if hidden > 0 else "")


def _format_limit(chosen: WorkspaceSettings, defaults: Settings, t: Texts, name: str) -> str:
    own = getattr(chosen, name)
    value = t(f"settings-value-{name}", n=effective_limit(own, getattr(defaults.quotas, name)))
    return _mark_default(t, value) if own is None else value


def _format_limits(t: Texts, chosen: WorkspaceSettings, defaults: Settings, per_user: str, per_server: str) -> str:
    window = "user-hour" if per_user.endswith("hour") else "user-day"
    overrides = (getattr(chosen, per_user), getattr(chosen, per_server))
    limits = [
        t(f"settings-limit-{window_key}", n=effective_limit(value, getattr(defaults.quotas, name)))
        for name, window_key, value in zip((per_user, per_server), (window, "server-day"), overrides, strict=True)
    ]
    if overrides == (None, None):
        return _mark_default(t, t("settings-limits", person=limits[0], server=limits[1]))
    person, server = (
        _mark_default(t, limit) if value is None else limit for limit, value in zip(limits, overrides, strict=True)
    )
    return t("settings-limits", person=person, server=server)
