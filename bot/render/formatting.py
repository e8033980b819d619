"""Text fragments that several messages share: question, errors, fallbacks, progress, scopes and times."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.split import truncate, utf16_length
from db.deliveries import Delivery
from db.job_views import NO_WORKER, JobView
from pipeline import errors
from pipeline.amounts import format_usd
from pipeline.types import Fallback

QUESTION_CHARACTERS = 300
"""Maximum characters of the question that is quoted above its answer."""
QUESTION_UNITS = 400
"""Maximum UTF-16 units of the same question after escaping."""
BAR_CHARACTERS = 20
MAX_LISTED_CHANNELS = 5
_GENERATE_FALLBACKS = {
    "sentence similarity": "fallback-generate-scores",
    "numbers": "fallback-generate-numbers",
    "neighbours": "fallback-generate-neighbours",
    "whole answer": "fallback-generate-cut",
    "all passages": "fallback-generate-context",
}
_PLAIN_FALLBACKS = {"embed": "fallback-embed", "rewrite": "fallback-rewrite", "generate": "fallback-generate"}


def format_subject(job: JobView, t: Texts, max_characters: int) -> str:
    """Format the question or the name of the document; that of a deleted document is no longer stored."""
    unnamed = "job-deleted-document" if job.payload.get("deleted") else "untitled"
    return sanitize.escape_title(job.about, max_characters) or t(unnamed)


def format_question(job: JobView) -> str:
    """Format the question as a quote; Discord shows the name of the command but not its options."""
    question = sanitize.escape_title(job.about, QUESTION_CHARACTERS)
    cut_to = QUESTION_CHARACTERS
    while utf16_length(question) > QUESTION_UNITS and cut_to > 1:
        # Escaping may double the length, so the escaped text is measured.
        cut_to = cut_to * 3 // 4
        question = sanitize.escape_title(job.about, cut_to)
    return f"> {question}"


def format_error(name: str | None, detail: str | None, t: Texts) -> str:
    """Format an error by its class, or with the stored message if the catalogue has no text for the class."""
    name = errors.FORMER_NAMES.get(name or "", name)
    known = getattr(errors, name or "", None)
    if not detail and isinstance(known, type) and issubclass(known, errors.RefdeskError):
        detail = str(known())
    message = sanitize.escape_text(truncate(detail or "", 600))
    key = f"error-{name}"
    if name and t.has(key):
        return t(key, detail=message)
    return t("error-unknown") if name or not message else message


def is_fixable_by_user(name: str | None) -> bool:
    """Return whether the user can fix an error of this class; of other errors, the operator needs the job number."""
    known = getattr(errors, errors.FORMER_NAMES.get(name or "", name or ""), None)
    return isinstance(known, type) and issubclass(known, errors.InvalidInput)


def format_fallbacks(
    fallbacks: Sequence[Mapping[str, Any] | Fallback], t: Texts, *, name_methods: bool = False
) -> list[str]:
    """Format the fallbacks of an answer as plain text.

    Args:
        fallbacks: The fallbacks.
        t: Texts in the user's language.
        name_methods: Name the methods; otherwise the texts are for readers who do not know them.
    """
    return list(dict.fromkeys(_format_fallback(item, t, name_methods=name_methods) for item in _to_mappings(fallbacks)))


def format_budget_limits(
    fallbacks: Sequence[Mapping[str, Any] | Fallback], since: dt.datetime | None, t: Texts
) -> list[str]:
    """Format the spending limits that caused fallbacks, one small line each.

    Args:
        fallbacks: The fallbacks.
        since: Time of the answer; the limits store after how many seconds budget is available again.
        t: Texts in the user's language.
    """
    limits = [item["over"] for item in _to_mappings(fallbacks) if item.get("over")]
    return list(dict.fromkeys(f"-# {_format_budget_limit(over, since, t)}" for over in limits))


def _format_budget_limit(over: Mapping[str, Any], since: dt.datetime | None, t: Texts) -> str:
    limit = t(f"budget-limit-{over['scope']}", limit=format_usd(over["limit_usd"]), spent=format_usd(over["spent_usd"]))
    if over["frees_in_s"] is None or since is None:
        return limit
    when = format_timestamp(since + dt.timedelta(seconds=over["frees_in_s"]))
    return f"{limit} · {t('budget-available-in', when=when)}"


def _to_mappings(fallbacks: Sequence[Mapping[str, Any] | Fallback]) -> list[Mapping[str, Any]]:
    return [dataclasses.asdict(item) if isinstance(item, Fallback) else item for item in fallbacks]


def _format_fallback(item: Mapping[str, Any], t: Texts, *, name_methods: bool) -> str:
    stage, method, used = (sanitize.plain_line(str(item.get(name, "")), 40) for name in ("stage", "method", "used"))
    if stage == "rerank":
        return _format_rerank_fallback(item, method, used, t, name_methods=name_methods)
    if item.get("over"):
        return t(f"fallback-budget-{stage}", method=method, used=used)
    if stage == "generate" and method in _GENERATE_FALLBACKS:
        return t(_GENERATE_FALLBACKS[method])
    if stage in _PLAIN_FALLBACKS:
        return t(_PLAIN_FALLBACKS[stage])
    return t("fallback-other", stage=stage, method=method, used=used)


def _format_rerank_fallback(item: Mapping[str, Any], method: str, used: str, t: Texts, *, name_methods: bool) -> str:
    if item.get("over"):
        return t("fallback-budget-rerank", method=method, used=used) if name_methods else t("fallback-budget-simpler")
    if "kept their recall place" in str(item.get("reason", "")):
        return t("fallback-rerank-partly", method=method) if name_methods else t("fallback-partly")
    if not name_methods:
        return t("fallback-simpler")
    return t("fallback-rerank-none" if used in {"", "none"} else "fallback-rerank", method=method, used=used)


def format_latency(milliseconds: float, t: Texts) -> str:
    """Format a latency in milliseconds, seconds or minutes."""
    if milliseconds < 95:
        return t("milliseconds", milliseconds=f"{max(1, round(milliseconds))}")
    value = milliseconds / 1000
    if value >= 90:
        return t("minutes", minutes=f"{value / 60:.0f}")
    return t("seconds", seconds=f"{value:.0f}" if value >= 10 else f"{value:.1f}")


def format_duration(seconds: float, t: Texts) -> str:
    """Format a duration in the largest unit that fits."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return t(f"duration-{unit}", n=round(seconds / length))
    return t("duration-seconds", n=max(1, round(seconds)))


