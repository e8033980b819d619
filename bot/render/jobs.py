"""Render the list of jobs and a single job with its state, error or result."""

from __future__ import annotations

from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.answer import render_answer_page
from bot.render.docs import build_page_buttons
from bot.render.embed import COLOUR_ERROR, COLOUR_INFO, COLOUR_MUTED, COLOUR_SUCCESS, build_embed
from bot.render.formatting import (
    add_wait,
    format_error,
    format_subject,
    format_timestamp,
    is_retrying,
    waits_for_worker,
)
from bot.render.ingest import format_document_stage
from bot.render.message import MAX_OPTION_UNITS, Button, Link, Menu, MenuOption, OutgoingMessage
from bot.render.progress import format_question_stage
from bot.render.split import truncate
from db.job_views import LEASE_EXPIRED, NOT_PUBLISHED, RATE_LIMITED, JobView

ICONS = {"queued": "🕓", "running": "⏳", "succeeded": "✅", "failed": "❌", "dead": "❌", "cancelled": "🚫"}
COLOURS = {"succeeded": COLOUR_SUCCESS, "failed": COLOUR_ERROR, "dead": COLOUR_ERROR, "cancelled": COLOUR_MUTED}


def render_job_list(
    jobs: Sequence[JobView], t: Texts, *, everyone: bool, page: int = 0, more: bool = False
) -> OutgoingMessage:
    """Render one page of jobs, newest first; `everyone` means all jobs of the server instead of the user's."""
    title = t("jobs-title-all" if everyone else "jobs-title-own")
    if not jobs:
        return OutgoingMessage(embeds=(build_embed(title=title, entries=[t("jobs-none")]),))
    embed = build_embed(
        title=title,
        entries=[_format_line(job, t) for job in jobs],
        footer=t("jobs-page", page=str(page + 1)) if more or page else "",
        more=lambda n: t("more", n=n),
    )
    options = tuple(MenuOption(_format_option(job, t), str(job.id), t(f"job-kind-{job.kind}")) for job in jobs)
    menu = (Menu("openjob", page, t("jobs-open"), options),)
    return OutgoingMessage(embeds=(embed,), buttons=(menu, *build_page_buttons("jobs", page, t, more=more)))


def render_job(job: JobView, t: Texts, *, delivery_id: int | None, may_change: bool, link: str = "") -> OutgoingMessage:
    """Render one job; an answered question includes the full answer."""
    state = f"{ICONS.get(job.state, '')} {_format_state(job, t)}".strip()
    row: list[Button | Link] = []
    if delivery_id is not None and may_change and not job.ended:
        row.append(Button("cancel", delivery_id, t("button-cancel"), disabled=job.cancel_requested))
    can_retry = job.ended and job.state != "succeeded" and not job.payload.get("deleted")
    if delivery_id is not None and may_change and can_retry:
        row.append(Button("retry", delivery_id, t("button-retry")))
    if jump := sanitize.message_link_or_empty(link):
        row.append(Link(t("job-open"), jump))
    rows = (tuple(row),) if row else ()
    if job.kind == "ask" and job.state == "succeeded" and job.result is not None:
        page = render_answer_page(job, t, f"-# {t('job', job=str(job.id))} · {state}")
        return OutgoingMessage(page.content, page.embeds, (*page.buttons, *rows), page.files)
    embed = build_embed(
        title=f"{t('job', job=str(job.id))} · {t(f'job-kind-{job.kind}')}",
        entries=[f"**{format_subject(job, t, 300)}**", state, *_format_reasons(job, t)],
        footer=t("job-attempt", attempt=str(job.attempt), attempts=str(job.max_attempts)) if job.attempt > 1 else "",
        colour=COLOURS.get(job.state, COLOUR_INFO),
    )
    return OutgoingMessage(embeds=(embed,), buttons=rows)


def format_reason(job: JobView, t: Texts) -> str:
    """Format what a job is waiting for or doing, or why it ended; the question and its answer are not part of it."""
    if job.state in {"failed", "dead"}:
        return _collapse_whitespace(format_error(job.error_class, job.error, t))
    if job.ended:
        key = "reason-cancelled" if job.state == "cancelled" else "reason-done"
        return t(key, when=format_timestamp(job.finished_at))
    if job.cancel_requested:
        return t("reason-cancelling")
    if is_retrying(job):
        error = _collapse_whitespace(format_error(job.error_class, job.error, t))
        return t("reason-retry", attempt=str(job.attempt + 1), attempts=str(job.max_attempts), error=error)
    if waits_for_worker(job):
        return t(f"reason-no-worker-{job.kind}")
    return _format_waiting(job, t) if job.state == "queued" else _format_running(job, t)


def _format_waiting(job: JobView, t: Texts) -> str:
    if job.why.startswith(RATE_LIMITED):
        return t("reason-rate-limited")
    if job.ahead is None or job.why.startswith(NOT_PUBLISHED):
        return t("reason-not-queued")
    return add_wait(t("reason-queued", n=job.ahead), job, t)


def _format_running(job: JobView, t: Texts) -> str:
    if job.why.startswith(LEASE_EXPIRED):
        return t("reason-worker-lost")
    return format_question_stage(job, t) if job.kind == "ask" else format_document_stage(job, t)


def _format_line(job: JobView, t: Texts) -> str:
    state = f"{ICONS.get(job.state, '')} {add_wait(_format_state(job, t), job, t)}"
    return f"`{job.id}` {format_subject(job, t, 80)}\n-# {state}"


def _format_option(job: JobView, t: Texts) -> str:
    icon = ICONS.get(job.state, "")
    about = sanitize.plain_line(job.about, MAX_OPTION_UNITS) or format_subject(job, t, MAX_OPTION_UNITS)
    return truncate(f"{icon} {about}".strip(), MAX_OPTION_UNITS)


def _format_state(job: JobView, t: Texts) -> str:
    state = t(f"state-{job.state}") if t.has(f"state-{job.state}") else sanitize.escape_title(job.state, 20)
    return f"{state} · {format_timestamp(job.finished_at or job.created_at)}"


def _format_reasons(job: JobView, t: Texts) -> list[str]:
    if job.state in {"failed", "dead"}:
        return [f"> {format_reason(job, t)}"]
    if job.state == "succeeded":
        chunks = (job.result or {}).get("chunks")
        return [t("passages", n=int(chunks))] if chunks is not None else []
    return [] if job.ended else [format_reason(job, t)]


def _collapse_whitespace(text: str) -> str:
    return " ".join(text.split())
