"""Messages for channels in which the bot may not use embeds."""

from __future__ import annotations

from bot.locales.texts import texts_for
from bot.render.answer import render_answer
from bot.render.ingest import render_ingest
from bot.render.message import OutgoingMessage
from bot.render.without_embeds import write_embeds_as_text
from tests.bot_factories import MESSAGE_LINK, answer, citation, document_job, ingest_view, question_view
from tests.message_checks import HOSTILE, check_message

EN = texts_for("en-US")


def test_write_embeds_as_text__keeps_sources_footer_and_buttons():
    pages = render_answer(question_view(answer("For an hour [1].", [citation(origin=MESSAGE_LINK)])), EN)
    (shown,) = write_embeds_as_text(pages)
    check_message(shown)
    assert "For an hour [1].\n**[1]** Laser cutter manual · p. 4" in shown.content
    assert "\n-# From 1 source · 2.3 s" in shown.content
    assert (shown.embeds, shown.buttons) == ((), pages[0].buttons)


def test_write_embeds_as_text__continues_a_long_message_and_leaves_others_unchanged():
    cited = [citation(n, f"{n} {'manual ' * 12}") for n in range(1, 21)]
    (page,) = render_answer(question_view(answer("word " * 200, cited)), EN)
    plain = OutgoingMessage("first")
    first, *parts = map(check_message, write_embeds_as_text([plain, page]))
    assert first is plain
    assert len(parts) > 1
    assert [bool(part.buttons) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(f"**[{n}]**" in "\n".join(part.content for part in parts) for n in range(1, 21))


def test_write_embeds_as_text__hostile():
    card = render_ingest(ingest_view(document_job(HOSTILE, "failed", error=HOSTILE)), EN)
    result = render_answer(question_view(answer(HOSTILE, [citation(1, HOSTILE)], model=HOSTILE)), EN)
    for shown in write_embeds_as_text([card, *result]):
        check_message(shown)
