"""Messages of a question: progress, answer, abstention and failure."""

from __future__ import annotations

import discord
import pytest

from bot.locales.texts import texts_for
from bot.render.answer import (
    ANSWER_FILE,
    render_answer,
    render_answer_page,
    render_completion_notice,
    render_ready_notice,
    render_token_expiry_notice,
)
from bot.render.embed import COLOUR_WARNING
from bot.render.message import Button, OutgoingMessage
from bot.render.progress import CURSOR, render_progress
from bot.render.split import utf16_length
from db.deliveries import DeliveryView
from pipeline import errors
from tests.bot_factories import MESSAGE_LINK, answer, citation, delivery, document_job, ingest_view, job, question_view
from tests.message_checks import HOSTILE, check_message, visible_text

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
BOTH = pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])


def _waiting(**values):
    return DeliveryView(delivery(), (job(**values),))


def _actions(shown: OutgoingMessage) -> list[str]:
    return [button.custom_id for row in shown.buttons for button in row if isinstance(button, Button)]


# ------------------------------------------------------------------------------------------------------- on its way


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": "queued", "ahead": 2, "attempt": 0}, "2 questions before yours"),
        ({"state": "queued", "ahead": 2, "attempt": 0, "wait_s": 11.2}, "2 questions before yours, about 15 seconds"),
        ({"state": "queued", "ahead": 1, "attempt": 0, "wait_s": 61.0}, "1 question before yours, about 2 minutes"),
        ({"state": "queued", "ahead": 0, "attempt": 0, "wait_s": 0.0}, "your question is next, about 5 seconds"),
        ({"state": "queued", "ahead": 0, "attempt": 0}, "your question is next"),
        (
            {"state": "queued", "ahead": 4, "attempt": 0, "why": "Waiting for a worker (no query worker is running)."},
            "isn't answering questions right now",
        ),
        (
            {"state": "queued", "attempt": 0, "why": "Not published to the queue yet."},
            "Waiting** to start",
        ),
        ({"state": "queued", "attempt": 1, "error": "x", "error_class": "LlmTimeout"}, "attempt 2 of 3"),
        ({"stage": "start"}, "Starting"),
        ({"stage": "something new"}, "Starting"),
        ({"stage": "rewrite"}, "the conversation"),
        ({"stage": "embed"}, "the question"),
        ({"stage": "recall"}, "the library"),
        ({"stage": "rerank", "progress_total": 1}, "Comparing"),
        ({"stage": "rerank", "progress_done": 12, "progress_total": 50}, "passages, 12 of 50"),
        ({"stage": "generate", "progress_total": 1}, "Writing"),
        ({"stage": "generate", "progress_text": "For an hour [1]."}, f"For an hour [1]. {CURSOR}"),
        ({"stage": "rerank", "cancel_requested": True}, "Cancelling"),
    ],
)
def test_progress__shows_the_stage(values, said):
    shown = check_message(render_progress(_waiting(**values), EN))
    assert said in shown.content
    assert shown.content.startswith("> How long may the laser cutter run")
    assert _actions(shown) == ["rd:cancel:7"]
    check_message(render_progress(_waiting(**values), ZH))


def test_progress__cancellation_disables_the_button():
    (row,) = render_progress(_waiting(cancel_requested=True), EN).buttons
    assert isinstance(row[0], Button)
    assert row[0].disabled


def test_progress__unfinished_code_block_is_closed():
    shown = check_message(render_progress(_waiting(stage="generate", progress_text="So:\n```py\nx = 1"), EN))
    assert f"```py\nx = 1\n```\n{CURSOR}" in shown.content


def test_progress__long_text_shows_its_end():
    text = "\n".join(f"Sentence number {n} of the answer." for n in range(200))
    shown = check_message(render_progress(_waiting(stage="generate", progress_text=text), EN))
    assert "number 199" in shown.content
    assert "…\n" in shown.content


@BOTH
def test_progress__hostile_text(t):
    check_message(render_progress(_waiting(stage="generate", about=HOSTILE, progress_text=HOSTILE), t))


# -------------------------------------------------------------------------------------------------------- answered


def test_answer__text_sources_and_buttons():
    cited = [
        citation(1, page=14, origin=MESSAGE_LINK),
        citation(2, "Rules", page=None, origin="https://rules.example/a"),
    ]
    (shown,) = render_answer(question_view(answer("For **an hour** [1], or less [2].", cited)), EN)
    check_message(shown)
    assert shown.content == "> How long may the laser cutter run without a break?\nFor **an hour** [1], or less [2]."
    (embed,) = shown.embeds
    assert embed.description == (
        f"**[1]** Laser cutter manual · p. 14 · [where it was added]({MESSAGE_LINK})\n**[2]** Rules · `rules.example/a`"
    )
    assert embed.footer.text == "From 2 sources · 2.3 s"
    assert _actions(shown) == [f"rd:{action}:1234" for action in ("sources", "why", "again", "up", "down")]


