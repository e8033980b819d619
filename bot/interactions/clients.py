"""From an interaction to the parts of the bot that it reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import discord

from bot.locales.texts import Texts, texts_for
from bot.services import Services

if TYPE_CHECKING:
    from bot.client.app import RefdeskBot


def bot_of(interaction: discord.Interaction) -> RefdeskBot:
    """Give the bot that an interaction reached."""
    return cast("RefdeskBot", interaction.client)


def services_of(interaction: discord.Interaction) -> Services:
    """Give its desk."""
    return bot_of(interaction).services


def texts_of(interaction: discord.Interaction) -> Texts:
    """Give the sentences in the language of the person."""
    return texts_for(interaction.locale)


def data_of(interaction: discord.Interaction) -> Mapping[str, Any]:
    """Give what was pressed, chosen or filled in."""
    return cast("Mapping[str, Any]", interaction.data or {})
