"""Help: what the bot does, in one card."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render.card import card
from bot.render.shown import Shown


def help_card(t: Texts, *, manager: bool = False) -> Shown:
    """Explain the bot; managers read about the settings too."""
    topics = ["intro", "ask", "follow-up", "add", "look", *(["manage"] if manager else []), "privacy"]
    entries = [t(f"help-{topic}") for topic in topics]
    return Shown(embeds=(card(title=t("help-title"), entries=entries, gap="\n\n", footer=t("help-footer")),))
