"""Respond to an interaction: defer, reply, update or open a form, whatever state the interaction is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import discord

from bot.interactions.tracker import record_of
from bot.render.message import OutgoingMessage
from bot.render.payload import build_edit_arguments, build_send_arguments
from bot.render.without_embeds import write_embeds_as_text


@dataclass(frozen=True, slots=True)
class DeferredResponse:
    """The message that Discord shows as "is thinking…" until it is edited."""

    message_id: str | None
    private: bool
    """Whether only the user sees it. Discord may force this where the bot is not a member."""


async def defer(interaction: discord.Interaction, *, private: bool) -> DeferredResponse:
    """Acknowledge with a message that shows "is thinking…"."""
    response = await interaction.response.defer(ephemeral=private, thinking=True)
    record = record_of(interaction)
    record.acknowledge()
    if response is None:
        return DeferredResponse(None, private)
    deferred = DeferredResponse(
        None if response.message_id is None else str(response.message_id), private or response.is_ephemeral()
    )
    record.thinking = "private" if deferred.private else "public"
    return deferred


async def defer_update(interaction: discord.Interaction) -> None:
    """Acknowledge a button without a visible response; its message is edited later or stays as it is."""
    await interaction.response.defer()
    record_of(interaction).acknowledge()


async def reply(interaction: discord.Interaction, message: OutgoingMessage) -> None:
    """Reply in private; edits the deferred message if that is private and still shows "is thinking…"."""
    record = record_of(interaction)
    message, *others = adapt(interaction, message)
    if not interaction.response.is_done():
        await interaction.response.send_message(
            ephemeral=True, suppress_embeds=message.suppress_embeds, **build_send_arguments(message)
        )
        record.acknowledge()
    elif record.thinking == "private":
        record.thinking = ""
        await interaction.edit_original_response(**build_edit_arguments(message))
    else:
        await _follow_up(interaction, message)
    for other in others:
        await _follow_up(interaction, other)


async def update(
    interaction: discord.Interaction, message: OutgoingMessage, view: discord.ui.View | None = None
) -> None:
    """Edit the message whose button was pressed, after `defer_update`; `view` replaces the buttons of `message`."""
    first, *others = adapt(interaction, message)
    arguments = build_edit_arguments(first)
    await interaction.edit_original_response(**arguments if view is None else arguments | {"view": view})
    for other in others:
        await _follow_up(interaction, other)


def adapt(interaction: discord.Interaction, message: OutgoingMessage) -> list[OutgoingMessage]:
    """Write embeds as text, in one or more messages, where the bot lacks the permission *Embed Links*."""
    if not message.embeds or interaction.app_permissions.embed_links:
        return [message]
    return write_embeds_as_text([message])


async def retract(interaction: discord.Interaction, message: OutgoingMessage) -> None:
    """Reply in private; deletes a public deferred message that still shows "is thinking…"."""
    record = record_of(interaction)
    if record.thinking == "public":
        record.thinking = ""
        # Discord would put the first follow-up into the public message, so that message is deleted first.
        await interaction.delete_original_response()
    await reply(interaction, message)


async def open_form(interaction: discord.Interaction, form: discord.ui.Modal) -> None:
    """Open a form. The submitted form is routed by its `custom_id`, even after a restart of the bot."""
    form.stop()  # so that discord.py does not keep the form in memory
    await interaction.response.send_modal(form)
    record_of(interaction).acknowledge()


async def _follow_up(interaction: discord.Interaction, message: OutgoingMessage) -> None:
    arguments: dict[str, Any] = build_send_arguments(message)
    await interaction.followup.send(ephemeral=True, suppress_embeds=message.suppress_embeds, **arguments)
