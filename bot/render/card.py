"""Cards: one embed with a coloured edge, within every limit Discord sets for embeds, whatever is put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import discord

from bot.render.split import cut, units

CALM: Final = 0x5B8DEF
GOOD: Final = 0x3FA372
CAREFUL: Final = 0xD9A441
BAD: Final = 0xD15B56
QUIET: Final = 0x80848E

TITLE = 256
DESCRIPTION = 4096
FOOTER = 500
"""Less than the 2,048 that Discord allows, so that title, description and footer stay under 6,000 together."""


def card(
    *,
    title: str = "",
    entries: Sequence[str] = (),
    footer: str = "",
    colour: int = CALM,
    picture: str = "",
    gap: str = "\n",
    more: Callable[[int], str] | None = None,
) -> discord.Embed:
    """Make a card from entries that are ready to be shown; what does not fit is counted by `more`."""
    embed = discord.Embed(
        title=cut(title, TITLE) or None,
        description=fit(entries, DESCRIPTION, gap, more) or None,
        colour=colour,
    )
    if footer:
        embed.set_footer(text=cut(footer, FOOTER))
    if picture:
        embed.set_image(url=f"attachment://{picture}")
    return embed


def fit(entries: Sequence[str], limit: int, gap: str = "\n", more: Callable[[int], str] | None = None) -> str:
    """Join as many whole entries as fit into `limit` units; an entry is never cut, as it may hold marks that pair."""
    if units(gap.join(entries)) <= limit:
        return gap.join(entries)
    kept: list[str] = []
    room = limit - (units(gap + more(len(entries))) if more else 0)
    for entry in entries:
        needed = units(entry) + (units(gap) if kept else 0)
        if needed > room:
            break
        kept.append(entry)
        room -= needed
    if more:
        kept.append(more(len(entries) - len(kept)))
    return gap.join(kept)
