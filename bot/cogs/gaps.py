"""The `/gaps` command, for managers."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.context import context_of
from bot.interactions.replies import defer, reply
from bot.locales.translator import localized
from bot.services.workspace_settings import require_manager
from bot.views.gaps import build_page


class Gaps(commands.Cog):
    """The `/gaps` command; the permission is checked again, because servers can override Discord's check."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        self.bot = bot

    @app_commands.command(name=localized("cmd-gaps"), description=localized("cmd-gaps-desc"))
    @app_commands.default_permissions(manage_guild=True)
    async def gaps(self, interaction: discord.Interaction) -> None:
        """List the questions without a good answer."""
        require_manager(context_of(interaction))
        await defer(interaction, private=True)
        await reply(interaction, await build_page(interaction))
