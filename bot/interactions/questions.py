"""A question on its way from an interaction into the ledger: checked, acknowledged, submitted."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import discord

from bot.interactions import clients
from bot.interactions.refusals import Refusal
from bot.interactions.replies import DeferredResponse, defer
from bot.interactions.scope import RequestContext, place_of, seeing
from bot.interactions.tracker import visit_of
from bot.services.questions import QuestionRequest, TargetMessage
from pipeline import questions
from pipeline.errors import InvalidQuestion

TOKEN_LIVES_S = 900
"""An interaction's token reaches its messages for so long."""


def check_question(text: str, max_chars: int) -> str:
    """Check a question as the answer flow does; raise a `Refusal` in the user's language if it is invalid."""
    try:
        return questions.check_question(text, max_chars)
    except InvalidQuestion as error:
        raise Refusal(f"refusal-question-{error.problem}", limit=error.limit, length=error.length) from error


@dataclass(frozen=True, slots=True)
class AcknowledgedQuestion:
    """An acknowledged question: who asks where, and the message that will show the answer."""

    place: RequestContext
    deferred: DeferredResponse


async def ask(interaction: discord.Interaction, question: QuestionRequest, *, private: bool) -> None:
    """Acknowledge a checked question and submit it."""
    await submit(interaction, await begin(interaction, private=private), question)


async def begin(interaction: discord.Interaction, *, private: bool) -> AcknowledgedQuestion:
    """Acknowledge; in private also where the workspace wants no public answers."""
    place = place_of(interaction)
    known = clients.services_of(interaction).known_rules(place)
    deferred = await defer(interaction, private=private or not place.may_answer_publicly(known.chosen))
    if deferred.private:
        place = await seeing(place, interaction.client, interaction.user)
    return AcknowledgedQuestion(place, deferred)


async def submit(interaction: discord.Interaction, begun: AcknowledgedQuestion, question: QuestionRequest) -> None:
    """Put the question into the ledger; from there on its message is the courier's."""
    target = target_of(interaction, begun.deferred)
    job = await clients.services_of(interaction).questions.ask(begun.place, question, target)
    visit = visit_of(interaction)
    visit.jobs.append(job)
    visit.thinking = ""


def target_of(interaction: discord.Interaction, deferred: DeferredResponse) -> TargetMessage:
    """Describe the message that was deferred as the one that will show the result."""
    return TargetMessage(
        request_key=f"interaction:{interaction.id}",
        private=deferred.private,
        message_id=deferred.message_id,
        token=interaction.token,
        token_lives_s=TOKEN_LIVES_S - (perf_counter() - visit_of(interaction).started),
    )
