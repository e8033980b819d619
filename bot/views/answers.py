"""Handlers for answers: show sources and ranks, vote, ask again with other settings."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, get_args

import discord
import structlog

from bot.interactions import questions
from bot.interactions.accessors import selected_value, services_of, texts_of
from bot.interactions.context import context_of, load_context
from bot.interactions.errors import DISCORD_UNAVAILABLE
from bot.interactions.replies import defer, defer_update, reply, update
from bot.interactions.shared_servers import context_in_server
from bot.locales.texts import Texts
from bot.render.ask_again import render_ask_again
from bot.render.message import Button, OutgoingMessage
from bot.render.plot import draw_rank_plot
from bot.render.sources import render_sources
from bot.render.why import render_why
from bot.services.jobs import VisibleJob
from bot.services.methods import find_more_accurate, list_methods
from bot.services.questions import QuestionRequest
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from bot.views.servers import submit_to_server
from db.feedback import Vote, VoteReason
from db.traces import TraceView
from pipeline.types import RERANKERS, AnswerOptions

log = structlog.get_logger(__name__)

PASSAGE_COUNTS = (3, 8, 20)
"""Numbers of passages that *Read more passages* chooses from: the first that is larger than that of the answer."""
VOTE_REASONS: tuple[VoteReason, ...] = get_args(VoteReason)
_drawing_executor = ThreadPoolExecutor(1, thread_name_prefix="drawing")
"""One thread, because drawing is CPU-bound."""


async def show_sources(interaction: discord.Interaction, job_id: int) -> None:
    """Show the sources of an answer."""
    await defer(interaction, private=True)
    context = await _load_reader(interaction, job_id)
    result = await services_of(interaction).jobs.sources(context, job_id)
    links = find_readable_links(result, interaction, context.private_channels)
    await reply(interaction, render_sources(result, texts_of(interaction), links))


async def show_why(interaction: discord.Interaction, job_id: int) -> None:
    """Show why an answer uses its sources, with the picture of ranks."""
    await defer(interaction, private=True)
    await send_why(interaction, job_id)


async def send_why(interaction: discord.Interaction, job_id: int) -> None:
    """Send the explanation of an answer to a deferred interaction."""
    context = await _load_reader(interaction, job_id)
    trace = await services_of(interaction).jobs.trace(context, job_id)
    t = texts_of(interaction)
    await reply(interaction, render_why(trace, t, await _draw_picture(trace, t)))


async def vote_up(interaction: discord.Interaction, job_id: int) -> None:
    """Vote for an answer, or remove the vote."""
    await _vote(interaction, job_id, 1)


async def vote_down(interaction: discord.Interaction, job_id: int) -> None:
    """Vote against an answer, or remove the vote."""
    await _vote(interaction, job_id, -1)


async def give_reason(interaction: discord.Interaction, job_id: int, *, reason: VoteReason) -> None:
    """Store why the answer did not help; another reason replaces it."""
    await defer_update(interaction)
    await services_of(interaction).jobs.store_vote_reason(context_of(interaction), job_id, reason)
    t = texts_of(interaction)
    text = t("vote-with-reason", reason=t(f"vote-reason-{reason}"))
    await update(interaction, OutgoingMessage(text, buttons=_build_reason_buttons(job_id, t, chosen=reason)))


async def offer_ask_again(interaction: discord.Interaction, job_id: int) -> None:
    """Show the ways to ask the same question again; managers also choose a method by name."""
    await defer(interaction, private=True)
    services, context, t = services_of(interaction), context_of(interaction), texts_of(interaction)
    visible_job = await services.jobs.answer(context, job_id)
    working = await services.questions.rerankers()
    passages = _passages_of(visible_job)
    message = render_ask_again(
        job_id,
        t,
        passages=passages,
        more_passages=_more_passages(passages),
        thorough=find_more_accurate(working, _reranker_of(visible_job)) is not None,
        # In direct messages everybody manages the personal library, but not the server of an answer.
        methods=_name_methods(working, t) if context.manager and not visible_job.in_other_workspace else (),
        # Deferring decides whether the new answer is public, before anything is read; so the custom ID states it.
        public=_is_own_public_answer(visible_job, interaction),
    )
    await reply(interaction, message)


async def ask_with_reranker(interaction: discord.Interaction, job_id: int, *, private: bool = True) -> None:
    """Ask again with the selected reranker."""
    chosen = selected_value(interaction)
    await _ask_again(interaction, job_id, private=private, reranker=questions.check_method(chosen))


async def ask_with_more_passages(interaction: discord.Interaction, job_id: int, *, private: bool = True) -> None:
    """Ask again and read more passages."""
    await _ask_again(interaction, job_id, private=private, more_passages=True)


async def ask_more_thoroughly(interaction: discord.Interaction, job_id: int, *, private: bool = True) -> None:
    """Ask again with a more accurate method."""
    await _ask_again(interaction, job_id, private=private, thorough=True)


def find_readable_links(result: Any, interaction: discord.Interaction, channels: Collection[str]) -> set[str]:
    """Return the citation links to channels that the user can view."""
    links = set()
    for citation in result.get("citations") or ():
        link = str(citation.get("origin") or "")
        parts = link.split("/")
        if len(parts) < 7 or not parts[5].isdigit():
            continue
        channel: object = interaction.guild and interaction.guild.get_channel_or_thread(int(parts[5]))
        home = str(channel.parent_id) if isinstance(channel, discord.Thread) else parts[5]
        if parts[4] == "@me" or home in channels or parts[5] in channels:
            links.add(link)
    return links


async def _load_reader(interaction: discord.Interaction, job_id: int) -> RequestContext:
    """Build the request context of a reader of an answer, with the channels that the reader can view now.

    For the answer of a server in direct messages, these are the channels of that server.
    """
    context = await load_context(interaction)
    if context.guild_id is not None:
        return context
    answer = await services_of(interaction).jobs.answer(context, job_id)
    if not answer.in_other_workspace or answer.delivery is None or answer.delivery.guild_id is None:
        return context
    try:
        member = await context_in_server(context, interaction.client.get_guild(int(answer.delivery.guild_id)))
    except (Refusal, *DISCORD_UNAVAILABLE):
        # Documents of the whole server remain readable.
        return context
    return replace(context, viewable_channels=member.viewable_channels)


async def _draw_picture(trace: TraceView, t: Texts) -> bytes | None:
    if not trace.candidates:
        return None
    try:
        return await asyncio.get_running_loop().run_in_executor(_drawing_executor, draw_rank_plot, trace, t)
    except Exception:
        # The text contains the same information.
        log.exception("picture of ranks not drawn", job=trace.job)
        return None


async def _vote(interaction: discord.Interaction, job_id: int, vote: Vote) -> None:
    await defer(interaction, private=True)
    now = await services_of(interaction).jobs.vote(context_of(interaction), job_id, vote)
    t = texts_of(interaction)
    text = t({1: "vote-up", -1: "vote-down", 0: "vote-removed"}[now])
    await reply(interaction, OutgoingMessage(text, buttons=_build_reason_buttons(job_id, t) if now == -1 else ()))


def _build_reason_buttons(job_id: int, t: Texts, *, chosen: str = "") -> tuple[tuple[Button, ...], ...]:
    return (
        tuple(Button(reason, job_id, t(f"vote-reason-{reason}"), disabled=reason == chosen) for reason in VOTE_REASONS),
    )


def _job_options(visible_job: VisibleJob) -> dict[str, Any]:
    options = visible_job.job.payload.get("options")
    return dict(options) if isinstance(options, dict) else {}


def _passages_of(visible_job: VisibleJob) -> int:
    return int(_job_options(visible_job).get("top_k") or AnswerOptions().top_k)


def _more_passages(passages: int) -> int | None:
    return next((count for count in PASSAGE_COUNTS if count > passages), None)


def _reranker_of(visible_job: VisibleJob) -> str:
    """Return the reranker that the answer used; `auto` is replaced by its choice."""
    return str((visible_job.job.result or {}).get("reranker") or _job_options(visible_job).get("reranker") or "")


def _name_methods(working: Collection[str], t: Texts) -> list[tuple[str, str]]:
    """Return the rerankers that work here, each with a label: first those with a plain name."""
    named = {method.reranker: t(f"method-{method.key}") for method in list_methods(working)}
    return list(
        (named | {name: t(f"reranker-{name}") for name in RERANKERS if name in set(working) - set(named)}).items()
    )


async def _ask_again(
    interaction: discord.Interaction,
    job_id: int,
    *,
    private: bool,
    reranker: str | None = None,
    more_passages: bool = False,
    thorough: bool = False,
) -> None:
    acknowledged = await questions.acknowledge(interaction, private=private)
    services = services_of(interaction)
    visible_job = await services.jobs.answer(acknowledged.context, job_id)
    if not acknowledged.deferred.private and not _is_own_public_answer(visible_job, interaction):
        raise Refusal("refusal-private-only")
    options, payload = _job_options(visible_job), visible_job.job.payload
    top_k = _more_passages(_passages_of(visible_job)) if more_passages else None
    if thorough:
        method = find_more_accurate(await services.questions.rerankers(), _reranker_of(visible_job))
        reranker = None if method is None else method.reranker
    if top_k is None and reranker is None:
        # The worker with the method has stopped since the button was shown.
        raise Refusal("refusal-choice-unavailable")
    # A conversation from another channel may not be visible to the readers of this channel.
    here = visible_job.delivery is not None and visible_job.delivery.channel_id == acknowledged.context.channel_id
    turns = payload.get("conversation") or () if acknowledged.deferred.private or here else ()
    question = QuestionRequest(
        str(payload.get("question") or ""),
        reranker or options.get("reranker"),
        top_k or options.get("top_k"),
        tuple((str(turn["question"]), str(turn["answer"])) for turn in turns),
    )
    server = visible_job.delivery.guild_id if visible_job.in_other_workspace and visible_job.delivery else None
    if server is not None:
        await reply(interaction, await submit_to_server(interaction, server, question))
        return
    await questions.submit(interaction, acknowledged, question)


def _is_own_public_answer(visible_job: VisibleJob, interaction: discord.Interaction) -> bool:
    own = visible_job.owned.requester == str(interaction.user.id)
    # An answer of a server in direct messages is asked again in private, even if it was public on the server.
    here = not visible_job.in_other_workspace
    return own and here and visible_job.delivery is not None and not visible_job.delivery.private
