"""The list of gaps and a single gap."""

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import Any

import pytest

from bot.locales.texts import LANGUAGES, texts_for
from bot.render.gaps import PAGE_SIZE, render_gap, render_gap_list
from bot.render.message import Menu
from bot.services.gaps import choose_question
from db.gaps import Gap, GapQuestion
from tests.bot_factories import NOW
from tests.discord_markup import find_active_markup
from tests.message_checks import check_message

EN = texts_for("en-US")
_ids = count(1)


def question(text: str = "Who has the key?", **values: Any) -> GapQuestion:
    defaults: dict[str, Any] = {"abstained": True, "private": False, "channel": "7", "votes_against": 0, "reasons": ()}
    return GapQuestion(next(_ids), text, values.pop("created_at", NOW), **defaults | values)


def gap(*questions: GapQuestion) -> Gap:
    return Gap(questions or (question(),))


def description(message) -> str:
    return str(message.embeds[0].description)


@pytest.mark.parametrize("language", LANGUAGES)
def test_list__500_gaps_with_markup_and_hidden_characters(language):
    t = texts_for(language)
    hostile = "**@everyone** [x](https://a.example) <@1> \u202egnp.exe " + "很长的问题" * 200
    gaps = [gap(question(f"{n} {hostile}", votes_against=1, reasons=("wrong",))) for n in range(500)]
    for page in (0, 25, 49, 60):
        message = render_gap_list(gaps, t, page=page, hidden=3)
        check_message(message)
        times = description(message).replace(f"<t:{int(NOW.timestamp())}:R>", "")
        assert not [found for found in find_active_markup(times) if not found.startswith("line")]
    assert "500" in str(render_gap_list(gaps, t).embeds[0].title)
    assert (
        render_gap_list(gaps, t, page=60).embeds[0].footer.text
        == render_gap_list(gaps, t, page=49).embeds[0].footer.text
    )
    (menu,) = render_gap_list(gaps, t, page=1).buttons[0]
    assert isinstance(menu, Menu)
    assert [option.value for option in menu.options] == [
        str(each.newest.id) for each in gaps[PAGE_SIZE : 2 * PAGE_SIZE]
    ]


def test_list__counts_and_times():
    earlier = NOW - dt.timedelta(days=3)
    asked = gap(question(), question(abstained=False, votes_against=2, created_at=earlier))
    shown = description(render_gap_list([asked], EN))
    assert "**Who has the key?**\n-# asked 2 times · 1 without an answer · 2 × 👎 · first" in shown
    assert f"<t:{int(earlier.timestamp())}:R>" in shown


def test_list__empty_and_hidden_only():
    assert "every question was answered" in description(render_gap_list([], EN))
    shown = render_gap_list([], EN, hidden=1)
    assert "Not shown: 1 question" in description(shown)
    assert shown.buttons == ()


def test_gap__shows_variants_reasons_and_who_can_see_the_answer():
    asked = gap(
        question(),
        question("where is the key", abstained=False, votes_against=2, reasons=("wrong", "outdated")),
        *(question(f"key {n}?") for n in range(20)),
    )
    message = render_gap(asked, EN, title=asked.newest.question, channels=None, guild_id="1")
    check_message(message)
    shown = description(message)
    assert "👎 Wrong 1, Sources are out of date 1" in shown
    assert "- where is the key" in shown
    assert "… and 11 more" in shown
    assert "Visible to everyone on this server" in shown
    assert [button.label for button in message.buttons[0]] == ["Answer this", "Dismiss"]


def test_choose_question__the_answer_is_visible_to_the_readers_of_the_question():
    closed, opened = question("closed?", channel="8"), question("open?", channel="7")
    assert choose_question(gap(closed, opened), {"7"}) == (opened, None)
    assert choose_question(gap(closed, opened), set()) == (closed, ["7", "8"])
    assert choose_question(gap(closed), {"7"}) == (closed, ["8"])
