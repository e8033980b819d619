"""The reason for the state of a job, in the language of the user."""

from __future__ import annotations

import re

import pytest

from bot.locales.texts import texts_for
from bot.render.jobs import format_reason, render_job, render_job_list
from tests.bot_factories import document_job, job

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
REASONS = [
    (job(state="queued", ahead=0, attempt=0), "next in the queue"),
    (job(state="queued", ahead=2, attempt=0, wait_s=14.0), "2 jobs are ahead of it in the queue, about 15 seconds"),
    (
        job(state="queued", attempt=0, why="Rate limited until 18:04:00."),
        "it starts as soon as the limit on requests allows it",
    ),
    (job(state="queued", ahead=2, attempt=0, why="Not published to the queue yet."), "it is saved"),
    (
        job(state="queued", ahead=2, attempt=0, why="(no query worker is running)"),
        "Refdesk isn't answering questions right now",
    ),
    (job(state="queued", ahead=2, error="x", error_class="LlmTimeout"), "attempt 2 of 3 follows"),
    (job(state="running", why="The lease of worker w1 expired at 18:04:00."), "it was interrupted and starts again"),
    (job(state="running", cancel_requested=True, why="Cancellation requested; w1 stops it."), "it is being cancelled"),
    (job(state="running", why="Running on w1 since 18:04:00, stage embed."), "**Reading** the question…"),
    (job(state="running", stage="generate", progress_text="For an hour"), "**Writing** the answer…"),
    (document_job("a.pdf", "running", stage="parse", why="Running on w1 since 18:04:00."), "reading…"),
    (job(state="failed", error_class="LlmTimeout", error="x", why="Failed with LlmTimeout: x"), "The language model"),
    (job(state="cancelled", why="Cancelled at 2026-11-22 18:04:00."), "cancelled <t:"),
    (job(state="succeeded", why="Done at 2026-11-22 18:04:00."), "finished <t:"),
]


@pytest.mark.parametrize(("explained", "begins"), REASONS, ids=[begins for _, begins in REASONS])
def test_reason__is_in_the_language_of_the_user(explained, begins):
    assert format_reason(explained, EN).startswith(begins)
    chinese = format_reason(explained, ZH).replace("<t:", "")
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert not re.search("[a-z]{2}", chinese)


def test_deleted_document__has_no_name_and_cannot_be_processed_again():
    deleted = document_job("", "failed", payload={"deleted": True}, error="The document was deleted.")
    page = render_job(deleted, EN, delivery_id=1, may_change=True)
    assert str(page.embeds[0].description).startswith("**(deleted document)**")
    assert page.buttons == ()
    assert "(deleted document)" in str(render_job_list([deleted], EN, everyone=False).embeds[0].description)


def test_deleted_answer__says_why_it_is_missing():
    deleted = job(state="succeeded", result={"deleted": True, "answer": "", "citations": [], "candidates": []})
    for texts, sentence in ((EN, "This answer was deleted"), (ZH, "回答也一并删除了")):
        assert sentence in render_job(deleted, texts, delivery_id=1, may_change=True).content
