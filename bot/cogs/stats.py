"""The `/stats` command, for managers."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.accessors import services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer, reply
from bot.locales.translator import localized
from bot.render.stats import render_stats
from bot.services.workspace_settings import require_manager


class Stats(commands.Cog):
    """The `/stats` command; the permission is checked again, because servers can override Discord's check."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        self.bot = bot

    @app_commands.command(name=localized("cmd-stats"), description=localized("cmd-stats-desc"))
    @app_commands.default_permissions(manage_guild=True)
    async def stats(self, interaction: discord.Interaction) -> None:
        """Show questions, votes, documents and spending of the last day, week and month."""
        context = context_of(interaction)
        require_manager(context)
        await defer(interaction, private=True)
        services = services_of(interaction)
        windows = await services.activity.summarize(context)
        await reply(interaction, render_stats(windows, services.settings, texts_of(interaction)))
