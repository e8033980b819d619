"""The message command *Ask about this*."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.accessors import texts_of
from bot.interactions.messages import read_contents
from bot.interactions.replies import open_form
from bot.interactions.tracker import record_of
from bot.locales.translator import localized
from bot.services.refusals import Refusal
from bot.views.forms import build_about_form


class AskAboutMessage(commands.Cog):
    """The message command *Ask about this*."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot and register the message command."""
        self.bot = bot
        bot.tree.add_command(
            app_commands.ContextMenu(name=localized("cmd-ask-about-this"), callback=ask_about_this), override=True
        )


async def ask_about_this(interaction: discord.Interaction, message: discord.Message) -> None:
    """Open the form with the message's text, which Discord includes only in this interaction."""
    text = read_contents(message).text
    if not text:
        raise Refusal("refusal-nothing-to-ask-about")
    await open_form(interaction, build_about_form(texts_of(interaction), about=text))
    record_of(interaction).outcome = "form"
