"""Scenes of the screenshots: the Discord server of a small workshop with documents, questions and answers."""
# ruff: noqa: INP001

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chat import PostedMessage

from bot.locales.texts import texts_for
from bot.render import answer, docs, ingest, jobs, plot, progress, settings, sources, why
from bot.render.help import render_help
from bot.render.message import OutgoingMessage
from config.settings import Settings
from db.deliveries import DeliveryView
from db.workspace_settings import WorkspaceSettings
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

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
NAMES = (
    (CHANNEL, "laser-cutter"),
    (PERSON, "Mika"),
    ("1180000000000000042", "stewards"),
    ("1180000000000000043", "Stewards"),
)
MANUAL, RULES, MINUTES = "Laser cutter manual", "Workshop rules.md", "Safety round, minutes of 3 March"
QUESTION = "Which materials must never go into the laser cutter?"
TEXT = """Three groups of materials are forbidden in the laser cutter:

- **PVC and vinyl**, because they give off hydrogen chloride when cut [1]
- **Polycarbonate thicker than 1 mm**, which catches fire rather than cuts [1]
- Anything **coated or of unknown origin**, until a steward has tested a piece of it [2]

Test pieces go into the tray beside the machine, with your name and the date [2]."""
ZH_TEXT = """激光切割机里禁止放入三类材料：

- **PVC 和乙烯基材料**，切割时会释放氯化氢 [1]
- **厚度超过 1 毫米的聚碳酸酯**，它会起火而不是被切开 [1]
- **带涂层或来源不明**的材料，须先由管理员试切一小块 [2]

试切件放在机器旁的托盘里，写上姓名和日期 [2]。"""
CITATIONS = [
    citation(
        1,
        MANUAL,
        document=11,
        page=14,
        origin=MESSAGE_LINK,
        source="manual-xl900.pdf",
        quote=(
            "Never cut PVC, vinyl or other materials that contain chlorine: hydrogen chloride attacks the optics and "
            "your lungs. Polycarbonate above 1 mm does not cut, it burns."
        ),
    ),
    citation(
        2,
        RULES,
        document=12,
        page=None,
        origin="https://riverside-makers.example/rules",
        quote=(
            "Coated material and material of unknown origin has to be tested by a steward. Put a piece with your name "
            "and the date into the tray beside the machine."
        ),
    ),
]


def _question(state: str = "running", locale: str = "en-US", **values: Any) -> DeliveryView:
    return DeliveryView(delivery(locale=locale), (job(about=QUESTION, state=state, **values),))


def _answer(text: str = TEXT, **values: Any) -> dict[str, Any]:
    return result(text, CITATIONS, model="qwen2.5:7b", **values)


def progress_scene() -> list[PostedMessage]:
    """A question in the queue, during ranking and during generation."""
    partial_answer = TEXT[: TEXT.index("- Anything")]
    steps = [
        _question("queued", ahead=2, attempt=0, wait_s=15.0),
        _question(stage="rerank", progress_done=32, progress_total=50),
        _question(stage="generate", progress_total=1, progress_text=partial_answer),
    ]
    return [_post(progress.render_progress(view, EN), command="ask") for view in steps]


def answer_scene() -> list[PostedMessage]:
    """A cited answer."""
    return [_post(*answer.render_answer(_question("succeeded", result=_answer()), EN), command="ask")]


def chinese_scene() -> list[PostedMessage]:
    """A cited answer in Chinese, with a fallback."""
    fallbacks = [{"stage": "rerank", "method": "cross-encoder", "used": "late-interaction", "reason": "not loaded"}]
    view = _question("succeeded", "zh-CN", result=_answer(ZH_TEXT, fallbacks=fallbacks))
    chinese = DeliveryView(
        view.delivery, (job(about="激光切割机里绝对不能放哪些材料？", state="succeeded", result=view.jobs[0].result),)
    )
    (shown,) = answer.render_answer(chinese, ZH)
    return [PostedMessage(shown, "提问", used_word="使用了", time="今天 18:04", names=NAMES)]


def abstention_scene() -> list[PostedMessage]:
    """An abstention with the closest documents."""
    titles = ["3D printer handbook", "3D printer handbook", "Workshop rules.md", "Material prices 2026.xlsx", MINUTES]
    abstention = result(
        "I found nothing in the library that answers this. Nearest sources: “3D printer handbook”.",
        abstained=True,
        candidates=[{"chunk": n, "document": title, "title": title} for n, title in enumerate(titles * 9 + titles)],
    )
    view = DeliveryView(
        delivery(), (job(about="Who has the key to the kiln room?", state="succeeded", result=abstention),)
    )
    return [_post(*answer.render_answer(view, EN), command="ask")]


def sources_scene() -> list[PostedMessage]:
    """Sources with quotes."""
    return [_post(sources.render_sources(_answer(), EN), private=True)]


