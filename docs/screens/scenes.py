"""Scenes of the screenshots: the Discord server of a small workshop with documents, questions and answers."""
# ruff: noqa: INP001

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chat import PostedMessage
from content import BOARD, STEWARDS, Content

from bot.render import (
    answer,
    ask_again,
    digest,
    docs,
    gaps,
    helper_requests,
    ingest,
    jobs,
    plot,
    progress,
    servers,
    settings,
    sources,
    stats,
    why,
)
from bot.render.asking_settings import ExistingParts
from bot.render.formatting import format_timestamp
from bot.render.help import render_help
from bot.render.message import OutgoingMessage
from config.settings import Settings
from db.activity import Activity
from db.deliveries import DeliveryView
from db.gaps import Gap, GapQuestion
from db.workspace_settings import ChannelRule, WorkspaceSettings
from tests.bot_factories import (
    CHANNEL,
    MESSAGE_LINK,
    NOW,
    PERSON,
    candidate,
    citation,
    delivery,
    document,
    document_job,
    ingest_view,
    job,
    trace,
)
from tests.bot_factories import answer as result

COMMAND_IDS = {"ask": "1", "ingest": "2", "docs": "3", "jobs": "4", "settings": "5", "gaps": "6", "stats": "7"}


def _question(c: Content, state: str = "running", **values: Any) -> DeliveryView:
    return DeliveryView(delivery(locale=c.locale), (job(**{"about": c.question, "state": state} | values),))


def _answer(c: Content, **values: Any) -> dict[str, Any]:
    return result(c.answer, c.citations, model="qwen2.5:7b", **values)


def progress_scene(c: Content) -> list[PostedMessage]:
    """A question in the queue, during ranking and during generation."""
    partial_answer = c.answer[: c.answer.rindex("\n- ")]
    steps = [
        _question(c, "queued", ahead=2, attempt=0, wait_s=15.0),
        _question(c, stage="rerank", progress_done=32, progress_total=50),
        _question(c, stage="generate", progress_total=1, progress_text=partial_answer),
    ]
    return [_post(c, progress.render_progress(view, c.t), "ask") for view in steps]


def answer_scene(c: Content) -> list[PostedMessage]:
    """A cited answer."""
    return [_post(c, *answer.render_answer(_question(c, "succeeded", result=_answer(c)), c.t), command="ask")]


def sources_scene(c: Content) -> list[PostedMessage]:
    """Sources with quotes."""
    return [_post(c, sources.render_sources(_answer(c), c.t), private=True)]


def why_scene(c: Content) -> list[PostedMessage]:
    """The explanation of an answer with the plot of ranks."""
    materials, plastics, tests, filters, machine = c.headings
    rows = [
        (4, c.manual, 14, (materials,), 0.93),
        (1, c.manual, 15, (plastics,), 0.88),
        (17, c.rules, None, (tests,), 0.81),
        (2, c.extraction, 3, (filters,), 0.64),
        (9, c.minutes, 2, (machine,), 0.57),
        (3, c.prices, None, (), 0.55),
        (5, c.manual, 31, (filters,), 0.49),
        (28, c.rules, None, (machine,), 0.47),
        (6, c.printer, 8, (materials,), 0.45),
        (12, c.minutes, 1, (filters,), 0.41),
    ]
    numbers = {title: n for n, title in enumerate(dict.fromkeys(row[1] for row in rows), 20)}
    ranked = [
        candidate(
            rank,
            was,
            title,
            document_id=numbers[title],
            page=page,
            headings=headings,
            score=score,
            dense_rank=was + 2,
            keyword_rank=max(1, was - 3) if was < 9 else None,
        )
        for rank, (was, title, page, headings, score) in enumerate(rows, 1)
    ]
    first, second = c.quotes
    ranked[0] = replace(ranked[0], citation=1, quote=first)
    ranked[2] = replace(ranked[2], citation=2, quote=second)
    found = {row[0] for row in rows}
    ranked += [candidate(n, was, c.printer) for n, was in enumerate((n for n in range(1, 51) if n not in found), 11)]
    view = trace(*ranked, question=c.question, answer_model="qwen2.5:7b", prompt_tokens=1412, completion_tokens=128)
    return [_post(c, why.render_why(view, c.t, plot.draw_rank_plot(view, c.t)), private=True)]