def add_wait(position: str, job: JobView, t: Texts) -> str:
    """Add the estimated wait to the text that shows the position of a job, if there is an estimate.

    It is rounded up to five seconds or, if it is longer, to minutes, so that the text changes rarely.
    """
    if job.wait_s is None:
        return position
    step_s = 5 if job.wait_s < 60 else 60
    wait_s = max(1, math.ceil(job.wait_s / step_s)) * step_s
    return t("wait-estimate", position=position, wait=format_duration(wait_s, t))


def format_progress_bar(done: int, total: int) -> str:
    """Format a progress bar as inline code, because that is monospaced."""
    filled = 0 if total <= 0 else max(0, min(BAR_CHARACTERS, round(BAR_CHARACTERS * done / total)))
    return f"`{'━' * filled}{'─' * (BAR_CHARACTERS - filled)}`"


def format_scope(channels: Sequence[str] | None, guild_id: str | None, t: Texts) -> str:
    """Format who can see a document."""
    if guild_id is None:
        return t("scope-own")
    if channels is None:
        return t("scope-server")
    listed = ", ".join(f"<#{channel}>" for channel in channels[:MAX_LISTED_CHANNELS] if channel.isdigit())
    hidden = len(channels) - MAX_LISTED_CHANNELS
    return t("scope-channels", channels=f"{listed} {t('more', n=hidden)}" if hidden > 0 else listed)


def format_user(user_id: str) -> str:
    """Format a user as a mention, which the app shows as a name; messages are sent with mentions disabled."""
    return f"<@{user_id}>" if user_id.isdigit() else sanitize.escape_title(user_id, 40)


def format_timestamp(time: dt.datetime | str | None) -> str:
    """Format a time as a Discord timestamp, which the app shows in the reader's language and time zone."""
    if time is None:
        return ""
    moment = dt.datetime.fromisoformat(time) if isinstance(time, str) else time
    return f"<t:{int(moment.timestamp())}:R>"


def format_job_scope(channels: Mapping[str, Any], delivery: Delivery, t: Texts) -> str:
    """Format who can see the document of an ingest job."""
    scoped = channels.get("channels")
    return format_scope(scoped if isinstance(scoped, list | tuple) else None, delivery.guild_id, t)


def waits_for_worker(job: JobView) -> bool:
    """Return whether a job waits because no worker for its queue is running."""
    return NO_WORKER in job.why


def is_retrying(job: JobView) -> bool:
    """Return whether a job waits for another attempt after an error."""
    return job.state == "queued" and job.attempt > 0 and job.error is not None
