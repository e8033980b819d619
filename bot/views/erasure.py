"""Handlers for erasing a person or a server, each confirmed by typing."""

from __future__ import annotations

import discord

from bot.interactions.accessors import data_of, services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer, open_form, reply
from bot.interactions.tracker import record_of
from bot.render import sanitize
from bot.render.message import OutgoingMessage
from bot.services.erasure import require_server_manager
from bot.services.refusals import Refusal
from bot.views.forms import build_person_erasure_form, build_server_erasure_form, read_fields


async def open_server_form(interaction: discord.Interaction) -> None:
    """Open the form in which a manager types the name of the server."""
    require_server_manager(context_of(interaction))
    await open_form(interaction, build_server_erasure_form(texts_of(interaction), name=_server_name(interaction)))
    record_of(interaction).outcome = "form"


async def erase_server(interaction: discord.Interaction, _target: int) -> None:
    """Erase the server if its name was typed."""
    context, name = context_of(interaction), _server_name(interaction)
    require_server_manager(context)
    if read_fields(data_of(interaction)).get("name", "").strip().casefold() != name.strip().casefold():
        raise Refusal("refusal-erase-name", name=sanitize.escape_title(name))
    await defer(interaction, private=True)
    complete = await services_of(interaction).erasure.erase_server(context)
    text = texts_of(interaction)("erase-server-done" if complete else "erase-server-continues")
    await reply(interaction, OutgoingMessage(text))


async def open_person_form(interaction: discord.Interaction, keep_documents: int) -> None:
    """Open the form in which a user types a word; the target is 1 to keep the documents that the user added."""
    form = build_person_erasure_form(texts_of(interaction), keep_documents=bool(keep_documents))
    await open_form(interaction, form)
    record_of(interaction).outcome = "form"


async def erase_person(interaction: discord.Interaction, keep_documents: int) -> None:
    """Erase the user if the word was typed."""
    t = texts_of(interaction)
    if read_fields(data_of(interaction)).get("word", "").strip().casefold() != t("erase-word").casefold():
        raise Refusal("refusal-erase-word")
    await defer(interaction, private=True)
    await services_of(interaction).erasure.erase_person(context_of(interaction), keep_documents=bool(keep_documents))
    await reply(interaction, OutgoingMessage(t("erase-person-done")))


def _server_name(interaction: discord.Interaction) -> str:
    """Return the name of the server, or its ID if it is not cached."""
    return interaction.guild.name if interaction.guild is not None else str(interaction.guild_id)