@pytest.mark.parametrize(("t", "said"), [(EN, "The sources disagree: [1] ↔ [2]"), (ZH, "资料说法不一：[1] ↔ [2]")])
def test_answer__reports_conflicting_sources(t, said):
    cited = [citation(1), citation(2, "Rules")]
    (shown,) = render_answer(question_view(answer("At 18:00 [1], or at 20:00 [2].", cited, conflicts=[[1, 2]])), t)
    (embed,) = check_message(shown).embeds
    assert (embed.description or "").splitlines()[0] == f"**{said}**"
    assert embed.colour == discord.Colour(COLOUR_WARNING)


def test_answer__lists_fallbacks():
    fallbacks = [
        {"stage": "embed", "method": "hybrid", "used": "keyword", "reason": "x"},
        {"stage": "rerank", "method": "cross-encoder", "used": "late-interaction", "reason": "x"},
        {
            "stage": "rerank",
            "method": "late-interaction",
            "used": "none",
            "reason": "3 of 50 candidates kept their recall place",
        },
        {"stage": "generate", "method": "gpt", "used": "extractive", "reason": "x"},
        {"stage": "generate", "method": "sentence similarity", "used": "keywords", "reason": "x"},
        {"stage": "generate", "method": "numbers", "used": "answer without these sentences", "reason": "x"},
        {"stage": "generate", "method": "neighbours", "used": "the passages alone", "reason": "x"},
        {"stage": "parse", "method": "a", "used": "b", "reason": "x"},
    ]
    view = question_view(answer("Yes [1].", [citation()], fallbacks=fallbacks, searched_as="laser time"))
    (shown,) = render_answer(view, EN)
    footer = check_message(shown).embeds[0].footer.text
    for said in (
        "searched for “laser time”",
        "searched by keywords only",
        "passages compared by a simpler method",
        "some passages weren't compared",
        "sentences quoted instead",
        "selected by keywords",
        "left out statements with numbers that no source contains",
        "answered without the text around the passages",
        "parse: b instead of a",
    ):
        assert said in (footer or "")


@BOTH
def test_answer__budget_error_shows_the_reason(t):
    sentence = "An answer would cost about $0.01, and the limit is $1.00 for one person in 24 hours."
    failed = job(state="failed", about="Why?", error_class="BudgetExceeded", error=sentence)
    (shown,) = render_answer(DeliveryView(delivery(), (failed,)), t)
    assert sentence.removesuffix(".") in (check_message(shown).embeds[0].description or "")


def test_answer__in_two_messages_with_the_code_whole():
    code = "\n".join(f"line {n}" for n in range(150))
    pages = render_answer(question_view(answer(f"{'Word ' * 250}\n```py\n{code}\n```\nDone [1].", [citation()])), EN)
    assert len(pages) == 2
    for page in pages:
        check_message(page)
    assert not pages[0].embeds
    assert not pages[0].buttons
    assert pages[-1].content.startswith("```py\n")
    assert pages[-1].embeds
    assert _actions(pages[-1])


def test_answer__longer_than_three_messages_is_a_file():
    text = "\n\n".join(f"Paragraph {n}. " + "Word " * 100 for n in range(40)) + " @everyone [1]"
    (shown,) = render_answer(question_view(answer(text, [citation()])), EN)
    check_message(shown)
    (file,) = shown.files
    assert file.name == ANSWER_FILE
    written = file.content.decode()
    assert written.startswith("# How long may")
    assert "Paragraph 39" in written
    assert "[1] Laser cutter manual, p. 4" in written
    assert "answer" in shown.content.splitlines()[-1]
    assert shown.embeds
    assert "rd:sources:1234" in _actions(shown)


@BOTH
def test_answer__hostile_everywhere(t):
    cited = [
        citation(n, HOSTILE, page=n, quote=HOSTILE, source=HOSTILE, origin=HOSTILE if n % 2 else f"https://{HOSTILE}")
        for n in range(1, 21)
    ]
    fallbacks = [
        {"stage": stage, "method": HOSTILE, "used": HOSTILE, "reason": HOSTILE} for stage in ("rerank", HOSTILE)
    ]
    for text in (HOSTILE, HOSTILE[:1500], HOSTILE[:4500]):
        result = answer(text, cited, reranker=HOSTILE, model=HOSTILE, fallbacks=fallbacks, searched_as=HOSTILE)
        view = DeliveryView(delivery(), (job(state="succeeded", about=HOSTILE, result=result),))
        for page in render_answer(view, t):
            check_message(page)
        check_message(render_answer_page(view.jobs[0], t))


