"""Typed access to the bot, its services, the texts and the data of an interaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import discord

from bot.interactions.downloads import AttachmentDownloader
from bot.interactions.shared_servers import SharedServers
from bot.interactions.tracker import InteractionTracker
from bot.locales.texts import Texts, texts_for
from bot.services import Services
from config.settings import Settings


class BotClient(Protocol):
    """The part of the bot that commands, buttons and listeners use. `RefdeskBot` implements it."""

    services: Services
    settings: Settings
    tracker: InteractionTracker
    downloads: AttachmentDownloader
    command_ids: dict[str, str]
    """IDs of the registered commands by name; empty until they are known."""
    shared_servers: SharedServers

    @property
    def user(self) -> discord.ClientUser | None:
        """The bot's user, once it is logged in."""

    @property
    def guilds(self) -> Sequence[discord.Guild]:
        """The servers of which the bot is a member."""

    def get_guild(self, guild_id: int, /) -> discord.Guild | None:
        """Return a server of which the bot is a member."""

    @property
    def application_id(self) -> int | None:
        """The ID of the application, once the bot is logged in."""


def client_of(interaction: discord.Interaction) -> BotClient:
    """Return the bot that received an interaction."""
    return cast("BotClient", interaction.client)


def services_of(interaction: discord.Interaction) -> Services:
    """Return the services of the bot that received an interaction."""
    return client_of(interaction).services


def texts_of(interaction: discord.Interaction) -> Texts:
    """Return the texts in the user's language."""
    return texts_for(interaction.locale)


def data_of(interaction: discord.Interaction) -> Mapping[str, Any]:
    """Return the payload: the pressed button, the selected values or the submitted form fields."""
    return cast("Mapping[str, Any]", interaction.data or {})


def selected_value(interaction: discord.Interaction) -> str:
    """Return the entry that was selected in a menu."""
    values = data_of(interaction).get("values") or [""]
    return str(values[0])
