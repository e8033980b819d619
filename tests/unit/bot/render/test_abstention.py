"""Messages of a question without an answer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bot.locales.texts import texts_for
from bot.render.answer import render_answer
from bot.render.message import Button, OutgoingMessage
from tests.bot_factories import answer, delivery, question_view
from tests.message_checks import HOSTILE, check_message, visible_text

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
BOTH = pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])


def _actions(shown: OutgoingMessage) -> list[str]:
    return [button.custom_id for row in shown.buttons for button in row if isinstance(button, Button)]


def _abstained(text: str, **values):
    titles = ["Manual", "Manual", "Rules", "Prices", "Minutes"]
    found = [{"chunk": n, "document": title, "title": title} for n, title in enumerate(titles)]
    return question_view(answer(text, abstained=True, **{"candidates": found} | values))


def test_abstention__lists_closest_documents_once():
    text = "I found nothing in the library that answers this. Nearest sources: “Manual”; “Rules”; “Prices”."
    (shown,) = render_answer(_abstained(text), EN)
    check_message(shown)
    assert shown.content.endswith("\nI found nothing in the library that answers this.")
    description = shown.embeds[0].description or ""
    assert "**Closest documents**" in description
    assert re.findall(r"• (\w+)", description) == ["Manual", "Rules", "Prices"]
    assert _actions(shown) == ["rd:add:0", *(f"rd:{action}:1234" for action in ("why", "again", "up", "down"))]
    assert "What I looked at" in visible_text(shown)


def test_abstention__offers_helpers_where_the_server_has_some():
    view = replace(_abstained("I found nothing in the library that answers this."), helpers=True)
    empty = replace(_abstained("The library is empty.", candidates=[]), helpers=True)
    for shown in (*render_answer(view, EN), *render_answer(empty, EN)):
        assert _actions(check_message(shown))[:2] == ["rd:add:0", "rd:helper:1234"]


def test_abstention__about_a_server_in_direct_messages_offers_nothing_that_works_on_the_server_only():
    on_server = replace(_abstained("I found nothing in the library that answers this."), helpers=True)
    in_private = replace(on_server, delivery=delivery(private=True, route="token", token="t"))
    direct = replace(on_server, delivery=delivery(private=True))
    for view, offered in ((on_server, True), (in_private, True), (direct, False)):
        (shown,) = render_answer(view, EN)
        assert ("rd:add:0" in _actions(check_message(shown))) is offered
        assert ("rd:helper:1234" in _actions(shown)) is offered
        assert ("or press *Add a document*." in visible_text(shown)) is offered
        assert ("or add a document on the server." in visible_text(shown)) is not offered


def test_abstention__in_chinese():
    (shown,) = render_answer(_abstained("资料库中没有找到这个问题的答案。最接近的资料：《Manual》。"), ZH)
    assert check_message(shown).content.endswith("\n资料库中没有找到这个问题的答案。")
    assert "**最接近的资料**" in (shown.embeds[0].description or "")


def test_abstention__of_an_empty_library():
    (shown,) = render_answer(
        _abstained("The library is empty; add documents first, then ask again.", candidates=[]), EN
    )
    assert check_message(shown).content.endswith("The library is empty; add documents first, then ask again.")
    assert not shown.embeds


@BOTH
def test_abstention__hostile(t):
    found = [{"chunk": n, "document": n, "title": HOSTILE} for n in range(50)]
    (shown,) = render_answer(_abstained(HOSTILE, candidates=found), t)
    check_message(shown)