def test_answer_page__is_one_message():
    (view,) = question_view(answer("Word " * 600, [citation()])).jobs
    shown = check_message(render_answer_page(view, EN, "-# Job 1234"))
    assert [file.name for file in shown.files] == [ANSWER_FILE]
    assert shown.content.endswith("-# Job 1234")
    (short,) = question_view(answer("Yes [1].", [citation()])).jobs
    assert not check_message(render_answer_page(short, EN)).files


# ---------------------------------------------------------------------------------------------------- not answered


def _classes(cls: type[errors.RefdeskError] = errors.RefdeskError) -> list[type[errors.RefdeskError]]:
    return [
        cls,
        *(found for sub in cls.__subclasses__() if sub.__module__ == "pipeline.errors" for found in _classes(sub)),
    ]


@BOTH
@pytest.mark.parametrize("name", [*(cls.__name__ for cls in _classes()), "WorkerLost"])
def test_failure__every_class_has_a_text(name, t):
    assert t.has(f"error-{name}")
    for state, detail in (("failed", "The ledger's own sentence."), ("dead", None)):
        view = DeliveryView(delivery(), (job(state=state, error_class=name, error=detail, attempt=3),))
        (shown,) = render_answer(view, t)
        check_message(shown)
        said = shown.embeds[0].description or ""
        assert len(said) > 3
        assert "$" not in said
        assert shown.embeds[0].footer.text == t("answer-failed-attempts", attempts="3", job="1234")
        assert name not in visible_text(shown)
        assert _actions(shown) == ["rd:retry:7"]


@pytest.mark.parametrize("name", [cls.__name__ for cls in _classes()])
def test_failure__without_stored_message_uses_the_class_default(name):
    (shown,) = render_answer(DeliveryView(delivery(), (job(state="failed", error_class=name, error=""),)), EN)
    assert len(shown.embeds[0].description or "") > 15


@BOTH
def test_failure__unknown_class(t):
    view = DeliveryView(delivery(), (job(state="dead", error_class="KeyError", error="'secret'"),))
    (shown,) = render_answer(view, t)
    assert (shown.embeds[0].description or "") == t("error-unknown")
    assert "secret" not in visible_text(check_message(shown))


@BOTH
def test_failure__hostile(t):
    for name in ("LinkFailed", "KeyError", HOSTILE, None):
        view = DeliveryView(delivery(), (job(state="failed", about=HOSTILE, error_class=name, error=HOSTILE),))
        (shown,) = render_answer(view, t)
        check_message(shown)


def test_cancelled__can_be_retried():
    (shown,) = render_answer(DeliveryView(delivery(), (job(state="cancelled"),)), EN)
    assert "Cancelled" in check_message(shown).content
    assert _actions(shown) == ["rd:retry:7"]


# --------------------------------------------------------------------------------------------------------- notices


@BOTH
def test_notices(t):
    done, failed = document_job("a.pdf", result={"chunks": 1}), document_job("b.pdf", "failed")
    views = [
        question_view(answer("Yes [1].", [citation()])),
        DeliveryView(delivery(), (job(state="failed", about=HOSTILE),)),
        ingest_view(done),
        ingest_view(done, done),
        ingest_view(done, failed),
    ]
    for notice in (render_completion_notice, render_token_expiry_notice, render_ready_notice):
        said = [check_message(notice(view, t)).content for view in views]
        assert all(said)
        if notice is render_completion_notice:
            assert len(set(said)) == len(views)
        else:
            assert all("1234" in words for words in said)


# ---------------------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("question", ["*_" * 150, "<" * 300, "a_b " * 75, "def f_x(a_b): return a_b[1] | e_f # " * 8])
@pytest.mark.parametrize("length", [1450, 1499, 60_000])
def test_progress__fits_however_much_has_to_be_escaped(question, length):
    view = DeliveryView(delivery(), (job(stage="generate", about=question, progress_text="x " * length),))
    assert utf16_length(render_progress(view, EN).content) <= 2000


@pytest.mark.parametrize("text", ["http://a" + ")" * 300_000, "` " * 150_000, "```\n" * 75_000])
def test_answer__of_any_length_is_a_file_and_a_preview(text):
    (shown,) = render_answer(question_view(answer(text, [citation()])), EN)
    assert utf16_length(shown.content) <= 2000
    assert [file.name for file in shown.files] == ["answer.md"]
    assert len(shown.files[0].content) < 250_000
