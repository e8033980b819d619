"""The settings of a server, each with what holds now and whether that is the operator's default."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render import safe
from bot.render.card import card
from bot.render.message import OutgoingMessage
from bot.render.wording import person, when
from config.settings import Settings
from db.workspace_settings import WorkspaceSettings, within

MOST_CHANNELS = 20


def settings_card(chosen: WorkspaceSettings, defaults: Settings, t: Texts) -> OutgoingMessage:
    """Show what holds: what the managers chose, else the operator's default."""
    entries = [
        _line(t, "settings-reranker", chosen.reranker, defaults.reranker),
        _line(t, "settings-top-n", chosen.top_n, defaults.top_n),
        _line(t, "settings-top-k", chosen.top_k, defaults.top_k),
        _said(t, "settings-language", t(f"settings-language-{chosen.answer_language or 'question'}"))
        if chosen.answer_language is not None
        else _said(t, "settings-language", _default(t, t("settings-language-question"))),
        "",
        _said(t, "settings-ingest-by", _who_adds(chosen, t)),
        _said(t, "settings-public-channels", _channels(chosen, t)),
        "",
        _said(t, "settings-questions", _limits(t, chosen, defaults, "questions_per_user_hour", "questions_per_day")),
        _said(t, "settings-documents", _limits(t, chosen, defaults, "documents_per_user_day", "documents_per_day")),
    ]
    if chosen.updated_by:
        changed = t("settings-changed", who=person(chosen.updated_by), when=when(chosen.updated_at))
        entries += ["", f"-# {changed}"]
    return OutgoingMessage(embeds=(card(title=t("settings-title"), entries=entries),))


def _line(t: Texts, key: str, chosen: str | int | None, default: str | int) -> str:
    shown = safe.title(str(default if chosen is None else chosen), 60)
    return _said(t, key, _default(t, shown) if chosen is None else shown)


def _said(t: Texts, key: str, value: str) -> str:
    return f"**{t(key)}** · {value}"


def _default(t: Texts, value: str) -> str:
    return t("settings-default", value=value)


def _who_adds(chosen: WorkspaceSettings, t: Texts) -> str:
    role = f"<@&{chosen.ingest_role}>" if chosen.ingest_role and chosen.ingest_role.isdigit() else "?"
    said = t(f"settings-ingest-by-{chosen.ingest_by or 'everyone'}", role=role)
    return said if chosen.ingest_by is not None else _default(t, said)


def _channels(chosen: WorkspaceSettings, t: Texts) -> str:
    if not chosen.public_channels:
        said = t("settings-public-channels-all")
        return said if chosen.public_channels is not None else _default(t, said)
    named = [f"<#{channel}>" for channel in chosen.public_channels if channel.isdigit()]
    rest = len(named) - MOST_CHANNELS
    return " ".join(named[:MOST_CHANNELS]) + (f" {t('more', n=rest)}" if rest > 0 else "")


def _limits(t: Texts, chosen: WorkspaceSettings, defaults: Settings, per_user: str, per_server: str) -> str:
    window = "user-hour" if per_user.endswith("hour") else "user-day"
    ours = (getattr(chosen, per_user), getattr(chosen, per_server))
    said = [
        t(f"settings-limit-{each}", n=within(value, getattr(defaults, name)))
        for name, each, value in zip((per_user, per_server), (window, "server-day"), ours, strict=True)
    ]
    if ours == (None, None):
        return _default(t, ", ".join(said))
    return ", ".join(_default(t, one) if value is None else one for one, value in zip(said, ours, strict=True))
