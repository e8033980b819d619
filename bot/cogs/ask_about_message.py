"""*Ask about this*: a question about a message."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.accessors import texts_of
from bot.interactions.replies import open_form
from bot.interactions.tracker import record_of
from bot.locales.translator import localized
from bot.services.refusals import Refusal
from bot.views.forms import build_about_form


class AskAboutMessage(commands.Cog):
    """Asks about a message."""

    def __init__(self, bot: commands.Bot) -> None:
        """Belong to a bot, and put the command into the menus of messages."""
        self.bot = bot
        bot.tree.add_command(
            app_commands.ContextMenu(name=localized("cmd-ask-about-this"), callback=ask_about_this), override=True
        )


async def ask_about_this(interaction: discord.Interaction, message: discord.Message) -> None:
    """Open the form; the message's text stands in it, as it comes with this interaction and with no other."""
    if not message.content.strip():
        raise Refusal("refusal-nothing-to-ask-about")
    await open_form(interaction, build_about_form(texts_of(interaction), about=message.content.strip()))
    record_of(interaction).outcome = "form"