def ask_again_scene(c: Content) -> list[PostedMessage]:
    """The ways to ask again: for a member, and with the methods for a manager."""
    named = [("late-interaction", c.t("method-fast")), ("cross-encoder", c.t("method-accurate"))]
    options: dict[str, Any] = {"passages": 3, "more_passages": 8, "thorough": True}
    return [
        _post(c, ask_again.render_ask_again(1234, c.t, **options), private=True),
        _post(c, ask_again.render_ask_again(1234, c.t, **options, methods=named), private=True),
    ]


def _abstained(c: Content, *, helpers: bool) -> DeliveryView:
    titles = [c.printer, c.printer, c.rules, c.prices, c.minutes]
    found = [{"chunk": n, "document": title, "title": title} for n, title in enumerate(titles * 10)]
    abstention = result(c.abstention, abstained=True, candidates=found)
    return replace(_question(c, "succeeded", about=c.unanswered, result=abstention), helpers=helpers)


def abstention_scene(c: Content) -> list[PostedMessage]:
    """An abstention with the closest documents and the next steps."""
    return [_post(c, *answer.render_answer(_abstained(c, helpers=True), c.t), command="ask")]


def helper_scene(c: Content) -> list[PostedMessage]:
    """A private question before it is posted for the helpers, a posted one, and the private reply."""
    (asked,) = _abstained(c, helpers=True).jobs
    return [
        _post(c, helper_requests.render_helper_confirmation(asked, STEWARDS, c.t), private=True),
        _post(c, helper_requests.render_helper_request(asked, STEWARDS, PERSON, c.t, link=MESSAGE_LINK)),
        _post(c, helper_requests.render_helper_asked(STEWARDS, MESSAGE_LINK, c.t), private=True),
    ]


def _gaps(c: Content) -> list[Gap]:
    first, second = c.gap
    asked = [
        GapQuestion(9, first, NOW, abstained=True, private=False, channel=CHANNEL, votes_against=0, reasons=()),
        GapQuestion(
            8, second, NOW, abstained=False, private=False, channel=CHANNEL, votes_against=2, reasons=("outdated",)
        ),
        GapQuestion(7, c.unanswered, NOW, abstained=True, private=False, channel=CHANNEL, votes_against=0, reasons=()),
    ]
    return [Gap(tuple(asked[:2])), Gap(tuple(asked[2:]))]


def gaps_scene(c: Content) -> list[PostedMessage]:
    """The questions without a good answer, and one of them."""
    found = _gaps(c)
    return [
        _post(c, gaps.render_gap_list(found, c.t), "gaps", private=True),
        _post(c, gaps.render_gap(found[0], c.t, title=c.gap[0], channels=None, guild_id="1"), private=True),
    ]


def numbers_scene(c: Content) -> list[PostedMessage]:
    """The numbers of a server, and the weekly digest."""
    day = Activity(
        days=1,
        questions=31,
        unanswered=2,
        votes_for=9,
        votes_against=1,
        reasons=Counter(outdated=1),
        documents=1,
        tokens=48210,
        questions_usd=0.0413,
        documents_usd=0.0002,
    )
    week = replace(
        day,
        days=7,
        questions=184,
        unanswered=11,
        votes_for=52,
        votes_against=6,
        reasons=Counter(outdated=3, wrong=1),
        documents=6,
        tokens=301455,
        questions_usd=0.2391,
        documents_usd=0.0011,
    )
    return [
        _post(c, stats.render_stats([day, week], Settings(_env_file=None), c.t), "stats", private=True),
        _post(c, digest.render_digest(week, _gaps(c), c.t)),
    ]


