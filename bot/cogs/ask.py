"""The `/ask` command."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.autocomplete import suggest_methods
from bot.cogs.options import describe_options
from bot.interactions import questions
from bot.interactions.accessors import services_of
from bot.locales.translator import localized
from bot.services.questions import QuestionRequest


class Ask(commands.Cog):
    """The `/ask` command."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        self.bot = bot

    @app_commands.command(name=localized("cmd-ask"), description=localized("cmd-ask-desc"))
    @describe_options(question="question", private="private", reranker="reranker", top_k="top-k")
    @app_commands.autocomplete(reranker=suggest_methods)
    async def ask(
        self,
        interaction: discord.Interaction,
        question: str,
        private: bool = False,
        reranker: str | None = None,
        top_k: app_commands.Range[int, 1, 20] | None = None,
    ) -> None:
        """Submit the question; the message shows the progress and then the answer."""
        text = questions.check_question(question, services_of(interaction).settings.answer.max_question_chars)
        request = QuestionRequest(text, None if reranker is None else questions.check_method(reranker), top_k)
        await questions.ask(interaction, request, private=private)
