"""Handlers for jobs: cancel, retry, and turn pages of the list."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import discord

from bot.interactions.accessors import selected_value, services_of, texts_of
from bot.interactions.context import context_of, load_context
from bot.interactions.questions import TOKEN_LIFETIME_S
from bot.interactions.redaction import redact_job
from bot.interactions.replies import defer, defer_update, reply, update
from bot.interactions.tracker import record_of
from bot.locales.texts import Texts
from bot.render.jobs import render_job, render_job_list
from bot.render.message import Button, OutgoingMessage
from bot.services.jobs import InteractionToken, parse_job_id
from bot.services.request_context import RequestContext
from db.deliveries import Delivery
from db.job_views import JobWithOwner

PAGE_SIZE = 10
EVERYONE_OFFSET = 1_000_000
"""Added to the page number in the buttons of the list of all jobs."""


async def cancel(interaction: discord.Interaction, delivery_id: int) -> None:
    """Cancel the jobs of a delivery; the delivery updates its message."""
    await defer_update(interaction)
    ledger, context = services_of(interaction).jobs, context_of(interaction)
    job_ids = await ledger.jobs_of(context, delivery_id)
    states = await ledger.cancel(context, job_ids)
    record_of(interaction).jobs += job_ids
    await _notify_elsewhere(interaction, job_ids[0], "job-cancelled" if "cancelled" in states else "job-stopping")


async def retry(interaction: discord.Interaction, delivery_id: int) -> None:
    """Retry the failed jobs of a delivery."""
    await defer_update(interaction)
    ledger, context = services_of(interaction).jobs, await load_context(interaction)
    job_ids = await ledger.jobs_of(context, delivery_id)
    record_of(interaction).jobs += await ledger.retry(context, job_ids, current_token(interaction))
    await _notify_elsewhere(interaction, job_ids[0], "job-requeued")


async def _notify_elsewhere(interaction: discord.Interaction, job_id: int, key: str) -> None:
    """Send a private confirmation, unless the message with the button shows the change itself."""
    visible_job = await services_of(interaction).jobs.job(context_of(interaction), job_id)
    delivery, message = visible_job.delivery, interaction.message
    if visible_job.needs_token_of(str(interaction.user.id)) or (
        delivery is not None and message is not None and str(message.id) == delivery.message_id
    ):
        return
    await reply(interaction, OutgoingMessage(texts_of(interaction)(key, job=str(job_id))))


def current_token(interaction: discord.Interaction) -> InteractionToken:
    """Return the token of this interaction with its remaining lifetime."""
    return InteractionToken(interaction.token, TOKEN_LIFETIME_S - (perf_counter() - record_of(interaction).started))


async def turn_page(interaction: discord.Interaction, target: int) -> None:
    """Show another page of a list."""
    await defer_update(interaction)
    everyone, page = target >= EVERYONE_OFFSET, target % EVERYONE_OFFSET
    await update(interaction, await build_page(interaction, everyone=everyone, page=page))


async def open_job(interaction: discord.Interaction, _page: int) -> None:
    """Show the job that was selected in the list."""
    await defer(interaction, private=True)
    await send_job(interaction, parse_job_id(selected_value(interaction)))


async def send_job(interaction: discord.Interaction, job_id: int) -> None:
    """Send a job to a deferred interaction; its answer is included if the user may read it."""
    context, t = await load_context(interaction), texts_of(interaction)
    visible_job = await services_of(interaction).jobs.job(context, job_id)
    job = redact_job(visible_job.owned, context, t)
    if not context.may_read(visible_job.owned.requester, visible_job.delivery):
        job = replace(job, result=None)  # managers see the state of a private question, but not its answer
    card = render_job(
        job,
        t,
        delivery_id=visible_job.owned.delivery_id,
        may_change=context.may_change(visible_job.owned.requester),
        link=build_message_link(visible_job.delivery),
    )
    await reply(interaction, card)


def build_message_link(delivery: Delivery | None) -> str:
    """Return the link to the message that shows a job; empty for private messages."""
    if delivery is None or delivery.message_id is None or delivery.route == "token":
        return ""
    server = None if delivery.is_direct else delivery.guild_id
    return f"https://discord.com/channels/{server or '@me'}/{delivery.channel_id}/{delivery.message_id}"


async def build_page(interaction: discord.Interaction, *, everyone: bool, page: int = 0) -> OutgoingMessage:
    """Build a page of the user's jobs, or of all jobs for a manager."""
    context: RequestContext = await load_context(interaction)
    everyone = everyone and context.manager
    jobs: list[JobWithOwner] = await services_of(interaction).jobs.jobs(
        context, everyone=everyone, limit=PAGE_SIZE + 1, offset=page * PAGE_SIZE
    )
    t: Texts = texts_of(interaction)
    views = [redact_job(owned, context, t) for owned in jobs[:PAGE_SIZE]]
    message = render_job_list(views, t, everyone=everyone, page=page, more=len(jobs) > PAGE_SIZE)
    return _mark_everyone(message) if everyone else message


def _mark_everyone(message: OutgoingMessage) -> OutgoingMessage:
    rows = tuple(
        tuple(
            replace(button, target=button.target + EVERYONE_OFFSET) if isinstance(button, Button) else button
            for button in row
        )
        for row in message.buttons
    )
    return replace(message, buttons=rows)