def mention_scene(c: Content) -> list[PostedMessage]:
    """A follow-up question in the thread of an answer, by a mention."""
    view = _question(c, "succeeded", about=c.follow_up, result=result(c.short, [c.citations[1] | {"n": 1}]))
    (shown,) = answer.render_answer(view, c.t)
    asked = OutgoingMessage(f"@Refdesk {c.follow_up}")
    return [replace(_post(c, asked), author=c.people[0]), _post(c, shown)]


def direct_scene(c: Content) -> list[PostedMessage]:
    """A question in direct messages: the personal library has no answer, so a server is asked."""
    abstained = job(about=c.question, state="succeeded", result=result(c.abstention, abstained=True, candidates=[]))
    (personal,) = answer.render_answer(DeliveryView(delivery(locale=c.locale, guild_id=None), (abstained,)), c.t)
    menu = servers.render_server_menu([("1", c.server)], 1234, c.t)
    return [_post(c, personal, "ask"), _post(c, menu, private=True)]


def notice_scene(c: Content) -> list[PostedMessage]:
    """The replies after a question and after documents that took long."""
    files = ingest_view(document_job("a.pdf", result={"chunks": 3}), document_job("b.pdf", "failed"))
    answered = _question(c, "succeeded", result=_answer(c))
    return [
        _post(c, answer.render_completion_notice(answered, c.t)),
        _post(c, answer.render_completion_notice(files, c.t)),
        _post(c, answer.render_token_expiry_notice(_question(c), c.t), private=True),
    ]


def ingest_scene(c: Content) -> list[PostedMessage]:
    """Several files during processing and afterwards."""
    done = document_job("manual-xl900.pdf", result={"chunks": 1071, "pages": 212, "unchanged": False})
    failed = document_job("floor plan (scan).pdf", "failed", error_class="EmptyDocument", error="")
    same = document_job("Workshop rules.md", result={"chunks": 41, "unchanged": True})
    open_ = document_job("filters.docx", "running", stage="embed", progress_done=340, progress_total=1071)
    reading = document_job("prices-2026.xlsx", "running", stage="parse")
    ended = document_job("filters.docx", result={"chunks": 1071, "unchanged": False})
    read = document_job("prices-2026.xlsx", result={"chunks": 88, "unchanged": False})
    return [
        _post(c, ingest.render_ingest(ingest_view(done, open_, reading, failed, same), c.t), "ingest"),
        _post(c, ingest.render_ingest(ingest_view(done, ended, read, failed, same), c.t), "ingest"),
    ]


def docs_scene(c: Content) -> list[PostedMessage]:
    """The list of documents, and one document."""
    listed = [
        document(31, title=c.manual, pages=212, chunks=1071),
        document(30, title=c.extraction, pages=None, chunks=1071),
        document(29, title=c.prices, pages=None, chunks=88),
        document(27, title=c.minutes, pages=4, chunks=19, channels=[BOARD]),
        document(22, title=c.rules, pages=None, chunks=41),
        document(9, title=c.printer, pages=64, chunks=402),
    ]
    return [
        _post(c, docs.render_document_list(listed, c.t, total=16), "docs list", private=True),
        _post(
            c, docs.render_document(listed[0], c.t, may_change=True, guild_id="1", beginning=c.quotes[0]), private=True
        ),
    ]


def refusal_scene(c: Content) -> list[PostedMessage]:
    """Private messages that reject a request."""
    quota = c.t(
        "refusal-over-quota-user",
        what=c.t("over-quota-ask", n=60),
        window=c.t("duration-hours", n=1),
        when=format_timestamp(NOW),
    )
    large = c.t("refusal-file-too-large", name="excursion.mp4.pdf", limit="50")
    stays = c.t("delete-cancelled", title=c.printer)
    later = c.moments[1]
    return [
        replace(_post(c, OutgoingMessage(quota), "ask", private=True), relative_time=later),
        _post(c, OutgoingMessage(large), "ingest", private=True),
        _post(c, OutgoingMessage(stays), "docs delete", private=True),
    ]


