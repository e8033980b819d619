"""Questions on their way into the ledger, and the conversations they belong to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.services.async_database import AsyncDatabase
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import deliveries, jobs
from db.deliveries import ConversationTurn, NewDelivery
from tasks.submit import Submitter

TURNS = 3
"""Questions and answers of a conversation that a follow-up takes into account."""


@dataclass(frozen=True, slots=True)
class TargetMessage:
    """The message that will show what comes of a request."""

    request_key: str
    """The interaction or message that asks; several bot processes may see it, and it gives one job."""
    private: bool = False
    message_id: str | None = None
    """None: it is still to be posted."""
    reply_to_id: str | None = None
    token: str | None = dataclasses.field(default=None, repr=False)
    token_lives_s: float = 0

    def delivery(self, context: RequestContext, workspace_id: int, kind: deliveries.Kind) -> NewDelivery:
        """Describe the delivery: by the bot's own token wherever that reaches the message."""
        by_token = self.token is not None and (self.private or not context.reachable)
        return NewDelivery(
            workspace_id=workspace_id,
            kind=kind,
            request_key=self.request_key,
            application_id=context.application_id,
            channel_id=context.channel_id,
            user_id=context.user_id,
            guild_id=context.guild_id,
            message_id=self.message_id,
            reply_to_id=self.reply_to_id,
            locale=context.locale,
            private=self.private,
            route="token" if by_token else "channel",
            token=self.token,
            token_lives_s=self.token_lives_s,
        )


@dataclass(frozen=True, slots=True)
class QuestionRequest:
    """What a person asks."""

    text: str
    reranker: str | None = None
    top_k: int | None = None
    conversation: tuple[tuple[str, str], ...] = ()
    """Questions and answers before it, oldest first."""


class QuestionService:
    """Submits questions."""

    def __init__(self, async_database: AsyncDatabase, submitter: Submitter) -> None:
        """Work through a door."""
        self._async_database = async_database
        self._submitter = submitter

    async def ask(self, context: RequestContext, question: QuestionRequest, target: TargetMessage) -> int:
        """Submit a question and give its job; raises `QuotaExceeded`."""
        return await self._async_database.run(lambda: self._ask(context, question, target))

    async def conversation(self, context: RequestContext, ids: Sequence[str]) -> list[tuple[str, str]] | None:
        """Give what was asked and answered in a thread or before a message; None where the bot answered nothing."""
        return await self._async_database.run(lambda: self._conversation(context, ids))

    def _ask(self, context: RequestContext, question: QuestionRequest, target: TargetMessage) -> int:
        number = self._async_database.workspace_id(context)
        rules = self._async_database.load_settings(context)
        if not target.private and not context.may_answer_publicly(rules.overrides):
            raise Refusal("refusal-private-only")
        channels = context.private_channels if target.private else context.public_channels
        payload: dict[str, Any] = {
            "question": question.text,
            "options": dataclasses.asdict(rules.options(question.reranker, question.top_k)),
            "channels": list(channels),
            "conversation": [{"question": asked, "answer": answer} for asked, answer in question.conversation],
        }
        job = jobs.NewJob(
            number,
            "ask",
            payload,
            requester=context.user_id,
            request_key=target.request_key,
            max_attempts=self._async_database.settings.jobs.max_attempts,
        )
        delivery = target.delivery(context, number, "answer")
        return self._submitter.submit([job], delivery=delivery, quota=rules.question_quota)[0]

    def _conversation(self, context: RequestContext, ids: Sequence[str]) -> list[tuple[str, str]] | None:
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            if not deliveries.answered_in(session, ids):
                return None
            turns: list[ConversationTurn] = deliveries.conversation(session, ids, limit=TURNS)
            before = jobs.get(session, turns[0].job).payload.get("conversation") or () if turns else ()
        # An answer that is replied to brings along what it was itself a follow-up of.
        earlier = [(str(turn["question"]), str(turn["answer"])) for turn in before]
        return [*earlier, *((turn.question, turn.answer) for turn in turns)][-TURNS:]