def why_scene() -> list[PostedMessage]:
    """The explanation of an answer with the plot of ranks."""
    titles = [MANUAL, MANUAL, RULES, "Extraction and filters", MINUTES, "Material prices 2026.xlsx", MANUAL, RULES]
    titles += ["3D printer handbook", "Induction checklist"]
    before = [4, 1, 17, 2, 9, 3, 5, 28, 6, 12]
    pages: list[int | None] = [14, 15, None, 3, 2, None, 31, None, 8, 1]
    scores = [0.93, 0.88, 0.81, 0.64, 0.57, 0.55, 0.49, 0.47, 0.45, 0.41]
    ranked = [
        candidate(
            n, was, title, page=at, score=score, dense_rank=was + 2, keyword_rank=max(1, was - 3) if was < 9 else None
        )
        for n, (was, title, at, score) in enumerate(zip(before, titles, pages, scores, strict=True), 1)
    ]
    rest = [n for n in range(1, 51) if n not in before]
    ranked += [candidate(n, was, "Other") for n, was in enumerate(rest, 11)]
    quotes = {1: CITATIONS[0]["quote"], 3: CITATIONS[1]["quote"]}
    numbers = {1: 1, 3: 2}
    ranked = [
        replace(c, citation=numbers.get(c.rank), quote=quotes.get(c.rank)) if c.rank in numbers else c for c in ranked
    ]
    view = trace(*ranked, question=QUESTION, answer_model="qwen2.5:7b", prompt_tokens=1412, completion_tokens=128)
    return [_post(why.render_why(view, EN, plot.draw_rank_plot(view, EN)), private=True)]


def ingest_scene() -> list[PostedMessage]:
    """Several files during processing and afterwards."""
    done = document_job("manual-xl900.pdf", result={"chunks": 1071, "pages": 212, "unchanged": False})
    failed = document_job("floor plan (scan).pdf", "failed", error_class="EmptyDocument", error="")
    same = document_job("Workshop rules.md", result={"chunks": 41, "unchanged": True})
    open_ = document_job("filters.docx", "running", stage="embed", progress_done=340, progress_total=1071)
    reading = document_job("prices-2026.xlsx", "running", stage="parse")
    ended = document_job("filters.docx", result={"chunks": 1071, "unchanged": False})
    read = document_job("prices-2026.xlsx", result={"chunks": 88, "unchanged": False})
    return [
        _post(ingest.render_ingest(ingest_view(done, open_, reading, failed, same), EN), command="ingest"),
        _post(ingest.render_ingest(ingest_view(done, ended, read, failed, same), EN), command="ingest"),
    ]


def docs_scene() -> list[PostedMessage]:
    """The list of documents."""
    listed = [
        document(31, title=MANUAL, pages=212, chunks=1071),
        document(30, title="filters.docx", pages=None, chunks=1071),
        document(29, title="Material prices 2026.xlsx", pages=None, chunks=88),
        document(27, title=MINUTES, pages=4, chunks=19, channels=["1180000000000000042"]),
        document(22, title=RULES, pages=None, chunks=41),
        document(9, title="3D printer handbook", pages=64, chunks=402),
    ]
    return [_post(docs.render_document_list(listed, EN, total=16), command="docs list", private=True)]


def refusal_scene() -> list[PostedMessage]:
    """Private messages that reject a request."""
    quota = EN(
        "refusal-over-quota-user",
        what=EN("over-quota-ask", n=60),
        window=EN("duration-hours", n=1),
        frees=EN("duration-minutes", n=12),
    )
    large = EN("refusal-file-too-large", name="excursion.mp4.pdf", limit="50")
    return [
        _post(OutgoingMessage(quota), command="ask", private=True),
        _post(OutgoingMessage(large), command="ingest", private=True),
    ]


def failure_scene() -> list[PostedMessage]:
    """A question that could not be answered."""
    view = _question("dead", error_class="LlmTimeout", error="x", attempt=3)
    return [_post(*answer.render_answer(view, EN), command="ask")]


def jobs_scene() -> list[PostedMessage]:
    """The list of jobs, and one waiting job."""
    shown = [
        job(id=1240, state="queued", ahead=0, attempt=0, about="What does a laser hour cost?"),
        document_job("filters.docx", "running", id=1239, stage="embed"),
        document_job("floor plan (scan).pdf", "failed", id=1238),
        job(id=1234, state="succeeded", about=QUESTION),
    ]
    waiting = job(
        id=1240,
        state="queued",
        attempt=0,
        about="What does a laser hour cost?",
        why=(
            "Waiting for a worker (no query worker is running; last heartbeat at 2026-11-22 17:58:11). "
            "Start one with `refdesk worker query`."
        ),
    )
    return [
        _post(jobs.render_job_list(shown, EN, everyone=False), command="jobs list", private=True),
        _post(jobs.render_job(waiting, EN, delivery_id=7, may_change=True), command="jobs show", private=True),
    ]


def settings_scene() -> list[PostedMessage]:
    """The settings."""
    chosen = WorkspaceSettings(
        reranker="cross-encoder",
        ingest_by="role",
        ingest_role="1180000000000000043",
        public_channels=(CHANNEL,),
        updated_by=PERSON,
        updated_at=NOW,
    )
    return [
        _post(settings.render_settings(chosen, Settings(_env_file=None), EN), command="settings show", private=True)
    ]


def help_scene() -> list[PostedMessage]:
    """The help message."""
    return [_post(render_help(EN, manager=True), command="help", private=True)]


def _post(shown: OutgoingMessage, **values: Any) -> PostedMessage:
    return PostedMessage(shown, names=NAMES, **values)


SCENES = {
    "progress": progress_scene,
    "answer": answer_scene,
    "sources": sources_scene,
    "why": why_scene,
    "abstention": abstention_scene,
    "failure": failure_scene,
    "ingest": ingest_scene,
    "docs": docs_scene,
    "jobs": jobs_scene,
    "refusal": refusal_scene,
    "settings": settings_scene,
    "help": help_scene,
    "chinese": chinese_scene,
}
