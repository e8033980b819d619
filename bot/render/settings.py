"""Render the settings of a server with their current values."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.embed import build_embed
from bot.render.formatting import format_timestamp, format_user
from bot.render.message import OutgoingMessage
from config.settings import Settings
from db.workspace_settings import WorkspaceSettings, effective_limit

MAX_LISTED_CHANNELS = 20


def render_settings(chosen: WorkspaceSettings, defaults: Settings, t: Texts) -> OutgoingMessage:
    """Render the current settings: the managers' choices, otherwise the operator's defaults, marked as such."""
    entries = [
        _format_value(t, "settings-reranker", chosen.reranker, defaults.answer.reranker),
        _format_value(t, "settings-top-n", chosen.top_n, defaults.answer.top_n),
        _format_value(t, "settings-top-k", chosen.top_k, defaults.answer.top_k),
        _format_row(t, "settings-language", t(f"settings-language-{chosen.answer_language or 'question'}"))
        if chosen.answer_language is not None
        else _format_row(t, "settings-language", _mark_default(t, t("settings-language-question"))),
        "",
        _format_row(t, "settings-ingest-by", _format_ingest_by(chosen, t)),
        _format_row(t, "settings-public-channels", _format_channels(chosen, t)),
        "",
        _format_row(
            t, "settings-questions", _format_limits(t, chosen, defaults, "questions_per_user_hour", "questions_per_day")
        ),
        _format_row(
            t, "settings-documents", _format_limits(t, chosen, defaults, "documents_per_user_day", "documents_per_day")
        ),
    ]
    if chosen.updated_by:
        changed = t("settings-changed", who=format_user(chosen.updated_by), when=format_timestamp(chosen.updated_at))
        entries += ["", f"-# {changed}"]
    return OutgoingMessage(embeds=(build_embed(title=t("settings-title"), entries=entries),))


def _format_value(t: Texts, key: str, chosen: str | int | None, default: str | int) -> str:
    value = sanitize.escape_title(str(default if chosen is None else chosen), 60)
    return _format_row(t, key, _mark_default(t, value) if chosen is None else value)


def _format_row(t: Texts, key: str, value: str) -> str:
    return f"**{t(key)}** · {value}"


def _mark_default(t: Texts, value: str) -> str:
    return t("settings-default", value=value)


def _format_ingest_by(chosen: WorkspaceSettings, t: Texts) -> str:
    role = f"<@&{chosen.ingest_role}>" if chosen.ingest_role and chosen.ingest_role.isdigit() else "?"
    value = t(f"settings-ingest-by-{chosen.ingest_by or 'everyone'}", role=role)
    return value if chosen.ingest_by is not None else _mark_default(t, value)


def _format_channels(chosen: WorkspaceSettings, t: Texts) -> str:
    if not chosen.public_channels:
        value = t("settings-public-channels-all")
        return value if chosen.public_channels is not None else _mark_default(t, value)
    mentions = [f"<#{channel}>" for channel in chosen.public_channels if channel.isdigit()]
    hidden = len(mentions) - MAX_LISTED_CHANNELS
    return " ".join(mentions[:MAX_LISTED_CHANNELS]) + (f" {t('more', n=hidden)}" if hidden > 0 else "")


def _format_limits(t: Texts, chosen: WorkspaceSettings, defaults: Settings, per_user: str, per_server: str) -> str:
    window = "user-hour" if per_user.endswith("hour") else "user-day"
    overrides = (getattr(chosen, per_user), getattr(chosen, per_server))
    limits = [
        t(f"settings-limit-{window_key}", n=effective_limit(value, getattr(defaults.quotas, name)))
        for name, window_key, value in zip((per_user, per_server), (window, "server-day"), overrides, strict=True)
    ]
    if overrides == (None, None):
        return _mark_default(t, ", ".join(limits))
    return ", ".join(
        _mark_default(t, limit) if value is None else limit for limit, value in zip(limits, overrides, strict=True)
    )
