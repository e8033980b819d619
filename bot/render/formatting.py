"""Words for what several messages say: the question, errors, fallbacks, sizes and times."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.split import truncate, utf16_length
from db.deliveries import Delivery
from db.job_views import JobView
from pipeline import errors
from pipeline.amounts import format_usd
from pipeline.types import Fallback

QUESTION_CHARACTERS = 300
"""Characters of a question that stand above its answer."""
QUESTION_UNITS = 400
"""Units of the same with all that makes it harmless."""
BAR_CHARACTERS = 20
_GENERATE_FALLBACKS = {
    "sentence similarity": "fallback-generate-scores",
    "numbers": "fallback-generate-numbers",
    "neighbours": "fallback-generate-neighbours",
}
_PLAIN_FALLBACKS = {"embed": "fallback-embed", "rewrite": "fallback-rewrite", "generate": "fallback-generate"}


def format_question(job: JobView) -> str:
    """Repeat the question above what is said about it; Discord shows the name of a command but not what was asked."""
    shown = sanitize.escape_title(job.about, QUESTION_CHARACTERS)
    cut_to = QUESTION_CHARACTERS
    while utf16_length(shown) > QUESTION_UNITS and cut_to > 1:
        # Escaping may double a text, so what is counted is what is sent.
        cut_to = cut_to * 3 // 4
        shown = sanitize.escape_title(job.about, cut_to)
    return f"> {shown}"


def format_error(name: str | None, detail: str | None, t: Texts) -> str:
    """Say an error by its class, or in the job's own words where the catalogue does not know the class."""
    known = getattr(errors, name or "", None)
    if not detail and isinstance(known, type) and issubclass(known, errors.RefdeskError):
        detail = str(known())
    said = sanitize.escape_text(truncate(detail or "", 600))
    key = f"error-{name}"
    if name and t.has(key):
        return t(key, detail=said)
    return t("error-unknown") if name or not said else said


def format_fallbacks(fallbacks: Sequence[Mapping[str, Any] | Fallback], t: Texts) -> list[str]:
    """Say what took the place of what could not do its work; plain text."""
    items = [dataclasses.asdict(item) if isinstance(item, Fallback) else item for item in fallbacks]
    limits = [limit for item in items for limit in _format_budget_limit(item.get("over"), t)]
    return list(dict.fromkeys([*(_format_fallback(item, t) for item in items), *limits]))


def _format_budget_limit(over: Mapping[str, Any] | None, t: Texts) -> list[str]:
    """Say which limit of the budget stood in the way, and when there is room again."""
    if not over:
        return []
    said = t(f"budget-limit-{over['scope']}", limit=format_usd(over["limit_usd"]), spent=format_usd(over["spent_usd"]))
    if over["frees_in_s"] is None:
        return [said]
    return [said, t("budget-available-in", frees=format_duration(over["frees_in_s"], t))]


def _format_fallback(item: Mapping[str, Any], t: Texts) -> str:
    stage, method, used = (str(item.get(name, "")) for name in ("stage", "method", "used"))
    if item.get("over"):
        return t(f"fallback-budget-{stage}", method=sanitize.plain_line(method, 40), used=sanitize.plain_line(used, 40))
    if stage == "rerank":
        if "kept their recall place" in str(item.get("reason", "")):
            return t("fallback-rerank-partly", method=sanitize.plain_line(method, 40))
        key = "fallback-rerank-none" if used in {"", "none"} else "fallback-rerank"
        return t(key, method=sanitize.plain_line(method, 40), used=sanitize.plain_line(used, 40))
    if stage == "generate" and method in _GENERATE_FALLBACKS:
        return t(_GENERATE_FALLBACKS[method])
    if stage in _PLAIN_FALLBACKS:
        return t(_PLAIN_FALLBACKS[stage])
    return t(
        "fallback-other",
        stage=sanitize.plain_line(stage, 40),
        method=sanitize.plain_line(method, 40),
        used=sanitize.plain_line(used, 40),
    )


def format_latency(milliseconds: float, t: Texts) -> str:
    """Say a time that people waited."""
    if milliseconds < 95:
        return t("milliseconds", milliseconds=f"{max(1, round(milliseconds))}")
    value = milliseconds / 1000
    if value >= 90:
        return t("minutes", minutes=f"{value / 60:.0f}")
    return t("seconds", seconds=f"{value:.0f}" if value >= 10 else f"{value:.1f}")


def format_duration(seconds: float, t: Texts) -> str:
    """Say how long, in the largest unit that fits."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return t(f"duration-{unit}", n=round(seconds / length))
    return t("duration-seconds", n=max(1, round(seconds)))


def format_progress_bar(done: int, total: int) -> str:
    """Draw how far something is, as code, where every character is as wide as the next."""
    filled = 0 if total <= 0 else max(0, min(BAR_CHARACTERS, round(BAR_CHARACTERS * done / total)))
    return f"`{'━' * filled}{'─' * (BAR_CHARACTERS - filled)}`"


def format_scope(channels: Sequence[str] | None, guild_id: str | None, t: Texts) -> str:
    """Say whose answers may use a document."""
    if guild_id is None:
        return t("scope-own")
    if channels is None:
        return t("scope-server")
    return t("scope-channels", channels=", ".join(f"<#{channel}>" for channel in channels[:5] if channel.isdigit()))


def format_user(user_id: str) -> str:
    """Name a person; the app shows the number as a name, and nobody is told."""
    return f"<@{user_id}>" if user_id.isdigit() else sanitize.escape_title(user_id, 40)


def format_timestamp(time: dt.datetime | str | None) -> str:
    """Say a moment, which the app writes in the reader's own words and time zone."""
    if time is None:
        return ""
    moment = dt.datetime.fromisoformat(time) if isinstance(time, str) else time
    return f"<t:{int(moment.timestamp())}:R>"


def format_job_scope(channels: Mapping[str, Any], delivery: Delivery, t: Texts) -> str:
    """Say whose answers may use the document of an ingest job."""
    scoped = channels.get("channels")
    return format_scope(scoped if isinstance(scoped, list | tuple) else None, delivery.guild_id, t)


def waits_for_worker(job: JobView) -> bool:
    """Whether nothing works on a job because no worker runs."""
    return "no worker for the queue" in job.why


def is_retrying(job: JobView) -> bool:
    """Whether a job waits for another attempt after an error."""
    return job.state == "queued" and job.attempt > 0 and job.error is not None
