"""Write embeds as text, for channels in which the bot may not use embeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import discord

from bot.render import sanitize
from bot.render.embed import MAX_FOOTER_UNITS
from bot.render.message import OutgoingMessage
from bot.render.split import split_message


def write_embeds_as_text(pages: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
    """Return messages with the text of the embeds as content; one that becomes too long is continued in the next."""
    return [message for page in pages for message in (_write_as_text(page) if page.embeds else [page])]


def _write_as_text(page: OutgoingMessage) -> list[OutgoingMessage]:
    texts = [page.content, *map(_format_embed, page.embeds)]
    parts = split_message("\n".join(text for text in texts if text)) or [""]
    return [*map(OutgoingMessage, parts[:-1]), replace(page, content=parts[-1], embeds=())]


def _format_embed(embed: discord.Embed) -> str:
    title = f"**{embed.title}**" if embed.title else ""
    # Titles and descriptions are escaped when they are built; Discord shows no markup in a footer.
    footer = f"-# {sanitize.escape_title(embed.footer.text, MAX_FOOTER_UNITS)}" if embed.footer.text else ""
    return "\n".join(text for text in (title, embed.description, footer) if text)
