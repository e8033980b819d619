"""Render the progress of a question: queue position, stage, and the answer as it is generated."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.discord_markdown import close_fence
from bot.render.formatting import add_wait, format_progress_bar, format_question, is_retrying, waits_for_worker
from bot.render.message import Button, OutgoingMessage
from bot.render.split import split_message
from db.deliveries import DeliveryView
from db.job_views import NOT_PUBLISHED, JobView

STREAMED_CHARACTERS = 1500
"""Maximum characters of the streamed answer; of a longer one, only the last part is shown."""
STREAM_SOURCE_CHARACTERS = 3000
CURSOR = "▌"


def render_progress(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Render a question that is waiting or running."""
    job = view.jobs[0]
    return OutgoingMessage(
        content="\n".join((format_question(job), *_format_stage(job, t))),
        buttons=((Button("cancel", view.delivery.id, t("button-cancel"), disabled=job.cancel_requested),),),
    )


def _format_stage(job: JobView, t: Texts) -> list[str]:
    if job.cancel_requested:
        return [t("progress-cancelling")]
    if job.state == "queued":
        return [_format_waiting(job, t)]
    if job.stage == "generate" and job.progress_text.strip():
        return [_format_stream(job.progress_text), f"-# {t('progress-writing')}"]
    bar = job.stage == "rerank" and job.progress_total > 1
    return [
        format_question_stage(job, t),
        *([format_progress_bar(job.progress_done, job.progress_total)] if bar else []),
    ]


def format_question_stage(job: JobView, t: Texts) -> str:
    """Format what a running question job is doing, without the text of its answer."""
    if job.stage == "rerank" and job.progress_total > 1:
        return t("progress-rerank", done=job.progress_done, total=job.progress_total)
    stage = "rerank-start" if job.stage == "rerank" else job.stage
    key = f"progress-{stage}"
    return t(key if t.has(key) else "progress-start")


def _format_waiting(job: JobView, t: Texts) -> str:
    if is_retrying(job):
        return t("progress-retry", attempt=str(job.attempt + 1), attempts=str(job.max_attempts))
    if waits_for_worker(job):
        return t("progress-no-worker")
    if job.ahead is None or job.why.startswith(NOT_PUBLISHED):
        return t("progress-not-queued")
    return add_wait(t("progress-queued", n=job.ahead), job, t)


def _format_stream(text: str) -> str:
    # Only the end is shown and escaping takes time, so most of a long text is dropped first.
    cut_off = len(text) > STREAM_SOURCE_CHARACTERS
    parts = split_message(sanitize.escape_text(close_fence(text[-STREAM_SOURCE_CHARACTERS:])), STREAMED_CHARACTERS)
    if not parts:
        return CURSOR
    visible = parts[-1] if len(parts) == 1 and not cut_off else f"…\n{parts[-1]}"
    return f"{visible}\n{CURSOR}" if visible.endswith("```") else f"{visible} {CURSOR}"
