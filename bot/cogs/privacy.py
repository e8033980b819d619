"""The `/privacy` command."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.accessors import services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer, reply
from bot.locales.translator import localized
from bot.render.privacy import render_privacy


class Privacy(commands.Cog):
    """The `/privacy` command."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        self.bot = bot

    @app_commands.command(name=localized("cmd-privacy"), description=localized("cmd-privacy-desc"))
    async def privacy(self, interaction: discord.Interaction) -> None:
        """Show what is stored about the user, with buttons that delete it."""
        await defer(interaction, private=True)
        counts = await services_of(interaction).erasure.count_person(context_of(interaction))
        await reply(interaction, render_privacy(counts, texts_of(interaction)))
