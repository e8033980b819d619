"""Spending limits that changed how an answer was made."""

from __future__ import annotations

from typing import Any

import pytest

from bot.locales.texts import texts_for
from bot.render.answer import render_answer
from bot.render.why import render_why
from pipeline.amounts import ExceededLimit
from pipeline.types import Fallback
from tests.bot_factories import NOW, answer, candidate, citation, question_view, trace
from tests.message_checks import OWN_MARKUP, check_message, find_foreign_markup

OVER: dict[str, Any] = {
    "scope": "user",
    "limit_usd": 0.5,
    "spent_usd": 0.4321,
    "estimated_usd": 0.1,
    "frees_in_s": 7200,
}
SAVED = [
    {"stage": "rerank", "method": "llm-pairwise", "used": "late-interaction", "reason": "x", "over": OVER},
    {"stage": "generate", "method": "gpt", "used": "extractive", "reason": "x", "over": OVER},
]
AGAIN = f"<t:{int(NOW.timestamp()) + 7200}:R>"


@pytest.mark.parametrize(
    ("locale", "footer", "limit"),
    [
        (
            "en-US",
            (
                "spending limit reached, passages compared by a simpler method · "
                "spending limit reached, sentences quoted instead of a written answer"
            ),
            f"-# limit per person in 24 hours: $0.50, spent: $0.4321 · available again {AGAIN}",
        ),
        (
            "zh-CN",
            "为节省费用，改用较简单的方法比较段落 · 为节省费用，改为引用原句",
            f"-# 每人 24 小时内的费用上限为 $0.50，已用 $0.4321 · {AGAIN}又有余额",
        ),
    ],
    ids=["en", "zh"],
)
def test_limit__is_shown_once_with_the_time_when_it_ends(locale, footer, limit):
    t = texts_for(locale)
    (shown,) = render_answer(question_view(answer("Yes [1].", [citation()], fallbacks=SAVED)), t)
    (embed,) = shown.embeds
    assert (embed.footer.text or "").endswith(footer)
    assert (embed.description or "").splitlines()[1:] == [limit]
    assert find_foreign_markup(OWN_MARKUP.sub("", embed.description or "").replace(AGAIN, "")) == []


@pytest.mark.parametrize(("scope", "said"), [("question", "limit per question: $0.50"), ("server", "this server")])
def test_limit__without_an_end(scope, said):
    over = OVER | {"scope": scope, "frees_in_s": None}
    view = question_view(answer("Yes [1].", [citation()], fallbacks=[SAVED[0] | {"over": over}]))
    (shown,) = render_answer(view, texts_for("en-US"))
    description = check_message(shown).embeds[0].description or ""
    assert said in description
    assert "available again" not in description


def test_limit__in_the_explanation_of_an_answer():
    fallback = Fallback("rerank", "llm-pairwise", "late-interaction", "x", ExceededLimit(**OVER))
    shown = render_why(trace(candidate(1, 1), fallbacks=(fallback,)), texts_for("en-US"), None)
    assert f"available again {AGAIN}" in (shown.embeds[0].description or "")
