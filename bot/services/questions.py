"""Submit questions, and find the conversations that they continue."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.services.async_database import AsyncDatabase, DatabaseService, on_thread
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import deliveries, jobs, workers
from db.deliveries import ConversationTurn, NewDelivery
from db.workspace_settings import WorkspaceSettings
from tasks.submit import Submitter

MAX_EXCHANGES = 3
"""Exchanges of a conversation that a follow-up question takes into account."""


@dataclass(frozen=True, slots=True)
class TargetMessage:
    """The Discord message that will show the jobs of a request."""

    request_key: str
    """Idempotency key: the ID of the interaction or message. Several bot processes may receive it."""
    private: bool = False
    message_id: str | None = None
    """None: the message is not posted yet."""
    reply_to_id: str | None = None
    token: str | None = dataclasses.field(default=None, repr=False)
    token_ttl_s: float = 0

    def delivery(self, context: RequestContext, workspace_id: int, kind: deliveries.Kind) -> NewDelivery:
        """Build the delivery; its route is `channel` wherever the bot token reaches the message."""
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
            token_ttl_s=self.token_ttl_s,
        )


@dataclass(frozen=True, slots=True)
class QuestionRequest:
    """A question with its options."""

    text: str
    reranker: str | None = None
    top_k: int | None = None
    conversation: tuple[tuple[str, str], ...] = ()
    """Earlier exchanges as (question, answer), oldest first."""


@dataclass(frozen=True, slots=True)
class ServerConversation:
    """The conversation with a server that an answer in direct messages belongs to."""

    guild_id: str
    locale: str
    exchanges: tuple[tuple[str, str], ...]
    """At most `MAX_EXCHANGES` exchanges as (question, answer), oldest first."""


class QuestionService(DatabaseService):
    """Submits questions."""

    def __init__(self, database: AsyncDatabase, submitter: Submitter) -> None:
        """Bind to a database and a queue."""
        super().__init__(database)
        self._submitter = submitter

    @on_thread
    def ask(self, context: RequestContext, question: QuestionRequest, target: TargetMessage) -> int:
        """Submit a question and return its job ID.

        Raises:
            QuotaExceeded: The user or the workspace has asked too many questions.
            Refusal: The user may not ask here, or the answer would be public where public answers are not allowed.
        """
        workspace_id = self._database.workspace_id(context)
        settings = self._database.load_settings(context)
        require_may_ask(context, settings.overrides)
        if not target.private and not context.may_answer_publicly(settings.overrides):
            raise Refusal("refusal-private-only")
        channels = context.private_channels if target.private else context.public_channels
        payload: dict[str, Any] = {
            "question": question.text,
            "options": dataclasses.asdict(settings.options(question.reranker, question.top_k)),
            "channels": list(channels),
            "audience": context.audience_channel,
            "conversation": [{"question": asked, "answer": answer} for asked, answer in question.conversation],
        }
        if not target.private and context.wants_thread(settings.overrides):
            payload["thread"] = True
        job = jobs.NewJob(
            workspace_id,
            "ask",
            payload,
            requester=context.user_id,
            request_key=target.request_key,
            max_attempts=self._database.settings.jobs.max_attempts,
        )
        delivery = target.delivery(context, workspace_id, "answer")
        return self._submitter.submit([job], delivery=delivery, quota=settings.question_quota)[0]

    @on_thread
    def rerankers(self) -> frozenset[str]:
        """Return the rerankers that work in a running worker; empty if none is running."""
        with self._database.system() as session:
            return workers.list_rerankers(session)

    @on_thread
    def conversation(self, context: RequestContext, ids: Sequence[str]) -> list[tuple[str, str]] | None:
        """Return the last exchanges in a thread or up to a message, as (question, answer), oldest first.

        Args:
            context: The request context.
            ids: IDs of threads or messages.

        Returns:
            At most `MAX_EXCHANGES` exchanges. None if the bot answered nothing there.
        """
        with self._database.tenant(context) as session:
            if not deliveries.has_public_answer(session, ids):
                return None
            turns: list[ConversationTurn] = deliveries.load_conversation(session, ids, limit=MAX_EXCHANGES)
            before = jobs.get(session, turns[0].job).payload.get("conversation") or () if turns else ()
        # An answer that was itself a follow-up continues the conversation stored with its job.
        earlier = [(str(turn["question"]), str(turn["answer"])) for turn in before]
        return [*earlier, *((turn.question, turn.answer) for turn in turns)][-MAX_EXCHANGES:]

    @on_thread
    def server_conversation(self, context: RequestContext, message_id: str) -> ServerConversation | None:
        """Return the conversation that a reply in direct messages continues; None if it replies to no server's answer.

        Args:
            context: The request context of the direct messages.
            message_id: The message that was replied to.
        """
        with self._database.system() as session:
            delivery = deliveries.find_direct_answer(session, context.user_id, context.channel_id, message_id)
        if delivery is None or delivery.guild_id is None:
            return None
        with self._database.database.tenant(delivery.workspace_id) as session:
            job = jobs.get(session, deliveries.list_job_ids(session, delivery.id)[0])
            payload, result = job.payload, job.result or {}
        turns = [(str(turn["question"]), str(turn["answer"])) for turn in payload.get("conversation") or ()]
        if answer := result.get("answer"):
            turns.append((str(payload.get("question") or ""), str(answer)))
        return ServerConversation(delivery.guild_id, delivery.locale, tuple(turns[-MAX_EXCHANGES:]))


def require_may_ask(context: RequestContext, settings: WorkspaceSettings) -> None:
    """Raise a `Refusal` if the user may not ask in this channel, or not from direct messages."""
    if context.from_direct_messages and settings.direct_messages is False:
        raise Refusal("refusal-direct-messages-off")
    if context.may_ask(settings):
        return
    roles = context.existing_roles(settings.roles_that_ask(context.public_channels))
    if not roles:
        raise Refusal("refusal-may-not-ask-deleted")
    raise Refusal("refusal-may-not-ask", roles=" ".join(f"<@&{role}>" for role in roles))
