"""The help message, and where the documents of a server are found in messages about a personal library."""

from __future__ import annotations

import pytest

from bot.locales.texts import texts_for
from bot.render.answer import render_answer
from bot.render.docs import render_document_list
from bot.render.help import render_help
from bot.render.message import Button
from db.deliveries import DeliveryView
from tests.bot_factories import answer, delivery, job
from tests.message_checks import check_message, visible_text


@pytest.mark.parametrize(
    ("locale", "hint"),
    [("en-US", "use `/ask` on that server"), ("zh-CN", "或在那个服务器里用 `/提问`")],
    ids=["en", "zh"],
)
def test_personal_library__names_where_the_documents_of_a_server_are_found(locale, hint):
    t = texts_for(locale)
    assert hint in visible_text(check_message(render_document_list([], t, personal=True)))
    assert hint in visible_text(check_message(render_help(t, personal=True)))
    assert hint not in visible_text(render_document_list([], t))
    assert hint not in visible_text(render_help(t))
    for candidates in ([], [{"chunk": 1, "document": 1, "title": "Manual"}]):
        result = answer("The library is empty.", abstained=True, candidates=candidates)
        question = job(state="succeeded", result=result)
        (personal,) = render_answer(DeliveryView(delivery(guild_id=None), (question,)), t)
        (on_server,) = render_answer(DeliveryView(delivery(), (question,)), t)
        assert hint in visible_text(check_message(personal))
        assert hint not in visible_text(on_server)


def _actions(view: DeliveryView) -> list[str]:
    page = check_message(render_answer(view, texts_for("en-US"))[-1])
    return [button.action for row in page.buttons for button in row if isinstance(button, Button)]


@pytest.mark.parametrize("abstained", [True, False])
def test_answer__in_direct_messages_offers_the_servers(abstained):
    question = job(state="succeeded", result=answer("An hour.", abstained=abstained))
    assert "servers" in _actions(DeliveryView(delivery(guild_id=None), (question,)))
    assert "servers" not in _actions(DeliveryView(delivery(), (question,)))
    # In a server without the bot, the channel has other readers.
    assert "servers" not in _actions(DeliveryView(delivery(guild_id=None, route="token"), (question,)))


@pytest.mark.parametrize(
    ("locale", "command", "example"),
    [("en-US", "`/ask`", "`/ask question: "), ("zh-CN", "`/提问`", "`/提问 问题: ")],
    ids=["en", "zh"],
)
def test_help__links_the_registered_commands(locale, command, example):
    t = texts_for(locale)
    text = visible_text(check_message(render_help(t, manager=True)))
    assert command in text
    assert example in text
    ids = {"ask": "11", "ingest": "12", "docs": "13", "jobs": "14", "settings": "15"}
    linked = visible_text(render_help(t, manager=True, command_ids=ids))
    for link in ("</ask:11>", "</ingest:12>", "</docs list:13>", "</jobs list:14>", "</settings show:15>"):
        assert link in linked
    assert command not in linked
    assert example in linked
