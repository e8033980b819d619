"""Handlers for gaps: turn pages, open a gap, answer it with a form, dismiss it."""

from __future__ import annotations

from collections.abc import Sequence

import discord

from bot.interactions import additions
from bot.interactions.accessors import data_of, selected_value, services_of, texts_of
from bot.interactions.context import find_open_channels, load_context
from bot.interactions.replies import defer, defer_update, open_form, reply, update
from bot.render import sanitize
from bot.render.gaps import QUESTION_CHARACTERS, render_gap, render_gap_list
from bot.render.message import OutgoingMessage
from bot.services.gaps import choose_question
from bot.services.jobs import MAX_ID
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from bot.views.forms import build_gap_form, read_fields
from db.gaps import Gap, GapQuestion


async def turn_page(interaction: discord.Interaction, page: int) -> None:
    """Show another page of the list."""
    await defer_update(interaction)
    await update(interaction, await build_page(interaction, page=page))


async def build_page(interaction: discord.Interaction, *, page: int = 0) -> OutgoingMessage:
    """Build a page of the gaps that the manager may see."""
    visible = await services_of(interaction).gaps.list_gaps(await load_context(interaction))
    return render_gap_list(visible.gaps, texts_of(interaction), page=page, hidden=visible.hidden)


async def open_gap(interaction: discord.Interaction, _page: int) -> None:
    """Show the gap that was selected in the list."""
    await defer(interaction, private=True)
    chosen = selected_value(interaction)
    context, gap, question, scope = await _find(interaction, int(chosen) if chosen.isdigit() else 0)
    t = texts_of(interaction)
    await reply(interaction, render_gap(gap, t, title=question.question, channels=scope, guild_id=context.guild_id))


async def offer_answer(interaction: discord.Interaction, query_id: int) -> None:
    """Open the form for the answer."""
    _, _, question, _ = await _find(interaction, query_id)
    form = build_gap_form(texts_of(interaction), query_id=query_id, question=question.question)
    await open_form(interaction, form)


async def answer(interaction: discord.Interaction, query_id: int) -> None:
    """Add the submitted answer to the library and mark the gap as answered."""
    fields = read_fields(data_of(interaction))
    title = " ".join(fields.get("question", "").split())
    # The document is the manager's: another manager's answer, or another document with this title, is not replaced.
    identity = title and f"{title} ({interaction.user.id})"
    item = additions.text_item(fields.get("answer", ""), title, identity=identity)
    deferred = await defer(interaction, private=True)
    context, gap, _, scope = await _find(interaction, query_id)
    job = await additions.add_text(interaction, context, deferred, item, scope)
    await services_of(interaction).gaps.resolve(context, gap, job)


async def dismiss(interaction: discord.Interaction, query_id: int) -> None:
    """Dismiss a gap; its message shows it."""
    await defer_update(interaction)
    context, gap, question, _ = await _find(interaction, query_id)
    await services_of(interaction).gaps.resolve(context, gap)
    title = sanitize.escape_title(question.question, QUESTION_CHARACTERS)
    await update(interaction, OutgoingMessage(texts_of(interaction)("gap-dismissed", question=title)))


async def _find(
    interaction: discord.Interaction, query_id: int
) -> tuple[RequestContext, Gap, GapQuestion, Sequence[str] | None]:
    """Return the context, the gap, the question that becomes the title of an answer, and the answer's scope."""
    if not 0 < query_id <= MAX_ID:
        raise Refusal("refusal-unknown-gap")
    context = await load_context(interaction)
    gap: Gap = await services_of(interaction).gaps.find_gap(context, query_id)
    channels = {question.channel for question in gap.questions if question.channel is not None}
    opened = channels if context.guild_id is None else find_open_channels(interaction, channels)
    question, scope = choose_question(gap, opened)
    return context, gap, question, scope
