"""Handlers for asking the helpers of a server, and for adding a document, under a question without an answer."""

from __future__ import annotations

import discord

from bot.interactions.accessors import services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.replies import defer, defer_update, open_form, reply, update
from bot.interactions.tracker import record_of
from bot.locales.texts import texts_for
from bot.render.helper_requests import (
    format_role,
    render_helper_asked,
    render_helper_confirmation,
    render_helper_request,
)
from bot.render.message import OutgoingMessage
from bot.render.payload import build_allowed_mentions, build_send_arguments
from bot.services.jobs import VisibleJob
from bot.services.library import require_may_add
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from bot.views.forms import build_text_form
from bot.views.jobs import build_message_link


async def open_add_form(interaction: discord.Interaction, _target: int) -> None:
    """Open the form for adding a text, if the user may add documents."""
    context = context_of(interaction)
    require_may_add(context, services_of(interaction).cached_settings(context))
    await open_form(interaction, build_text_form(texts_of(interaction), title="", visible=None))
    record_of(interaction).outcome = "form"


async def ask_helper(interaction: discord.Interaction, job_id: int) -> None:
    """Ask the helpers about a question; a private one is only posted after a confirmation."""
    await defer(interaction, private=True)
    context = context_of(interaction)
    visible_job = await _find_question(interaction, context, job_id)
    role = await _find_role(interaction, context)
    if visible_job.private:
        await reply(interaction, render_helper_confirmation(visible_job.job, str(role.id), texts_of(interaction)))
        return
    await reply(interaction, await _post(interaction, context, visible_job, role))


async def ask_helper_after_confirmation(interaction: discord.Interaction, job_id: int) -> None:
    """Ask the helpers about a private question, which its asker agreed to post."""
    await defer_update(interaction)
    context = context_of(interaction)
    visible_job = await _find_question(interaction, context, job_id)
    role = await _find_role(interaction, context)
    await update(interaction, await _post(interaction, context, visible_job, role))


async def cancel_ask_helper(interaction: discord.Interaction, _job_id: int) -> None:
    """Close the confirmation without posting the question."""
    await defer_update(interaction)
    await update(interaction, OutgoingMessage(texts_of(interaction)("helper-not-asked")))


async def _find_question(interaction: discord.Interaction, context: RequestContext, job_id: int) -> VisibleJob:
    visible_job = await services_of(interaction).jobs.answer(context, job_id)
    if visible_job.in_other_workspace or context.guild_id is None:
        raise Refusal("refusal-helper-elsewhere")
    return visible_job


async def _find_role(interaction: discord.Interaction, context: RequestContext) -> discord.Role:
    """Return the role of the helpers.

    Raises:
        Refusal: There is no such role, the bot may not mention it, or no member has it.
    """
    role_id = await services_of(interaction).helpers.role(context)
    guild = interaction.client.get_guild(int(context.guild_id or 0))
    role = None if guild is None else guild.get_role(int(role_id))
    if guild is None or role is None:
        raise Refusal("refusal-helper-role-gone")
    if not role.mentionable and not interaction.app_permissions.mention_everyone:
        raise Refusal("refusal-helper-role-silent", role=format_role(role_id))
    counts = await guild.role_member_counts()
    if not next((count for counted, count in counts.items() if counted.id == role.id), 0):
        raise Refusal("refusal-helper-role-empty", role=format_role(role_id))
    return role


async def _post(
    interaction: discord.Interaction, context: RequestContext, visible_job: VisibleJob, role: discord.Role
) -> OutgoingMessage:
    """Post the question in this channel, and return the private reply with a link to it."""
    job, services = visible_job.job, services_of(interaction)
    message = render_helper_request(
        job,
        str(role.id),
        visible_job.owned.requester,
        texts_for(role.guild.preferred_locale),
        link="" if visible_job.private else build_message_link(visible_job.delivery),
    )
    channel = interaction.client.get_partial_messageable(int(context.channel_id), guild_id=role.guild.id)
    await services.helpers.record(context, job.id)
    try:
        posted = await channel.send(
            **build_send_arguments(message),
            allowed_mentions=build_allowed_mentions(message),
            # Discord drops a second message with the same nonce.
            nonce=f"rdhelp{job.id}",
            suppress_embeds=message.suppress_embeds,
        )
    except discord.Forbidden:
        await services.helpers.forget(context, job.id)
        raise Refusal("refusal-helper-no-permission") from None
    except Exception:
        await services.helpers.forget(context, job.id)
        raise
    await services.helpers.mark_posted(context, job.id)
    return render_helper_asked(str(role.id), posted.jump_url, texts_of(interaction))
