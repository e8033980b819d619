"""A mention of the bot where it answered: a follow-up question, with the conversation taken into account.

Only messages that mention the bot have a content for it (and direct messages), so nothing else is read.
"""

from __future__ import annotations

import re
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

import discord
import structlog
from discord.ext import commands

from bot.desk.asking import Question, Target
from bot.questions import check_question
from bot.refusals import sentence
from bot.scope import Place, place_of_message
from bot.texts import texts_for
from pipeline.errors import RefdeskError

if TYPE_CHECKING:
    from bot.app import RefdeskBot

log = structlog.get_logger(__name__)

HINT_GAP_S = 60.0
"""Between two hints in one channel."""


class FollowUp(commands.Cog):
    """Listens to mentions."""

    def __init__(self, bot: RefdeskBot) -> None:
        """Belong to a bot."""
        self.bot = bot
        self._hinted: dict[int, float] = {}

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer a follow-up, give a hint elsewhere."""
        me = self.bot.user
        if me is None or message.author.bot or self.bot.visits.closing:
            return
        if message.guild is not None and me not in message.mentions:
            return
        started = perf_counter()
        place = place_of_message(message, self.bot)
        outcome, jobs = await self._attend(message, place, me)
        log.info(
            "mention",
            user=message.author.id,
            guild=place.guild_id,
            channel=message.channel.id,
            took_ms=round((perf_counter() - started) * 1000, 1),
            jobs=jobs,
            outcome=outcome,
        )

    async def _attend(self, message: discord.Message, place: Place, me: discord.ClientUser) -> tuple[str, list[int]]:
        try:
            try:
                return await self._answer(message, place, me)
            except RefdeskError as error:
                await self._hint(message, sentence(error, texts_for(place.locale)))
                return f"refused: {error.name}", []
        except discord.HTTPException as error:
            return f"discord refused: {error.code}", []

    async def _answer(self, message: discord.Message, place: Place, me: discord.ClientUser) -> tuple[str, list[int]]:
        t = texts_for(place.locale)
        conversation = await self._conversation(message, place)
        if conversation is None and message.guild is not None:
            await self._hint(message, t("hint-mention"))
            return "hint", []
        text = re.sub(rf"<@!?{me.id}>", " ", message.content)
        if not text.strip():
            await self._hint(message, t("hint-mention"))
            return "hint", []
        asked = check_question(text, self.bot.settings.max_question_chars)
        question = Question(asked, conversation=tuple(conversation or ()))
        target = Target(request_key=f"message:{message.id}", reply_to_id=str(message.id))
        return "done", [await self.bot.desk.asking.ask(place, question, target)]

    async def _conversation(self, message: discord.Message, place: Place) -> list[tuple[str, str]] | None:
        """Find what was asked and answered before: in this thread, or in the answer that this replies to."""
        ids = []
        if isinstance(message.channel, discord.Thread):
            ids.append(str(message.channel.id))
        elif message.reference is not None and message.reference.message_id is not None:
            ids.append(str(message.reference.message_id))
        return await self.bot.desk.asking.conversation(place, ids) if ids else None

    async def _hint(self, message: discord.Message, text: str) -> None:
        now = monotonic()
        if now - self._hinted.get(message.channel.id, -HINT_GAP_S) < HINT_GAP_S:
            return
        self._hinted = {channel: at for channel, at in self._hinted.items() if now - at < HINT_GAP_S}
        self._hinted[message.channel.id] = now
        # Another bot process sees the same message; the nonce makes one of both hints.
        await message.reply(
            text[:2000], mention_author=False, silent=True, nonce=f"rdh{message.id}", suppress_embeds=True
        )
