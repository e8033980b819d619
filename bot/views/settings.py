"""Show the settings of a server, with menus of channels and roles, and store what is selected in them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import discord

from bot.interactions.accessors import data_of, services_of, texts_of
from bot.interactions.context import context_of, load_context
from bot.interactions.replies import defer_update, reply, update
from bot.interactions.tracker import record_of
from bot.locales.texts import Texts
from bot.render.asking_settings import ExistingParts
from bot.render.message import OutgoingMessage
from bot.render.payload import build_static_view
from bot.render.settings import render_settings
from bot.services.async_database import EffectiveSettings
from bot.services.refusals import Refusal
from db.workspace_settings import WorkspaceSettings

MAX_MENU_ITEMS = 25
"""Discord's limit for a menu."""
ASKING_CHANNEL_TYPES = (
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
)
"""Types of channels in which questions are asked; threads are set with their channel."""
WHOLE_SERVER = 0
"""Target of the menu of roles that may ask on the whole server; otherwise the target is a channel."""


async def build_settings(
    interaction: discord.Interaction, rules: EffectiveSettings, changed: Collection[str] = ()
) -> OutgoingMessage:
    """Render the settings of the server, or of the personal library in direct messages."""
    existing = None if context_of(interaction).guild_id is None else find_existing_parts(interaction)
    t, context = texts_of(interaction), context_of(interaction)
    digest = None if context.guild_id is None else await services_of(interaction).digests.get(context)
    return render_settings(rules.overrides, rules.defaults, t, changed=changed, existing=existing, digest=digest)


async def show_with_channel_menu(
    interaction: discord.Interaction, rules: EffectiveSettings, message: OutgoingMessage
) -> None:
    """Show the settings with the menu of channels with public answers; there is none in a personal library."""
    await _show(interaction, message, build_channel_menu(interaction, rules.overrides, texts_of(interaction)))


async def show_with_role_menu(
    interaction: discord.Interaction, rules: EffectiveSettings, message: OutgoingMessage, target: int = WHOLE_SERVER
) -> None:
    """Show the settings with the menu of roles that may ask, on the whole server or in one channel."""
    await _show(interaction, message, build_role_menu(interaction, rules.overrides, texts_of(interaction), target))


async def choose_channels(interaction: discord.Interaction, _target: int) -> None:
    """Store the selected channels; no selection means all channels."""
    await defer_update(interaction)
    preferences = services_of(interaction).workspace_settings
    rules = await preferences.change(context_of(interaction), public_channels=_selected_ids(interaction))
    await show_with_channel_menu(interaction, rules, await build_settings(interaction, rules, ["public_channels"]))


async def choose_asking_roles(interaction: discord.Interaction, target: int) -> None:
    """Store the selected roles; no selection means everyone, and for a channel, as on the whole server."""
    await defer_update(interaction)
    preferences, chosen = services_of(interaction).workspace_settings, _selected_ids(interaction)
    if target == WHOLE_SERVER:
        rules = await preferences.change(context_of(interaction), ask_roles=chosen)
    else:
        rules = await preferences.change_channel(await load_context(interaction), str(target), ask_roles=chosen or None)
    changed = "ask_roles" if target == WHOLE_SERVER else "channel_rules"
    await show_with_role_menu(interaction, rules, await build_settings(interaction, rules, [changed]), target)


def require_writable(interaction: discord.Interaction, channel_id: str) -> None:
    """Raise a `Refusal` unless the bot can write in a channel of the server."""
    guild = interaction.guild
    channel = None if guild is None else guild.get_channel(int(channel_id))
    if guild is None or channel is None:
        raise Refusal("refusal-digest-channel", channel=f"<#{channel_id}>")
    permissions = channel.permissions_for(guild.me)
    if not (permissions.view_channel and permissions.send_messages):
        raise Refusal("refusal-digest-channel", channel=f"<#{channel_id}>")


def find_existing_parts(interaction: discord.Interaction) -> ExistingParts:
    """Return the roles and channels of the server, as far as they are cached."""
    guild = interaction.guild
    if guild is None or guild.unavailable or not guild.roles:
        return ExistingParts()
    channels = {str(channel.id) for channel in (*guild.channels, *guild.threads)}
    return ExistingParts({str(role.id) for role in guild.roles}, channels)


def build_channel_menu(
    interaction: discord.Interaction, chosen: WorkspaceSettings, t: Texts
) -> discord.ui.ChannelSelect[Any]:
    """Build the menu of channels with public answers; deleted channels are not preselected."""
    existing = find_existing_parts(interaction).channels
    return discord.ui.ChannelSelect(
        custom_id="rd:channels:0",
        placeholder=t("settings-choose-channels")[:150],
        min_values=0,
        max_values=MAX_MENU_ITEMS,
        channel_types=list(ASKING_CHANNEL_TYPES),
        default_values=[
            discord.SelectDefaultValue(id=int(channel), type=discord.SelectDefaultValueType.channel)
            for channel in (chosen.public_channels or ())[:MAX_MENU_ITEMS]
            if existing is None or channel in existing
        ],
    )


def build_role_menu(
    interaction: discord.Interaction, chosen: WorkspaceSettings, t: Texts, target: int
) -> discord.ui.RoleSelect[Any]:
    """Build the menu of roles that may ask; deleted roles are not preselected."""
    existing = find_existing_parts(interaction).roles
    on_server = target == WHOLE_SERVER
    roles = chosen.ask_roles if on_server else chosen.rule_of([str(target)]).ask_roles
    return discord.ui.RoleSelect(
        custom_id=f"rd:askroles:{target}",
        placeholder=t("settings-choose-roles" if on_server else "settings-choose-channel-roles")[:150],
        min_values=0,
        max_values=MAX_MENU_ITEMS,
        default_values=[
            discord.SelectDefaultValue(id=int(role), type=discord.SelectDefaultValueType.role)
            for role in (roles or ())[:MAX_MENU_ITEMS]
            if existing is None or role in existing
        ],
    )


def _selected_ids(interaction: discord.Interaction) -> tuple[str, ...]:
    return tuple(str(value) for value in data_of(interaction).get("values") or () if str(value).isdigit())


async def _show(interaction: discord.Interaction, message: OutgoingMessage, menu: discord.ui.Item[Any]) -> None:
    if context_of(interaction).guild_id is None:
        await reply(interaction, message)
        return
    record_of(interaction).thinking = ""
    await update(interaction, message, build_static_view(menu))
