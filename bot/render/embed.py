"""Build embeds within Discord's limits for title, description and footer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import discord

from bot.render.split import truncate, utf16_length

COLOUR_INFO: Final = 0x5B8DEF
COLOUR_SUCCESS: Final = 0x3FA372
COLOUR_WARNING: Final = 0xD9A441
COLOUR_ERROR: Final = 0xD15B56
COLOUR_MUTED: Final = 0x80848E

MAX_TITLE_UNITS = 256
MAX_DESCRIPTION_UNITS = 4096
MAX_FOOTER_UNITS = 500
"""Below Discord's limit of 2,048, so that title, description and footer stay below 6,000 in total."""


def build_embed(
    *,
    title: str = "",
    entries: Sequence[str] = (),
    footer: str = "",
    colour: int = COLOUR_INFO,
    picture: str = "",
    gap: str = "\n",
    more: Callable[[int], str] | None = None,
) -> discord.Embed:
    """Build an embed from escaped entries; `more` formats the number of entries that do not fit."""
    embed = discord.Embed(
        title=truncate(title, MAX_TITLE_UNITS) or None,
        description=join_within_limit(entries, MAX_DESCRIPTION_UNITS, gap, more) or None,
        colour=colour,
    )
    if footer:
        embed.set_footer(text=truncate(footer, MAX_FOOTER_UNITS))
    if picture:
        embed.set_image(url=f"attachment://{picture}")
    return embed


def join_within_limit(
    entries: Sequence[str], limit: int, gap: str = "\n", more: Callable[[int], str] | None = None
) -> str:
    """Join as many whole entries as fit into `limit` UTF-16 units.

    Entries are never cut, because they may contain paired markup.
    """
    if utf16_length(gap.join(entries)) <= limit:
        return gap.join(entries)
    lines: list[str] = []
    room = limit - (utf16_length(gap + more(len(entries))) if more else 0)
    for entry in entries:
        needed = utf16_length(entry) + (utf16_length(gap) if lines else 0)
        if needed > room:
            break
        lines.append(entry)
        room -= needed
    if more:
        lines.append(more(len(entries) - len(lines)))
    return gap.join(lines)
