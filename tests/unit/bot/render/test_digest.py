"""The weekly digest."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.locales.texts import LANGUAGES, texts_for
from bot.render.digest import render_digest, render_digest_failure
from db.activity import Activity
from tests.bot_factories import CHANNEL
from tests.message_checks import HOSTILE, check_message
from tests.unit.bot.render.test_gaps import gap, question

WEEK = Activity(7, 12, 5, 4, 2, Counter(wrong=2), 3, 700, 0.25, 0.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_digest__numbers_and_the_most_frequent_gaps(language):
    gaps = [gap(question(HOSTILE), question("b")), *(gap(question(f"Question {n}?")) for n in range(8))]
    check_message(render_digest(WEEK, gaps, texts_for(language)))


def test_digest__lists_five_gaps_and_counts_the_others():
    shown = str(
        render_digest(WEEK, [gap(question(f"Question {n}?")) for n in range(8)], texts_for("en-US"))
        .embeds[0]
        .description
    )
    assert shown.startswith("12 questions · 5 without an answer · 3 new documents\n👍 4 · 👎 2 · Wrong 2\n\n")
    assert "tokens" not in shown
    assert "$" not in shown
    assert "Question 4? · asked once" in shown
    assert "Question 5?" not in shown
    assert "… and 3 more" in shown


def test_digest__of_a_quiet_week():
    quiet = Activity(7, 0, 0, 0, 0, Counter(), 0, 0, 0.0, 0.0)
    assert render_digest(quiet, [], texts_for("en-US")).embeds[0].description == "0 questions · 0 new documents"


@pytest.mark.parametrize("language", LANGUAGES)
def test_failure__names_the_channel(language):
    assert f"<#{CHANNEL}>" in check_message(render_digest_failure(CHANNEL, texts_for(language))).content
