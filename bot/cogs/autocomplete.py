"""Autocomplete of documents, jobs and answers; returns no suggestions rather than late ones."""

from __future__ import annotations

import asyncio

import discord
import structlog
from discord import app_commands

from bot.interactions.accessors import services_of, texts_of
from bot.interactions.context import context_of, load_context
from bot.interactions.redaction import redact_matches
from bot.render import sanitize
from bot.render.split import truncate
from bot.services.library import SUGGESTIONS
from bot.services.methods import list_methods
from pipeline.errors import RefdeskError
from pipeline.types import RERANKERS

log = structlog.get_logger(__name__)

TIMEOUT_S = 1.5
MAX_LABEL_CHARACTERS = 100
"""Discord's limit for the label of a suggestion."""

Choices = list[app_commands.Choice[str]]


async def suggest_documents(interaction: discord.Interaction, current: str) -> Choices:
    """Suggest documents that the user can see, by title."""
    library = services_of(interaction).library
    try:
        async with asyncio.timeout(TIMEOUT_S):
            context = await load_context(interaction)
            matches, _ = await library.documents(context, current, limit=SUGGESTIONS)
    except (RefdeskError, TimeoutError) as error:
        log.info("no suggestions", error=type(error).__name__)
        return []
    return [
        app_commands.Choice(
            name=_format_label(document.title or document.source, str(document.id)), value=str(document.id)
        )
        for document in matches
    ]


async def suggest_methods(interaction: discord.Interaction, current: str) -> Choices:
    """Suggest the methods that work here by their plain names."""
    t = texts_of(interaction)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            methods = list_methods(await services_of(interaction).questions.rerankers())
    except (RefdeskError, TimeoutError) as error:
        log.info("no suggestions", error=type(error).__name__)
        return []
    named = [(_format_label(t(f"method-{method.key}")), method.reranker) for method in methods]
    typed = current.strip().casefold()
    return [app_commands.Choice(name=name, value=value) for name, value in named if typed in name.casefold()]


async def suggest_rerankers(interaction: discord.Interaction, current: str) -> Choices:
    """Suggest the rerankers that work here, or all if no worker is running."""
    t = texts_of(interaction)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            working = await services_of(interaction).questions.rerankers()
    except (RefdeskError, TimeoutError) as error:
        log.info("no suggestions", error=type(error).__name__)
        return []
    typed = current.strip().casefold()
    named = [(_format_label(t(f"reranker-{name}")), name) for name in RERANKERS if not working or name in working]
    return [app_commands.Choice(name=name, value=value) for name, value in named if typed in name.casefold()]


async def suggest_jobs(interaction: discord.Interaction, current: str) -> Choices:
    """Suggest the user's jobs by question or document, newest first; for managers, all jobs."""
    context = context_of(interaction)
    everyone = context.manager and context.guild_id is not None
    return await _suggest_jobs(interaction, current, everyone=everyone)


async def suggest_answers(interaction: discord.Interaction, current: str) -> Choices:
    """Suggest the user's answered questions."""
    return await _suggest_jobs(interaction, current, everyone=False, kind="ask", states=("succeeded",))


async def _suggest_jobs(
    interaction: discord.Interaction, current: str, *, everyone: bool, **filters: object
) -> Choices:
    ledger, search = services_of(interaction).jobs, current.strip()
    t = texts_of(interaction)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            context = await load_context(interaction)
            matches = await ledger.jobs(context, everyone=everyone, search=search, limit=SUGGESTIONS, **filters)
    except (RefdeskError, TimeoutError) as error:
        log.info("no suggestions", error=type(error).__name__)
        return []
    return [
        app_commands.Choice(
            name=_format_label(f"{job.id} · {t(f'state-{job.state}')} · {job.about}"),
            value=str(job.id),
        )
        for job in redact_matches(matches, context, t, search)
    ]


def _format_label(text: str, ending: str = "") -> str:
    tail = f" ({ending})" if ending else ""
    return truncate(sanitize.plain_line(text, MAX_LABEL_CHARACTERS), MAX_LABEL_CHARACTERS - len(tail)) + tail
