"""Render the progress and result of documents that are being added, one line per document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.embed import (
    COLOUR_ERROR,
    COLOUR_INFO,
    COLOUR_MUTED,
    COLOUR_SUCCESS,
    COLOUR_WARNING,
    MAX_DESCRIPTION_UNITS,
    build_embed,
)
from bot.render.formatting import (
    format_error,
    format_job_scope,
    format_progress_bar,
    format_subject,
    is_fixable_by_user,
    is_retrying,
    waits_for_worker,
)
from bot.render.message import Button, OutgoingMessage
from bot.render.split import truncate, utf16_length
from bot.render.unread import format_unread
from db.deliveries import DeliveryView
from db.job_views import JobView
from pipeline.text.unread import parse_unread

COMPACT_FROM = 9
"""Number of documents from which progress bars are omitted."""
MAX_ENTRIES_UNITS = MAX_DESCRIPTION_UNITS - 300
"""UTF-16 units for the document lines; 300 are reserved for the summary and the line about visibility."""


def render_ingest(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Render the documents of one request, during processing and afterwards."""
    states = Counter(job.state for job in view.jobs)
    entries = _format_entries(view.jobs, t)
    entries.append(f"-# {format_job_scope(view.jobs[0].payload, view.delivery, t)}")
    embed = build_embed(title=_choose_title(view, states, t), entries=entries, colour=_choose_colour(view, states))
    row: list[Button] = []
    if not view.ended:
        stopping = all(job.cancel_requested for job in view.jobs if not job.ended)
        row.append(Button("cancel", view.delivery.id, t("button-cancel"), disabled=stopping))
    elif states["succeeded"] < len(view.jobs):
        row.append(Button("retry", view.delivery.id, t("button-retry")))
    return OutgoingMessage(embeds=(embed,), buttons=(tuple(row),) if row else ())


def _choose_title(view: DeliveryView, states: Counter[str], t: Texts) -> str:
    total, done = len(view.jobs), states["succeeded"]
    if not view.ended:
        return t("ingest-title-open", total=total, done=sum(job.ended for job in view.jobs))
    if done == total:
        unchanged = all((job.result or {}).get("unchanged") for job in view.jobs)
        return t("ingest-title-unchanged" if unchanged else "ingest-title-all", total=total)
    if states["cancelled"] == total:
        return t("ingest-title-cancelled")
    return t("ingest-title-done" if done else "ingest-title-failed", total=total, done=done)


def _choose_colour(view: DeliveryView, states: Counter[str]) -> int:
    if not view.ended:
        return COLOUR_INFO
    if states["succeeded"] == len(view.jobs):
        partial = any((job.result or {}).get("unread") for job in view.jobs)
        return COLOUR_WARNING if partial else COLOUR_SUCCESS
    if states["cancelled"] == len(view.jobs):
        return COLOUR_MUTED
    return COLOUR_WARNING if states["succeeded"] else COLOUR_ERROR


def _format_entries(jobs: Sequence[JobView], t: Texts) -> list[str]:
    """Format one line per document; if they do not fit, failures come first and the rest is counted."""
    brief = len(jobs) >= COMPACT_FROM
    entries = [_format_entry(job, t, brief=brief) for job in jobs]
    if utf16_length("\n".join(entries)) <= MAX_ENTRIES_UNITS:
        return entries
    lines: list[str] = []
    left: Counter[str] = Counter()
    room = MAX_ENTRIES_UNITS
    for job, entry in sorted(zip(jobs, entries, strict=True), key=lambda pair: _sort_key(pair[0])):
        if (needed := utf16_length(entry) + 1) <= room and not left:
            lines.append(entry)
            room -= needed
        else:
            left["open" if not job.ended else "done" if job.state == "succeeded" else "failed"] += 1
    summary = [t(f"ingest-summary-{kind}", n=left[kind]) for kind in ("failed", "open", "done") if left[kind]]
    return [*lines, f"-# {' · '.join(summary)}"]


def _sort_key(job: JobView) -> int:
    if job.state in {"failed", "dead"}:
        return 0
    return 2 if job.ended or job.state == "queued" else 1


def _format_entry(job: JobView, t: Texts, *, brief: bool) -> str:
    name = format_subject(job, t, 80)
    if job.state in {"failed", "dead"}:
        reason = _collapse_whitespace(format_error(job.error_class, job.error, t))
        kept = f"\n-# {t('ingest-kept')}" if job.payload.get("force") else ""
        number = "" if is_fixable_by_user(job.error_class) else f"\n-# {t('document-failed', job=str(job.id))}"
        return f"❌ **{name}**\n> {reason}{kept}{number}"
    if job.state == "succeeded":
        return _format_succeeded(job, name, t)
    if job.state == "cancelled":
        return f"🚫 {name} · {t('ingest-cancelled')}"
    drawn = "" if brief or job.stage not in {"embed", "ocr"} or not job.progress_total else _format_bar(job)
    return f"⏳ **{name}** · {_format_progress(job, t)}{drawn}"


def _format_succeeded(job: JobView, name: str, t: Texts) -> str:
    result = job.result or {}
    passages = t("passages", n=int(result.get("chunks") or 0))
    if result.get("overtaken"):
        return f"⏭️ **{name}** · {t('ingest-superseded')}"
    unread = format_unread(parse_unread(result.get("unread")), t)
    if result.get("unchanged"):
        return f"📌 **{name}** · {t('ingest-unchanged', passages=passages)}" + (f"\n-# {unread}" if unread else "")
    pages = result.get("pages")
    size = t("ingest-done-pages", pages=t("pages", n=int(pages)), passages=passages) if pages else passages
    warnings = [str(warning) for warning in result.get("warnings") or ()]
    line = f"⚠️ **{name}** · {size}\n{unread}" if unread else f"✅ **{name}** · {size}"
    if warnings:
        first = _collapse_whitespace(sanitize.escape_text(truncate(warnings[0], 200)))
        line += f"\n-# {t('ingest-warnings', n=len(warnings), first=first)}"
    return line


def _format_progress(job: JobView, t: Texts) -> str:
    if job.cancel_requested:
        return t("ingest-cancelling")
    if is_retrying(job):
        return t("progress-retry-document", attempt=str(job.attempt + 1), attempts=str(job.max_attempts))
    if waits_for_worker(job):
        return t("progress-no-worker-document")
    if job.state == "queued":
        return t("ingest-queued") if not job.ahead else t("progress-queued-document", position=job.ahead + 1)
    return format_document_stage(job, t)


def format_document_stage(job: JobView, t: Texts) -> str:
    """Format what a running ingest job is doing."""
    if job.stage == "embed" and job.progress_total:
        return t("ingest-embed", done=job.progress_done, total=job.progress_total)
    if job.stage == "ocr" and job.progress_total:
        return t("ingest-ocr", page=job.progress_done + 1, total=job.progress_total)
    key = f"ingest-{job.stage}"
    return t(key if job.stage in {"fetch", "parse", "chunk", "store"} else "ingest-parse")


def _format_bar(job: JobView) -> str:
    return f"\n{format_progress_bar(job.progress_done, job.progress_total)}"


def _collapse_whitespace(text: str) -> str:
    return " ".join(text.split())
