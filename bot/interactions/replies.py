"""The first answer to an interaction and what follows it; whatever state it is in, a reply finds its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import discord

from bot.interactions.tracker import visit_of
from bot.render.message import OutgoingMessage
from bot.views.build import build_edit_arguments, build_send_arguments


@dataclass(frozen=True, slots=True)
class DeferredResponse:
    """The message that Discord shows while people wait."""

    message_id: str | None
    private: bool
    """Whether only the person sees it; Discord may insist on that where the bot is no member."""


async def defer(interaction: discord.Interaction, *, private: bool) -> DeferredResponse:
    """Acknowledge with a message that says that the bot thinks."""
    response = await interaction.response.defer(ephemeral=private, thinking=True)
    visit = visit_of(interaction)
    visit.acknowledge()
    if response is None:
        return DeferredResponse(None, private)
    deferred = DeferredResponse(
        None if response.message_id is None else str(response.message_id), private or response.is_ephemeral()
    )
    visit.thinking = "private" if deferred.private else "public"
    return deferred


async def defer_update(interaction: discord.Interaction) -> None:
    """Acknowledge a press on a message that will change or stay by itself."""
    await interaction.response.defer()
    visit_of(interaction).acknowledge()


async def reply(interaction: discord.Interaction, shown: OutgoingMessage) -> None:
    """Answer in private, in the message that says the bot thinks if there is one."""
    visit = visit_of(interaction)
    if not interaction.response.is_done():
        await interaction.response.send_message(
            ephemeral=True, suppress_embeds=shown.suppress_embeds, **build_send_arguments(shown)
        )
        visit.acknowledge()
    elif visit.thinking == "private":
        visit.thinking = ""
        await interaction.edit_original_response(**build_edit_arguments(shown))
    else:
        await _follow_up(interaction, shown)


async def update(interaction: discord.Interaction, shown: OutgoingMessage) -> None:
    """Change the message whose button was pressed; after `defer_update`."""
    await interaction.edit_original_response(**build_edit_arguments(shown))


async def retract(interaction: discord.Interaction, shown: OutgoingMessage) -> None:
    """Answer in private although the bot may think in public; then that message goes."""
    visit = visit_of(interaction)
    if visit.thinking == "public":
        visit.thinking = ""
        # The first follow-up would fill the public message instead, so that has to go before.
        await interaction.delete_original_response()
    await reply(interaction, shown)


async def ask_in_form(interaction: discord.Interaction, form: discord.ui.Modal) -> None:
    """Open a form; what is filled in comes back by its `custom_id`, even after a restart."""
    form.stop()  # so that discord.py does not keep it
    await interaction.response.send_modal(form)
    visit_of(interaction).acknowledge()


async def _follow_up(interaction: discord.Interaction, shown: OutgoingMessage) -> None:
    arguments: dict[str, Any] = build_send_arguments(shown)
    await interaction.followup.send(ephemeral=True, suppress_embeds=shown.suppress_embeds, **arguments)
