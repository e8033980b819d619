"""Names of roles for direct messages, where Discord does not resolve mentions of a server's roles."""

from __future__ import annotations

import re
from collections.abc import Sequence

import discord

from bot.render import sanitize

_ROLE_MENTION = re.compile(r"<@&(\d{1,20})>")


def name_roles(text: str, guilds: Sequence[discord.Guild]) -> str:
    """Replace the mentions of roles of these servers by the names of the roles."""

    def name(match: re.Match[str]) -> str:
        roles = (guild.get_role(int(match[1])) for guild in guilds)
        role = next((role for role in roles if role is not None), None)
        return match[0] if role is None else f"**{sanitize.escape_title(role.name, 100)}**"

    return _ROLE_MENTION.sub(name, text)
