"""The `/settings` commands, for managers."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.autocomplete import suggest_rerankers
from bot.cogs.options import describe_options
from bot.interactions.accessors import services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer, reply
from bot.interactions.tracker import record_of
from bot.locales.translator import localized
from bot.render.settings import render_settings
from bot.services.refusals import Refusal
from bot.services.workspace_settings import require_manager
from bot.views.settings import build_edit_with_channel_menu
from db.workspace_settings import CHANGEABLE
from pipeline.types import RERANKERS

Limit = app_commands.Range[int, 0, 1_000_000]


@app_commands.default_permissions(manage_guild=True)
class Settings(
    commands.GroupCog, group_name=localized("cmd-settings"), group_description=localized("cmd-settings-desc")
):
    """The `/settings` command group; the permission is checked again, because servers can override Discord's check."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        super().__init__()
        self.bot = bot

    @app_commands.command(name=localized("cmd-settings-show"), description=localized("cmd-settings-show-desc"))
    async def show(self, interaction: discord.Interaction) -> None:
        """Show the current settings."""
        await self._change(interaction)

    @app_commands.command(name=localized("cmd-settings-answers"), description=localized("cmd-settings-answers-desc"))
    @describe_options(reranker="reranker", top_n="top-n", top_k="top-k", language="language")
    @app_commands.choices(
        language=[
            app_commands.Choice(name=localized("settings-language-question"), value="question"),
            app_commands.Choice(name=localized("settings-language-en"), value="en"),
            app_commands.Choice(name=localized("settings-language-zh"), value="zh"),
        ],
    )
    @app_commands.autocomplete(reranker=suggest_rerankers)
    async def answers(
        self,
        interaction: discord.Interaction,
        reranker: str | None = None,
        top_n: app_commands.Range[int, 1, 200] | None = None,
        top_k: app_commands.Range[int, 1, 20] | None = None,
        language: app_commands.Choice[str] | None = None,
    ) -> None:
        """Set how answers are generated."""
        if reranker is not None and reranker not in RERANKERS:
            raise Refusal("refusal-method-unknown")
        chosen = None if language is None else language.value.removeprefix("question")
        await self._change(
            interaction,
            reranker=reranker,
            top_n=top_n,
            top_k=top_k,
            answer_language=chosen,
        )

    @app_commands.command(name=localized("cmd-settings-access"), description=localized("cmd-settings-access-desc"))
    @describe_options(add_by="add-by", role="role")
    @app_commands.choices(
        add_by=[
            app_commands.Choice(name=localized("settings-ingest-by-everyone"), value="everyone"),
            app_commands.Choice(name=localized("settings-ingest-by-managers"), value="managers"),
            app_commands.Choice(name=localized("add-by-role"), value="role"),
        ]
    )
    async def access(
        self,
        interaction: discord.Interaction,
        add_by: app_commands.Choice[str] | None = None,
        role: discord.Role | None = None,
    ) -> None:
        """Set who may add documents, and show the menu of channels with public answers."""
        chosen = add_by.value if add_by is not None else None if role is None else "role"
        if chosen == "role" and role is None:
            raise Refusal("refusal-role-missing")
        role_id = str(role.id) if chosen == "role" and role is not None else None
        await self._change(interaction, channels=True, ingest_by=chosen, ingest_role=role_id)

    @app_commands.command(name=localized("cmd-settings-helpers"), description=localized("cmd-settings-helpers-desc"))
    @describe_options(role="helper-role", off="helpers-off")
    async def helpers(
        self, interaction: discord.Interaction, role: discord.Role | None = None, off: bool = False
    ) -> None:
        """Set the role that members can ask if the library has no answer."""
        if role is not None and role.is_default():
            raise Refusal("refusal-helper-role-everyone")
        await self._change(
            interaction,
            everything={"helper_role": None} if off else None,
            helper_role=None if role is None or off else str(role.id),
        )

    @app_commands.command(name=localized("cmd-settings-limits"), description=localized("cmd-settings-limits-desc"))
    @describe_options(
        questions_per_user_hour="questions-person",
        questions_per_day="questions-server",
        documents_per_user_day="documents-person",
        documents_per_day="documents-server",
    )
    async def limits(
        self,
        interaction: discord.Interaction,
        questions_per_user_hour: Limit | None = None,
        questions_per_day: Limit | None = None,
        documents_per_user_day: Limit | None = None,
        documents_per_day: Limit | None = None,
    ) -> None:
        """Set the quotas for questions and documents, up to the operator's limits."""
        await self._change(
            interaction,
            questions_per_user_hour=questions_per_user_hour,
            questions_per_day=questions_per_day,
            documents_per_user_day=documents_per_user_day,
            documents_per_day=documents_per_day,
        )

    @app_commands.command(name=localized("cmd-settings-reset"), description=localized("cmd-settings-reset-desc"))
    async def reset(self, interaction: discord.Interaction) -> None:
        """Reset all settings to the operator's defaults."""
        await self._change(interaction, everything=dict.fromkeys(CHANGEABLE))

    async def _change(
        self,
        interaction: discord.Interaction,
        *,
        channels: bool = False,
        everything: dict[str, Any] | None = None,
        **values: Any,
    ) -> None:
        """Store the given settings and show the current ones."""
        context = context_of(interaction)
        require_manager(context)
        await defer(interaction, private=True)
        services = services_of(interaction)
        changes = {name: value for name, value in values.items() if value is not None} | (everything or {})
        preferences = services.workspace_settings
        rules = await (preferences.change(context, **changes) if changes else preferences.get(context))
        t = texts_of(interaction)
        message = render_settings(rules.overrides, services.settings, t, changed=changes)
        if not channels or context.guild_id is None:
            await reply(interaction, message)
            return
        record_of(interaction).thinking = ""
        await interaction.edit_original_response(**build_edit_with_channel_menu(message, rules.overrides, t))
