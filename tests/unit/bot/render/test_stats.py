"""The numbers of a workspace."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bot.locales.texts import LANGUAGES, texts_for
from bot.render.stats import render_stats
from config.settings import Settings
from db.activity import Activity
from tests.message_checks import check_message

EN = texts_for("en-US")


def activity(**values: Any) -> Activity:
    defaults: dict[str, Any] = {
        "days": 1,
        "questions": 0,
        "unanswered": 0,
        "votes_for": 0,
        "votes_against": 0,
        "reasons": Counter(),
        "documents": 0,
        "tokens": 0,
        "questions_usd": 0.0,
        "documents_usd": 0.0,
    }
    return Activity(**defaults | values)


def shown(*windows: Activity, **budget: float) -> str:
    settings = Settings(_env_file=None)
    settings = settings.model_copy(update={"budget": settings.budget.model_copy(update=budget)})
    return str(check_message(render_stats(windows, settings, EN)).embeds[0].description)


def test_stats__counts_votes_and_costs():
    week = activity(
        days=7,
        questions=1200,
        unanswered=3,
        votes_for=4,
        votes_against=2,
        reasons=Counter(wrong=2),
        documents=1,
        tokens=12345,
        questions_usd=0.1,
        documents_usd=0.025,
    )
    assert shown(activity(), week) == (
        "**Last 24 hours**\n0 questions · 0 new documents\n\n"
        "**Last 7 days**\n1,200 questions · 3 without an answer · 1 new document\n👍 4 · 👎 2 · Wrong 2\n"
        "12,345 tokens · $0.125 (questions $0.10, documents $0.025)"
    )


def test_stats__without_prices_only_tokens():
    assert shown(activity(tokens=7)).endswith("\n7 tokens")


def test_stats__limits_of_the_server():
    text = shown(activity(questions_usd=0.5), server_day_hard_usd=2.0, server_day_soft_usd=1.0)
    assert "Spending limit of this server in 24 hours: $2.00, spent: $0.50" in text
    assert "more than $1.00" in text
    assert "limit" not in shown(activity())


@pytest.mark.parametrize("language", LANGUAGES)
def test_stats__in_every_language(language):
    windows = [activity(days=days, questions=1, documents=1, tokens=1, questions_usd=1.0) for days in (1, 7, 30)]
    check_message(render_stats(windows, Settings(_env_file=None), texts_for(language)))
