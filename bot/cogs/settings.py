"""The `/settings` commands, for managers."""

from __future__ import annotations

from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.autocomplete import suggest_rerankers
from bot.cogs.options import describe_options
from bot.interactions.accessors import services_of
from bot.interactions.context import context_of, load_context
from bot.interactions.replies import defer, reply
from bot.locales.translator import localized
from bot.services.refusals import Refusal
from bot.services.workspace_settings import require_manager
from bot.views.erasure import open_server_form
from bot.views.settings import (
    ASKING_CHANNEL_TYPES,
    build_settings,
    require_writable,
    show_with_channel_menu,
    show_with_role_menu,
)
from db.workspace_settings import CHANGEABLE
from pipeline.types import RERANKERS

Limit = app_commands.Range[int, 0, 1_000_000]


class SettingsChannel(app_commands.Transformer):
    """A channel in which questions are asked, also one that the bot cannot view; the value is its ID."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        """The type of the option."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """The types of channels that Discord offers."""
        return list(ASKING_CHANNEL_TYPES)

    async def transform(self, _interaction: discord.Interaction, value: app_commands.AppCommandChannel, /) -> str:
        """Return the ID of the channel."""
        return str(value.id)


class DigestChannel(SettingsChannel):
    """A channel for the weekly digest; the value is its ID."""

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """The types of channels that Discord offers."""
        return [discord.ChannelType.text, discord.ChannelType.news]


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
        await self._change(interaction, menu="channels", ingest_by=chosen, ingest_role=role_id)

    @app_commands.command(name=localized("cmd-settings-asking"), description=localized("cmd-settings-asking-desc"))
    @describe_options(direct_messages="direct-messages")
    async def asking(self, interaction: discord.Interaction, direct_messages: bool | None = None) -> None:
        """Set whether members may ask from direct messages, and show the menu of roles that may ask."""
        _require_server(interaction)
        await self._change(interaction, menu="roles", direct_messages=direct_messages)

    @app_commands.command(name=localized("cmd-settings-channel"), description=localized("cmd-settings-channel-desc"))
    @describe_options(channel="channel", answers="answers", threads="threads")
    @app_commands.choices(
        answers=[
            app_commands.Choice(name=localized("settings-answers-server"), value="server"),
            app_commands.Choice(name=localized("settings-answers-public"), value="public"),
            app_commands.Choice(name=localized("settings-answers-private"), value="private"),
        ]
    )
    async def channel(
        self,
        interaction: discord.Interaction,
        channel: app_commands.Transform[str, SettingsChannel] | None = None,
        answers: app_commands.Choice[str] | None = None,
        threads: bool | None = None,
    ) -> None:
        """Set how a channel differs from the server, and show the menu of roles that may ask in it."""
        _require_server(interaction)
        require_manager(context_of(interaction))
        await defer(interaction, private=True)
        context = await load_context(interaction)
        target = channel or context.parent_id or context.channel_id
        # Without a rule there are no threads, so False removes the setting.
        changes: dict[str, Any] = {} if threads is None else {"threads": threads or None}
        if answers is not None:
            changes["answers"] = None if answers.value == "server" else answers.value
        preferences = services_of(interaction).workspace_settings
        rules = await (preferences.change_channel(context, target, **changes) if changes else preferences.get(context))
        message = await build_settings(interaction, rules, ["channel_rules"] if changes else ())
        await show_with_role_menu(interaction, rules, message, int(target))

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

    @app_commands.command(name=localized("cmd-settings-digest"), description=localized("cmd-settings-digest-desc"))
    @describe_options(channel="digest-channel", off="digest-off")
    async def digest(
        self,
        interaction: discord.Interaction,
        channel: app_commands.Transform[str, DigestChannel] | None = None,
        off: bool = False,
    ) -> None:
        """Set the channel of the weekly digest."""
        _require_server(interaction)
        context = context_of(interaction)
        require_manager(context)
        await defer(interaction, private=True)
        service = services_of(interaction).digests
        if off:
            await service.turn_off(context)
        elif channel is not None:
            require_writable(interaction, channel)
            await service.turn_on(context, channel)
        rules = await services_of(interaction).workspace_settings.get(context)
        await reply(interaction, await build_settings(interaction, rules, ["digest"] if off or channel else ()))

    @app_commands.command(name=localized("cmd-settings-limits"), description=localized("cmd-settings-limits-desc"))
    @describe_options(
        questions_per_user_hour="questions-person",
        questions_per_day="questions-server",
        documents_per_user_day="documents-person",
        documents_per_day="documents-server",
        library_mb="library-mb",
    )
    async def limits(
        self,
        interaction: discord.Interaction,
        questions_per_user_hour: Limit | None = None,
        questions_per_day: Limit | None = None,
        documents_per_user_day: Limit | None = None,
        documents_per_day: Limit | None = None,
        library_mb: Limit | None = None,
    ) -> None:
        """Set the quotas for questions and documents, up to the operator's limits."""
        await self._change(
            interaction,
            questions_per_user_hour=questions_per_user_hour,
            questions_per_day=questions_per_day,
            documents_per_user_day=documents_per_user_day,
            documents_per_day=documents_per_day,
            library_mb=library_mb,
        )

    @app_commands.command(
        name=localized("cmd-settings-retention"), description=localized("cmd-settings-retention-desc")
    )
    @describe_options(days="retention-days")
    async def retention(self, interaction: discord.Interaction, days: app_commands.Range[int, 0, 36_500]) -> None:
        """Set after how many days questions, answers and jobs are deleted, up to the operator's limit."""
        await self._change(interaction, retention_days=days)

    @app_commands.command(name=localized("cmd-settings-reset"), description=localized("cmd-settings-reset-desc"))
    async def reset(self, interaction: discord.Interaction) -> None:
        """Reset all settings to the operator's defaults."""
        require_manager(context_of(interaction))
        await services_of(interaction).digests.turn_off(context_of(interaction))
        await self._change(interaction, everything=dict.fromkeys(CHANGEABLE))

    @app_commands.command(name=localized("cmd-settings-erase"), description=localized("cmd-settings-erase-desc"))
    async def erase(self, interaction: discord.Interaction) -> None:
        """Open the form that deletes everything that is stored of the server."""
        await open_server_form(interaction)

    async def _change(
        self,
        interaction: discord.Interaction,
        *,
        menu: Literal["", "channels", "roles"] = "",
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
        message = await build_settings(interaction, rules, changes)
        if menu == "channels":
            await show_with_channel_menu(interaction, rules, message)
        elif menu == "roles":
            await show_with_role_menu(interaction, rules, message)
        else:
            await reply(interaction, message)


def _require_server(interaction: discord.Interaction) -> None:
    """Raise a `Refusal` for a setting that a personal library does not have."""
    if context_of(interaction).guild_id is None:
        raise Refusal("refusal-settings-on-server")
