"""The question for the helpers of a server."""

from __future__ import annotations

import pytest

from bot.locales.texts import texts_for
from bot.render.helper_requests import render_helper_asked, render_helper_confirmation, render_helper_request
from bot.render.message import Button
from bot.render.payload import build_allowed_mentions
from tests.bot_factories import CHANNEL, MESSAGE_LINK, PERSON, job
from tests.message_checks import HOSTILE, check_message

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
BOTH = pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])


def test_request__notifies_the_role_and_no_one_else():
    shown = check_message(
        render_helper_request(job(about="Who has @everyone\u2019s key?"), PERSON, PERSON, EN, link=MESSAGE_LINK)
    )
    assert f"<@&{PERSON}> Can you help <@{PERSON}>?" in shown.content
    assert f"[Jump to message]({MESSAGE_LINK})" in shown.content
    assert dict[str, object](**build_allowed_mentions(shown).to_dict()) == {"parse": [], "roles": [int(PERSON)]}


@BOTH
def test_confirmation__shows_what_is_posted(t):
    shown = check_message(render_helper_confirmation(job(about="Who has the key?"), PERSON, t))
    assert shown.content.endswith("> Who has the key?")
    (row,) = shown.buttons
    assert [button.custom_id for button in row if isinstance(button, Button)] == [
        "rd:dohelper:1234",
        "rd:nohelper:1234",
    ]
    assert not build_allowed_mentions(shown).roles


@BOTH
def test_helpers__hostile(t):
    check_message(render_helper_request(job(about=HOSTILE), PERSON, HOSTILE, t, link=HOSTILE))
    check_message(render_helper_confirmation(job(about=HOSTILE), PERSON, t))
    assert CHANNEL not in check_message(render_helper_asked(PERSON, HOSTILE, t)).content
