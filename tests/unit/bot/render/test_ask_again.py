"""The ways to ask the same question again: plain ones for members, method names for managers."""

from __future__ import annotations

import pytest

from bot.locales.texts import texts_for
from bot.render.ask_again import render_ask_again
from bot.render.message import Button, Menu
from tests.message_checks import check_message, visible_text

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
BOTH = pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
METHODS = (("late-interaction", "Fast"), ("llm-pairwise", "llm-pairwise: a language model compares pairs"))


@BOTH
def test_ask_again__members_see_no_names_of_methods(t):
    shown = check_message(render_ask_again(7, t, passages=3, more_passages=8, thorough=True))
    (row,) = shown.buttons
    assert [button.custom_id for button in row if isinstance(button, Button)] == ["rd:more:7", "rd:thorough:7"]
    assert "8" in shown.content
    assert not any(name in visible_text(shown) for name in ("rerank", "late-interaction", "cross-encoder", "llm"))


def test_ask_again__managers_choose_a_method_by_name():
    shown = check_message(
        render_ask_again(7, EN, passages=20, more_passages=None, thorough=True, methods=METHODS, public=True)
    )
    buttons, (menu,) = shown.buttons
    assert [button.custom_id for button in buttons if isinstance(button, Button)] == ["rd:thoroughall:7"]
    assert isinstance(menu, Menu)
    assert menu.custom_id == "rd:methodall:7"
    assert [(option.label, option.value, option.description) for option in menu.options] == [
        ("Fast", "late-interaction", "late-interaction"),
        ("llm-pairwise: a language model compares pairs", "llm-pairwise", ""),
    ]


@BOTH
def test_ask_again__without_another_way_names_the_next_step(t):
    shown = check_message(render_ask_again(7, t, passages=20, more_passages=None, thorough=False))
    assert shown.content == t("ask-again-none")
    assert not shown.buttons
