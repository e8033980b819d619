"""Render the help message."""

from __future__ import annotations

from collections.abc import Mapping

from bot.locales.texts import Texts
from bot.render.embed import build_embed
from bot.render.message import OutgoingMessage

COMMANDS = ("ask", "ingest", "docs list", "jobs list", "settings show", "gaps", "stats")
"""Commands that the help names; of a group, Discord links only subcommands."""


def render_help(
    t: Texts, *, manager: bool = False, personal: bool = False, command_ids: Mapping[str, str] | None = None
) -> OutgoingMessage:
    """Render the help message.

    Args:
        t: Texts in the user's language.
        manager: Include the settings.
        personal: Add which library is searched.
        command_ids: IDs of the registered commands by name, for links; without them, the commands are text.
    """
    topics = ["intro", "ask", "follow-up", "add", "browse", *(["manage"] if manager else []), "privacy"]
    entries = [t(f"help-{topic}") for topic in topics]
    entries[1] += f"\n{t('help-example')}"
    if personal:
        entries.append(t("personal-library"))
    entries = [_link_commands(entry, command_ids or {}, t) for entry in entries]
    return OutgoingMessage(
        embeds=(build_embed(title=t("help-title"), entries=entries, gap="\n\n", footer=t("help-footer")),)
    )


def _link_commands(text: str, command_ids: Mapping[str, str], t: Texts) -> str:
    """Replace the names of commands with links, which put the command into the input field."""
    for command in COMMANDS:
        group, _, name = command.partition(" ")
        if group in command_ids:
            words = [t(f"cmd-{group}"), *([t(f"cmd-{group}-{name}")] if name else [])]
            text = text.replace(f"`/{' '.join(words)}`", f"</{command}:{command_ids[group]}>")
    return text
