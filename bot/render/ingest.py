"""The card of documents that are being added: a line for each, with what is known of it at that moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render import safe
from bot.render.card import BAD, CALM, CAREFUL, DESCRIPTION, GOOD, QUIET, card
from bot.render.message import Button, OutgoingMessage
from bot.render.split import cut, units
from bot.render.wording import bar, error_sentence, is_retrying, place, waits_for_worker
from db.deliveries import DeliveryView, JobView

BRIEF_FROM = 9
"""From so many documents on a line is all that each gets while it works."""
ROOM = DESCRIPTION - 300
"""Kept free for the summary of what does not fit, and for the line on who may use them."""


def ingest_card(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Show the documents of one request, while they are worked on and afterwards."""
    states = Counter(job.state for job in view.jobs)
    entries = _entries(view.jobs, t)
    entries.append(f"-# {place(view.jobs[0].payload, view.delivery, t)}")
    embed = card(title=_title(view, states, t), entries=entries, colour=_colour(view, states))
    row: list[Button] = []
    if not view.ended:
        stopping = all(job.cancel_requested for job in view.jobs if not job.ended)
        row.append(Button("cancel", view.delivery.id, t("button-cancel"), disabled=stopping))
    elif states["succeeded"] < len(view.jobs):
        row.append(Button("retry", view.delivery.id, t("button-retry")))
    return OutgoingMessage(embeds=(embed,), buttons=(tuple(row),) if row else ())


def _title(view: DeliveryView, states: Counter[str], t: Texts) -> str:
    total, done = len(view.jobs), states["succeeded"]
    if not view.ended:
        return t("ingest-title-open", total=total, done=sum(job.ended for job in view.jobs))
    if done == total:
        unchanged = all((job.result or {}).get("unchanged") for job in view.jobs)
        return t("ingest-title-unchanged" if unchanged else "ingest-title-all", total=total)
    if states["cancelled"] == total:
        return t("ingest-title-cancelled")
    return t("ingest-title-done" if done else "ingest-title-failed", total=total, done=done)


def _colour(view: DeliveryView, states: Counter[str]) -> int:
    if not view.ended:
        return CALM
    if states["succeeded"] == len(view.jobs):
        return GOOD
    if states["cancelled"] == len(view.jobs):
        return QUIET
    return CAREFUL if states["succeeded"] else BAD


def _entries(jobs: Sequence[JobView], t: Texts) -> list[str]:
    """Give a line for each document; where there are too many, failures come first and the rest is counted."""
    brief = len(jobs) >= BRIEF_FROM
    entries = [_entry(job, t, brief=brief) for job in jobs]
    if units("\n".join(entries)) <= ROOM:
        return entries
    shown: list[str] = []
    left: Counter[str] = Counter()
    room = ROOM
    for job, entry in sorted(zip(jobs, entries, strict=True), key=lambda pair: _urgency(pair[0])):
        if (needed := units(entry) + 1) <= room and not left:
            shown.append(entry)
            room -= needed
        else:
            left["open" if not job.ended else "done" if job.state == "succeeded" else "failed"] += 1
    rest = [t(f"ingest-summary-{kind}", n=left[kind]) for kind in ("failed", "open", "done") if left[kind]]
    return [*shown, f"-# {' · '.join(rest)}"]


def _urgency(job: JobView) -> int:
    if job.state in {"failed", "dead"}:
        return 0
    return 2 if job.ended or job.state == "queued" else 1


def _entry(job: JobView, t: Texts, *, brief: bool) -> str:
    name = safe.title(job.about, 80) or t("untitled")
    if job.state in {"failed", "dead"}:
        return f"❌ **{name}**\n> {_one_line(error_sentence(job.error_class, job.error, t))}"
    if job.state == "succeeded":
        return _finished(job, name, t)
    if job.state == "cancelled":
        return f"🚫 {name} · {t('ingest-cancelled')}"
    drawn = "" if brief or job.stage != "embed" or not job.progress_total else _drawn(job)
    return f"⏳ **{name}** · {_doing(job, t)}{drawn}"


def _finished(job: JobView, name: str, t: Texts) -> str:
    result = job.result or {}
    passages = t("passages", n=int(result.get("chunks") or 0))
    if result.get("overtaken"):
        return f"✅ **{name}** · {t('ingest-overtaken')}"
    if result.get("unchanged"):
        return f"✅ **{name}** · {t('ingest-unchanged', passages=passages)}"
    pages = result.get("pages")
    said = t("ingest-done-pages", pages=t("pages", n=int(pages)), passages=passages) if pages else passages
    warnings = [str(warning) for warning in result.get("warnings") or ()]
    line = f"✅ **{name}** · {said}"
    if warnings:
        line += f"\n-# {t('ingest-warnings', n=len(warnings), first=_one_line(safe.neutral(cut(warnings[0], 200))))}"
    return line


def _doing(job: JobView, t: Texts) -> str:
    if job.cancel_requested:
        return t("ingest-cancelling")
    if is_retrying(job):
        return t("progress-retry-document", attempt=str(job.attempt + 1), attempts=str(job.max_attempts))
    if waits_for_worker(job):
        return t("progress-no-worker-document")
    if job.state == "queued":
        return t("ingest-queued") if not job.ahead else t("progress-queued-document", position=job.ahead + 1)
    if job.stage == "embed" and job.progress_total:
        return t("ingest-embed", done=job.progress_done, total=job.progress_total)
    key = f"ingest-{job.stage}"
    return t(key if job.stage in {"fetch", "parse", "chunk", "store"} else "ingest-parse")


def _drawn(job: JobView) -> str:
    return f"\n{bar(job.progress_done, job.progress_total)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
