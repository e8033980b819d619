"""The `/why` command."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.autocomplete import suggest_answers
from bot.cogs.options import describe_options
from bot.interactions.accessors import services_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer
from bot.locales.translator import localized
from bot.services.jobs import parse_job_id
from bot.services.refusals import Refusal
from bot.views.answers import send_why


class Why(commands.Cog):
    """The `/why` command."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        self.bot = bot

    @app_commands.command(name=localized("cmd-why"), description=localized("cmd-why-desc"))
    @describe_options(job="answer")
    @app_commands.autocomplete(job=suggest_answers)
    async def why(self, interaction: discord.Interaction, job: str | None = None) -> None:
        """Explain the given answer, or the user's last answer in this channel."""
        number = None if job is None else parse_job_id(job)
        await defer(interaction, private=True)
        if number is None:
            number = await services_of(interaction).jobs.last_answer(context_of(interaction))
        if number is None:
            raise Refusal("refusal-no-last-answer")
        await send_why(interaction, number)
