"""Submit a question from an interaction: check, acknowledge, submit."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import discord

from bot.interactions.accessors import services_of
from bot.interactions.context import context_of, with_visible_channels
from bot.interactions.replies import DeferredResponse, defer
from bot.interactions.tracker import record_of
from bot.services.questions import QuestionRequest, TargetMessage
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from pipeline import questions
from pipeline.cascades import check_reranker
from pipeline.errors import InvalidQuestion, UnknownName

TOKEN_LIFETIME_S = 900
"""Lifetime of an interaction's token after the interaction was received, set by Discord."""


def check_question(text: str, max_chars: int) -> str:
    """Check a question as the answer flow does; raise a `Refusal` in the user's language if it is invalid."""
    try:
        return questions.check_question(text, max_chars)
    except InvalidQuestion as error:
        raise Refusal(f"refusal-question-{error.problem}", limit=error.limit, length=error.length) from error


@dataclass(frozen=True, slots=True)
class AcknowledgedQuestion:
    """An acknowledged interaction: its request context, and the deferred message that will show the answer."""

    context: RequestContext
    deferred: DeferredResponse


async def ask(interaction: discord.Interaction, question: QuestionRequest, *, private: bool) -> None:
    """Acknowledge and submit a checked question."""
    await submit(interaction, await acknowledge(interaction, private=private), question)


async def acknowledge(interaction: discord.Interaction, *, private: bool) -> AcknowledgedQuestion:
    """Acknowledge an interaction; always in private where the workspace does not allow public answers."""
    context = context_of(interaction)
    settings = services_of(interaction).cached_settings(context).overrides
    # A refusal is private too. The cached settings may be old, so the question is only rejected when it is submitted.
    public = not private and context.may_answer_publicly(settings) and context.may_ask(settings)
    deferred = await defer(interaction, private=not public)
    if deferred.private:
        context = await with_visible_channels(context, interaction.client, interaction.user)
    return AcknowledgedQuestion(context, deferred)


async def submit(
    interaction: discord.Interaction, acknowledged: AcknowledgedQuestion, question: QuestionRequest
) -> None:
    """Submit the question as a job; the delivery worker edits its message from then on."""
    target = target_message(interaction, acknowledged.deferred)
    job = await services_of(interaction).questions.ask(acknowledged.context, question, target)
    record = record_of(interaction)
    record.jobs.append(job)
    record.thinking = ""


def target_message(interaction: discord.Interaction, deferred: DeferredResponse) -> TargetMessage:
    """Describe the deferred message as the one that will show the result."""
    return TargetMessage(
        request_key=f"interaction:{interaction.id}",
        private=deferred.private,
        message_id=deferred.message_id,
        token=interaction.token,
        token_ttl_s=TOKEN_LIFETIME_S - (perf_counter() - record_of(interaction).started),
    )


def check_method(name: str) -> str:
    """Return the normalized name of a reranker or cascade that a user chose or typed; refuse any other."""
    try:
        return check_reranker(name)
    except UnknownName as error:
        raise Refusal("refusal-method-unknown") from error
