"""Handlers for submitted forms: a text to add and a question about a message."""

from __future__ import annotations

import discord

from bot.interactions import additions, questions
from bot.interactions.accessors import data_of, services_of
from bot.services.questions import QuestionRequest
from bot.services.refusals import Refusal
from bot.views.forms import VISIBILITY_CHOICES, read_fields


async def add_text(interaction: discord.Interaction, visible: int) -> None:
    """Add the submitted text to the library."""
    fields = read_fields(data_of(interaction))
    item = additions.text_item(fields.get("text", ""), fields.get("title", ""))
    await additions.add(
        interaction, [item], [], visible=VISIBILITY_CHOICES[visible] if visible < len(VISIBILITY_CHOICES) else None
    )


async def ask_about(interaction: discord.Interaction, _target: int) -> None:
    """Ask the question with the message as its conversation; without a question, ask the message itself."""
    fields = read_fields(data_of(interaction))
    about, question_text = fields.get("about", "").strip(), fields.get("question", "").strip()
    if not about and not question_text:
        raise Refusal("refusal-question-empty")
    text = questions.check_question(question_text or about, services_of(interaction).settings.answer.max_question_chars)
    question = QuestionRequest(text, conversation=((about, ""),) if question_text and about else ())
    await questions.ask(interaction, question, private=False)
