"""The `/help` command."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.accessors import client_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import reply
from bot.locales.translator import localized
from bot.render.help import render_help


class Help(commands.Cog):
    """The `/help` command."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        self.bot = bot

    @app_commands.command(name=localized("cmd-help"), description=localized("cmd-help-desc"))
    async def help(self, interaction: discord.Interaction) -> None:
        """Show the help message, without database access."""
        context = context_of(interaction)
        message = render_help(
            texts_of(interaction),
            manager=context.manager,
            personal=context.guild_id is None,
            command_ids=client_of(interaction).command_ids,
        )
        await reply(interaction, message)
