"""Render the help message."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render.embed import build_embed
from bot.render.message import OutgoingMessage


def render_help(t: Texts, *, manager: bool = False, personal: bool = False) -> OutgoingMessage:
    """Render the help message; managers also see the settings, and `personal` adds which library is searched."""
    topics = ["intro", "ask", "follow-up", "add", "browse", *(["manage"] if manager else []), "privacy"]
    entries = [t(f"help-{topic}") for topic in topics]
    if personal:
        entries.append(t("personal-library"))
    return OutgoingMessage(
        embeds=(build_embed(title=t("help-title"), entries=entries, gap="\n\n", footer=t("help-footer")),)
    )
