"""Questions in messages that mention the bot.

In a thread with an answer, or in a reply to an answer, the question continues the conversation.

Without the message content intent, only messages that mention the bot and direct messages have content.
"""

from __future__ import annotations

import re
from dataclasses import replace
from time import monotonic, perf_counter

import discord
import structlog
from discord.ext import commands

from bot.interactions.accessors import BotClient
from bot.interactions.context import context_of_message
from bot.interactions.errors import DISCORD_UNAVAILABLE, error_text
from bot.interactions.messages import MessageContents, read_contents
from bot.interactions.questions import check_question
from bot.interactions.role_names import name_roles
from bot.interactions.shared_servers import context_in_server
from bot.locales.texts import texts_for
from bot.services.questions import QuestionRequest, ServerConversation, TargetMessage
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from pipeline.errors import RefdeskError

log = structlog.get_logger(__name__)

HINT_INTERVAL_S = 5.0
"""Seconds after a hint for which the next message of the person stays without one; never two messages in a row."""


class FollowUp(commands.Cog):
    """Listener for messages that mention the bot."""

    def __init__(self, bot: BotClient) -> None:
        """Store the bot."""
        self.bot = bot
        self._last_hints: dict[int, tuple[float, bool]] = {}
        """By person: when the last hint was sent, and whether a message stayed without one since then."""

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer the question in a message, or reply with a hint to a message without a question."""
        me = self.bot.user
        if me is None or message.author.bot or self.bot.tracker.closing:
            return
        if message.guild is not None and me not in message.mentions:
            return
        started = perf_counter()
        context = context_of_message(message, self.bot.application_id)
        outcome, jobs = await self._handle(message, context, me)
        log.info(
            "mention",
            took_ms=round((perf_counter() - started) * 1000, 1),
            jobs=jobs,
            outcome=outcome,
        )

    async def _handle(
        self, message: discord.Message, context: RequestContext, me: discord.ClientUser
    ) -> tuple[str, list[int]]:
        try:
            try:
                return await self._answer(message, context, me)
            except RefdeskError as error:
                return await self._refuse(message, error, context), []
        except discord.HTTPException as error:
            return f"discord refused: {error.code}", []
        except DISCORD_UNAVAILABLE as error:
            return f"discord unavailable: {type(error).__name__}", []

    async def _answer(
        self, message: discord.Message, context: RequestContext, me: discord.ClientUser
    ) -> tuple[str, list[int]]:
        t = texts_for(context.locale)
        continued = await self._server_conversation(message, context)
        if continued is None:
            conversation = await self._conversation(message, context)
        else:
            context = await context_in_server(
                replace(context, locale=continued.locale), self.bot.get_guild(int(continued.guild_id))
            )
            conversation = list(continued.exchanges)
        forwarded = _read_forward(message)
        if forwarded is not None:
            if not forwarded.text and conversation is None:
                await self._hint(message, t("hint-forwarded-files" if forwarded.attachments else "hint-mention"))
                return "hint", []
            if forwarded.text:
                conversation = [*(conversation or ()), (forwarded.text, "")]
        text, mentions = re.subn(rf"<@!?{me.id}>", " ", message.content)
        # A reply notifies the bot without a mention in the text; "Thanks!" under one of its cards is not a question.
        is_question = mentions > 0 or conversation is not None or message.guild is None
        if not is_question or not text.strip():
            await self._hint(message, t("hint-mention"))
            return "hint", []
        question_text = check_question(text, self.bot.settings.answer.max_question_chars)
        question = QuestionRequest(question_text, conversation=tuple(conversation or ()))
        target = TargetMessage(f"message:{message.id}", private=continued is not None, reply_to_id=str(message.id))
        return "done", [await self.bot.services.questions.ask(context, question, target)]

    async def _server_conversation(
        self, message: discord.Message, context: RequestContext
    ) -> ServerConversation | None:
        """Return the conversation with a server that a reply in direct messages continues."""
        reference = message.reference
        if message.guild is not None or reference is None or reference.message_id is None:
            return None
        return await self.bot.services.questions.server_conversation(context, str(reference.message_id))

    async def _conversation(self, message: discord.Message, context: RequestContext) -> list[tuple[str, str]] | None:
        """Return the earlier questions and answers of this thread, or of the answer that this message replies to."""
        ids = []
        if isinstance(message.channel, discord.Thread):
            ids.append(str(message.channel.id))
        elif message.reference is not None and message.reference.message_id is not None:
            ids.append(str(message.reference.message_id))
        return await self.bot.services.questions.conversation(context, ids) if ids else None

    async def _refuse(self, message: discord.Message, error: RefdeskError, context: RequestContext) -> str:
        """Send the reason as a direct message, because replies to messages cannot be private."""
        t = texts_for(context.locale)
        outcome = f"refused: {error.key if isinstance(error, Refusal) else error.name}"
        reason = error_text(error, t)
        if message.guild is None:
            await self._reply(message, name_roles(reason, self.bot.guilds))
            return outcome
        notice = t("follow-up-refused", channel=str(message.channel.id), reason=name_roles(reason, [message.guild]))
        try:
            await message.author.send(notice[:2000], silent=True, nonce=f"rdr{message.id}", suppress_embeds=True)
        except discord.Forbidden:
            if self._hint_allowed(message.author.id):
                await self._reply(message, t("follow-up-dm-closed"))
            return f"{outcome}, and direct messages are closed"
        return outcome

    async def _hint(self, message: discord.Message, text: str) -> None:
        if self._hint_allowed(message.author.id):
            await self._reply(message, text)

    def _hint_allowed(self, user_id: int) -> bool:
        """Return whether a person gets a hint: if the interval has passed, or the message before stayed without one."""
        now = monotonic()
        recent = {key: hint for key, hint in self._last_hints.items() if now - hint[0] < HINT_INTERVAL_S}
        hinted_at, skipped = recent.get(user_id, (now, True))
        self._last_hints = recent | {user_id: (now, False) if skipped else (hinted_at, True)}
        return skipped

    async def _reply(self, message: discord.Message, text: str) -> None:
        # Several bot processes receive the same message; the nonce makes Discord drop duplicate replies.
        await message.reply(
            text[:2000], mention_author=False, silent=True, nonce=f"rdh{message.id}", suppress_embeds=True
        )


def _read_forward(message: discord.Message) -> MessageContents | None:
    """Return the contents of the forward that a message replies to; None if it replies to no forward."""
    replied = message.reference.resolved if message.reference is not None else None
    if not isinstance(replied, discord.Message) or not replied.message_snapshots:
        return None
    return read_contents(replied)
