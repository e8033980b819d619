"""The message of documents that are being added."""

from __future__ import annotations

from dataclasses import replace

import pytest
from discord import Colour

from bot.locales.texts import texts_for
from bot.render.embed import COLOUR_ERROR, COLOUR_INFO, COLOUR_MUTED, COLOUR_SUCCESS, COLOUR_WARNING
from bot.render.ingest import render_ingest
from bot.render.message import Button, OutgoingMessage
from tests.bot_factories import CHANNEL, document_job, ingest_view
from tests.message_checks import HOSTILE, check_message

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
BOTH = pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
DONE = {"chunks": 1071, "pages": 12, "unchanged": False}


def _description(shown: OutgoingMessage) -> str:
    return check_message(shown).embeds[0].description or ""


def _actions(shown: OutgoingMessage) -> list[str]:
    return [button.custom_id for row in shown.buttons for button in row if isinstance(button, Button)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (document_job("a.pdf", result=DONE), "✅ **a.pdf** · 12 pages, 1,071 passages"),
        (document_job("a.md", result={"chunks": 1}), "✅ **a.md** · 1 passage"),
        (document_job("a.md", result={"chunks": 41, "unchanged": True}), "📌 **a.md** · unchanged, 41 passages"),
        (document_job("a.md", result={"chunks": 41, "unchanged": True, "overtaken": True}), "a newer version"),
        (
            document_job("a.md", result={"chunks": 2, "warnings": ["Page 3 is damaged.", "x"]}),
            "2 warnings, the first: Page 3",
        ),
        (
            document_job("a.pdf", "failed", error_class="EncryptedFile"),
            "❌ **a.pdf**\n> The file is password-protected.",
        ),
        (document_job("a.pdf", "dead", error_class="WorkerLost"), "Number for the operator: 1234"),
        (
            document_job("https://a.example", "failed", error_class="LinkFailed", error="404", payload={"force": True}),
            "> 404\n-# The document in the library stays as it is.",
        ),
        (document_job("a.pdf", "cancelled"), "🚫 a.pdf · cancelled"),
        (document_job("a.pdf", "queued", attempt=0, ahead=0), "⏳ **a.pdf** · waiting"),
        (document_job("a.pdf", "queued", attempt=0, ahead=4), "position 5"),
        (
            document_job("a.pdf", "queued", attempt=0, ahead=4, why="(no ingest worker is running)"),
            "isn't reading documents right now",
        ),
        (document_job("a.pdf", "queued", attempt=1, error="x"), "attempt 2 of 3"),
        (document_job("a.pdf", "running", stage="fetch"), "downloading"),
        (document_job("a.pdf", "running", stage="parse"), "reading"),
        (
            document_job("a.pdf", "running", stage="embed", progress_done=340, progress_total=1071),
            "preparing passages, 340 of 1,071",
        ),
        (document_job("a.pdf", "running", stage="anything"), "reading"),
        (document_job("a.pdf", "running", stage="embed", cancel_requested=True), "cancelling"),
    ],
)
def test_ingest__each_state_has_a_line(made, said):
    assert said in _description(render_ingest(ingest_view(made), EN))
    check_message(render_ingest(ingest_view(made), ZH))


def test_ingest__title_colour_and_button_by_state():
    done, failed = document_job("a", result=DONE), document_job("b", "failed", error_class="EmptyDocument")
    same = document_job("c", result={"chunks": 3, "unchanged": True})
    running, stopped = document_job("d", "running", stage="parse"), document_job("e", "cancelled")
    for jobs, title, colour, actions in (
        ((done, running), "Adding 2 documents (1 done)", COLOUR_INFO, ["rd:cancel:7"]),
        ((running,), "Adding 1 document", COLOUR_INFO, ["rd:cancel:7"]),
        ((done,), "Document added", COLOUR_SUCCESS, []),
        ((done, done), "2 documents added", COLOUR_SUCCESS, []),
        ((same, same), "All 2 documents are already in the library", COLOUR_SUCCESS, []),
        ((done, failed), "1 of 2 documents added", COLOUR_WARNING, ["rd:retry:7"]),
        ((failed,), "Document couldn't be added", COLOUR_ERROR, ["rd:retry:7"]),
        ((stopped,), "Cancelled", COLOUR_MUTED, ["rd:retry:7"]),
    ):
        shown = check_message(render_ingest(ingest_view(*jobs), EN))
        assert (shown.embeds[0].title, shown.embeds[0].colour, _actions(shown)) == (title, Colour(colour), actions)


def test_ingest__shows_visibility():
    made = document_job("a", result=DONE)
    assert "-# Visible to everyone on this server" in _description(render_ingest(ingest_view(made), EN))
    scoped = replace(made, payload={"channels": [CHANNEL]})
    assert f"-# Visible only to members of <#{CHANNEL}>" in _description(render_ingest(ingest_view(scoped), EN))
    assert "-# Visible only to you" in _description(render_ingest(ingest_view(scoped, guild_id=None), EN))


def test_ingest__of_many_shows_failures_and_counts_the_rest():
    jobs = [document_job(f"file number {n} with quite a long name.pdf", result=DONE) for n in range(200)]
    jobs += [document_job(f"broken {n}.pdf", "failed", error_class="UnreadableFile") for n in range(3)]
    jobs += [
        document_job(f"late {n}.pdf", "running", stage="embed", progress_done=1, progress_total=9) for n in range(5)
    ]
    description = _description(render_ingest(ingest_view(*jobs), EN))
    assert description.startswith("❌ **broken 0.pdf**")
    assert all(f"broken {n}.pdf" in description for n in range(3))
    shown = description.count("✅")
    assert f"{200 - shown} more added" in description


@BOTH
def test_ingest__hostile(t):
    states = ["failed", "succeeded", "cancelled", "queued", "running"]
    jobs = [
        document_job(
            HOSTILE,
            state,
            error_class="LinkFailed",
            error=HOSTILE,
            why=HOSTILE,
            result={"chunks": 1, "warnings": [HOSTILE]},
        )
        for state in states * 3
    ]
    for shown in (jobs[:1], jobs[:8], jobs):
        check_message(render_ingest(ingest_view(*shown), t))
