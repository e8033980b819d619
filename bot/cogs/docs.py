"""The `/docs` commands."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.autocomplete import suggest_documents
from bot.cogs.options import describe_options
from bot.interactions.accessors import services_of
from bot.interactions.context import load_context
from bot.interactions.questions import target_message
from bot.interactions.replies import defer, reply
from bot.interactions.tracker import record_of
from bot.locales.translator import localized
from bot.views.documents import build_page, send_deletion_confirmation, send_document


class Docs(commands.GroupCog, group_name=localized("cmd-docs"), group_description=localized("cmd-docs-desc")):
    """The `/docs` command group."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        super().__init__()
        self.bot = bot

    @app_commands.command(name=localized("cmd-docs-list"), description=localized("cmd-docs-list-desc"))
    @describe_options(search="search")
    async def list_documents(
        self, interaction: discord.Interaction, search: app_commands.Range[str, 1, 200] | None = None
    ) -> None:
        """List the documents the user can see."""
        await defer(interaction, private=True)
        await reply(interaction, await build_page(interaction, search=search or ""))

    @app_commands.command(name=localized("cmd-docs-show"), description=localized("cmd-docs-show-desc"))
    @describe_options(document="document")
    @app_commands.autocomplete(document=suggest_documents)
    async def show(self, interaction: discord.Interaction, document: str) -> None:
        """Show a document with its beginning and the actions this user may perform."""
        await defer(interaction, private=True)
        await send_document(interaction, document)

    @app_commands.command(name=localized("cmd-docs-delete"), description=localized("cmd-docs-delete-desc"))
    @describe_options(document="document")
    @app_commands.autocomplete(document=suggest_documents)
    async def delete(self, interaction: discord.Interaction, document: str) -> None:
        """Delete a document after confirmation."""
        await defer(interaction, private=True)
        await send_deletion_confirmation(interaction, document)

    @app_commands.command(name=localized("cmd-docs-reingest"), description=localized("cmd-docs-reingest-desc"))
    @describe_options(document="document")
    @app_commands.autocomplete(document=suggest_documents)
    async def reingest(self, interaction: discord.Interaction, document: str) -> None:
        """Process a document again; the message shows its progress."""
        deferred = await defer(interaction, private=True)
        library, context = services_of(interaction).library, await load_context(interaction)
        summary = await library.document(context, document)
        record = record_of(interaction)
        record.jobs.append(await library.reingest(context, summary.id, target_message(interaction, deferred)))
        record.thinking = ""
