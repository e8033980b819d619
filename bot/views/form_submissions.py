"""Forms that people sent: a text to add, a question about a message."""

from __future__ import annotations

import discord

from bot.interactions import additions, questions
from bot.interactions.accessors import data_of, services_of
from bot.services.questions import QuestionRequest
from bot.services.refusals import Refusal
from bot.views.forms import VISIBILITY_CHOICES, read_fields


async def add_text(interaction: discord.Interaction, visible: int) -> None:
    """Add the text."""
    fields = read_fields(data_of(interaction))
    item = additions.text_item(fields.get("text", ""), fields.get("title", ""))
    await additions.add(
        interaction, [item], [], visible=VISIBILITY_CHOICES[visible] if visible < len(VISIBILITY_CHOICES) else None
    )


async def ask_about(interaction: discord.Interaction, _target: int) -> None:
    """Ask the question with the message as what went before it; without a question, the message is the question."""
    fields = read_fields(data_of(interaction))
    about, asked = fields.get("about", "").strip(), fields.get("question", "").strip()
    if not about and not asked:
        raise Refusal("refusal-question-empty")
    text = questions.check_question(asked or about, services_of(interaction).settings.answer.max_question_chars)
    question = QuestionRequest(text, conversation=((about, ""),) if asked and about else ())
    await questions.ask(interaction, question, private=False)
