"""Handler for the menu of channels with public answers."""

from __future__ import annotations

from typing import Any

import discord

from bot.interactions.accessors import data_of, services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer_update
from bot.locales.texts import Texts
from bot.render.message import OutgoingMessage
from bot.render.payload import build_edit_arguments, build_static_view
from bot.render.settings import render_settings
from db.workspace_settings import WorkspaceSettings

MAX_MENU_CHANNELS = 25
"""Discord's limit for a menu."""


async def choose_channels(interaction: discord.Interaction, _target: int) -> None:
    """Store the selected channels; no selection means all channels."""
    await defer_update(interaction)
    values = data_of(interaction).get("values") or ()
    chosen = tuple(str(value) for value in values if str(value).isdigit())
    services = services_of(interaction)
    rules = await services.workspace_settings.change(context_of(interaction), public_channels=chosen)
    t = texts_of(interaction)
    message = render_settings(rules.overrides, services.settings, t, changed=["public_channels"])
    await interaction.edit_original_response(**build_edit_with_channel_menu(message, rules.overrides, t))


def build_edit_with_channel_menu(message: OutgoingMessage, chosen: WorkspaceSettings, t: Texts) -> dict[str, Any]:
    """Build the arguments for editing a message to show the settings and the channel menu."""
    menu: discord.ui.ChannelSelect[Any] = discord.ui.ChannelSelect(
        custom_id="rd:channels:0",
        placeholder=t("settings-choose-channels")[:150],
        min_values=0,
        max_values=MAX_MENU_CHANNELS,
        channel_types=[
            discord.ChannelType.text,
            discord.ChannelType.news,
            discord.ChannelType.forum,
            discord.ChannelType.voice,
        ],
        default_values=[
            discord.SelectDefaultValue(id=int(channel), type=discord.SelectDefaultValueType.channel)
            for channel in (chosen.public_channels or ())[:MAX_MENU_CHANNELS]
        ],
    )
    return build_edit_arguments(message) | {"view": build_static_view(menu)}
