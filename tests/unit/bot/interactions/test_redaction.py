"""What managers see of the jobs of other users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.interactions.redaction import redact_job, redact_matches
from bot.locales.texts import texts_for
from bot.render.jobs import format_reason
from bot.services.request_context import RequestContext
from db.job_views import JobWithOwner
from tests.bot_factories import CHANNEL, GUILD, PERSON, document_job, job

T = texts_for("en-US")
BOARD = "1180000000000000077"
MANAGER = RequestContext("9", "1180000000000000055", CHANNEL, GUILD, manager=True, viewable_channels=(CHANNEL,))
HIDDEN = "(document in a channel that you can't view)"


def salaries(channels: list[str] | None, **values: Any) -> JobWithOwner:
    return JobWithOwner(document_job("salaries.pdf", payload={"channels": channels}, **values), PERSON, 7)


@pytest.mark.parametrize(
    ("context", "channels", "about"),
    [
        (MANAGER, [BOARD], HIDDEN),
        (replace(MANAGER, viewable_channels=(BOARD,)), [BOARD], "salaries.pdf"),
        (MANAGER, [CHANNEL], "salaries.pdf"),
        (MANAGER, None, "salaries.pdf"),
        (replace(MANAGER, user_id=PERSON), [BOARD], "salaries.pdf"),
        (replace(MANAGER, guild_id=None), [BOARD], "salaries.pdf"),
    ],
    ids=["closed", "viewable", "this-channel", "server", "own", "personal"],
)
def test_redact_job__hides_documents_of_closed_channels(context, channels, about):
    assert redact_job(salaries(channels), context, T).about == about


def test_redact_job__hides_errors_that_quote_a_closed_channel():
    failed = salaries([BOARD], state="failed", error_class="InvalidInput", error="salaries.pdf has no pages")
    assert "salaries" in format_reason(failed.job, T)
    assert "salaries" not in format_reason(redact_job(failed, MANAGER, T), T)


def test_redact_job__keeps_the_channels_of_a_question():
    asked = JobWithOwner(job(payload={"question": "How long?", "channels": [BOARD]}, about="How long?"), PERSON, 7)
    assert redact_job(asked, MANAGER, T).about == "How long?"
    assert redact_job(replace(asked, private=True), MANAGER, T).about == "(private question)"


def test_redact_matches__do_not_confirm_a_hidden_name():
    jobs = [salaries([BOARD], id=5), salaries(None, id=6)]
    assert [match.id for match in redact_matches(jobs, MANAGER, T, "salaries")] == [6]
    assert [match.about for match in redact_matches(jobs, MANAGER, T, "")] == [HIDDEN, "salaries.pdf"]
    assert [match.about for match in redact_matches(jobs[:1], MANAGER, T, "5")] == [HIDDEN]
