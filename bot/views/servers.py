"""Handlers for asking a question of direct messages about the documents of a server."""

from __future__ import annotations

from dataclasses import replace

import discord

from bot.interactions.accessors import client_of, selected_value, services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer, defer_update, reply, update
from bot.interactions.shared_servers import context_in_server
from bot.interactions.tracker import record_of
from bot.render.message import OutgoingMessage
from bot.render.servers import render_server_asked, render_server_menu
from bot.services.questions import QuestionRequest, TargetMessage
from bot.services.refusals import Refusal


async def offer_servers(interaction: discord.Interaction, job_id: int) -> None:
    """Show a menu of the servers that the user and the bot share."""
    await defer(interaction, private=True)
    _require_direct_messages(interaction)
    services, context = services_of(interaction), context_of(interaction)
    await services.jobs.answer(context, job_id)

    def allows(guild: discord.Guild) -> bool:
        settings = services.cached_settings(replace(context, guild_id=str(guild.id)))
        return settings.overrides.direct_messages is not False

    servers = await client_of(interaction).shared_servers.find(interaction.user.id, allows)
    if not servers:
        raise Refusal("refusal-no-shared-server")
    named = [(str(server.id), server.name) for server in servers]
    await reply(interaction, render_server_menu(named, job_id, texts_of(interaction)))


async def ask_on_server(interaction: discord.Interaction, job_id: int) -> None:
    """Ask the question of an answer again as a private question in the selected server; the answer is a new message."""
    await defer_update(interaction)
    _require_direct_messages(interaction)
    services = services_of(interaction)
    visible_job = await services.jobs.answer(context_of(interaction), job_id)
    chosen = selected_value(interaction)
    if not chosen.isdigit():
        raise Refusal("refusal-choice-unavailable")
    payload = visible_job.job.payload
    turns = tuple((str(turn["question"]), str(turn["answer"])) for turn in payload.get("conversation") or ())
    question = QuestionRequest(str(payload.get("question") or ""), conversation=turns)
    await update(interaction, await submit_to_server(interaction, chosen, question))


async def submit_to_server(
    interaction: discord.Interaction, guild_id: str, question: QuestionRequest
) -> OutgoingMessage:
    """Ask a server in direct messages, with the rights of the user in it; return the reply that confirms it."""
    guild = interaction.client.get_guild(int(guild_id))
    context = await context_in_server(context_of(interaction), guild)
    # Without a token, the answer is posted with the bot token, so that it can be edited after 15 minutes.
    target = TargetMessage(f"interaction:{interaction.id}", private=True)
    record_of(interaction).jobs.append(await services_of(interaction).questions.ask(context, question, target))
    return render_server_asked(guild.name if guild is not None else guild_id, texts_of(interaction))


def _require_direct_messages(interaction: discord.Interaction) -> None:
    # In other places the channel of the answer would have other readers.
    if not interaction.context.dm_channel:
        raise Refusal("refusal-choice-unavailable")