def failure_scene(c: Content) -> list[PostedMessage]:
    """A question that could not be answered."""
    view = _question(c, "dead", error_class="LlmTimeout", error="x", attempt=3)
    return [_post(c, *answer.render_answer(view, c.t), command="ask")]


def jobs_scene(c: Content) -> list[PostedMessage]:
    """The list of jobs, and one waiting job."""
    waiting = job(id=1240, state="queued", attempt=0, about=c.unanswered, why="(no query worker is running)")
    shown = [
        waiting,
        document_job("filters.docx", "running", id=1239, stage="embed"),
        document_job("floor plan (scan).pdf", "failed", id=1238),
        job(id=1234, state="succeeded", about=c.question),
    ]
    return [
        _post(c, jobs.render_job_list(shown, c.t, everyone=False), "jobs list", private=True),
        _post(c, jobs.render_job(waiting, c.t, delivery_id=7, may_change=True), private=True),
    ]


def settings_scene(c: Content) -> list[PostedMessage]:
    """The settings after a change."""
    chosen = WorkspaceSettings(
        reranker="cross-encoder",
        top_k=5,
        ingest_by="role",
        ingest_role=STEWARDS,
        helper_role=STEWARDS,
        public_channels=(CHANNEL,),
        channel_rules={CHANNEL: ChannelRule(threads=True, ask_roles=(STEWARDS,))},
        updated_by=PERSON,
        updated_at=NOW,
    )
    existing = ExistingParts({STEWARDS}, {CHANNEL})
    defaults = Settings(_env_file=None)
    shown = settings.render_settings(chosen, defaults, c.t, changed=["helper_role"], existing=existing)
    return [_post(c, shown, "settings helpers", private=True)]


def help_scene(c: Content) -> list[PostedMessage]:
    """The help message."""
    return [_post(c, render_help(c.t, manager=True, command_ids=COMMAND_IDS), "help", private=True)]


def fallback_scene(c: Content) -> list[PostedMessage]:
    """An answer for which something was unavailable, with sources that disagree."""
    fallbacks = [{"stage": "rerank", "method": "cross-encoder", "used": "late-interaction", "reason": "not loaded"}]
    cited = [*c.citations, citation(3, c.minutes, page=2)]
    view = _question(c, "succeeded", result=result(c.answer, cited, fallbacks=fallbacks, conflicts=[[2, 3]]))
    return [_post(c, *answer.render_answer(view, c.t), command="ask")]


def _post(c: Content, shown: OutgoingMessage, command: str = "", *, private: bool = False) -> PostedMessage:
    group, _, name = command.partition(" ")
    words = [c.t(f"cmd-{group}"), *([c.t(f"cmd-{group}-{name}")] if name else [])] if command else []
    return PostedMessage(
        shown,
        command=" ".join(words),
        person=c.people[0],
        private=private,
        time=c.time,
        private_note=c.private_note,
        used_word=c.used_word,
        names=c.names,
        relative_time=c.moments[0],
    )


Scene = Callable[[Content], list[PostedMessage]]
SCENES: dict[str, Scene] = {
    "progress": progress_scene,
    "answer": answer_scene,
    "sources": sources_scene,
    "why": why_scene,
    "ask-again": ask_again_scene,
    "abstention": abstention_scene,
    "helper": helper_scene,
    "mention": mention_scene,
    "direct": direct_scene,
    "notice": notice_scene,
    "fallback": fallback_scene,
    "failure": failure_scene,
    "ingest": ingest_scene,
    "docs": docs_scene,
    "jobs": jobs_scene,
    "gaps": gaps_scene,
    "numbers": numbers_scene,
    "refusal": refusal_scene,
    "settings": settings_scene,
    "help": help_scene,
}
