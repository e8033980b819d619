"""The answer: its text with sources and buttons, an abstention, or the sentence that says why there is none."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from bot.locales.texts import Texts
from bot.render import safe
from bot.render.card import BAD, CALM, CAREFUL, QUIET, card
from bot.render.message import Button, OutgoingFile, OutgoingMessage
from bot.render.sources import conflict_lines, nearest_lines, source_line
from bot.render.split import MESSAGE, split_message, units
from bot.render.wording import error_sentence, fallback_notes, question_line, seconds
from db.deliveries import DeliveryView, JobView

MOST_MESSAGES = 3
PREVIEW = 1400
LONG_TEXT = 8000
"""More characters than that never fit into the messages of an answer."""
SHOWN_TEXT = 4000
MOST_TEXT = 200_000
"""Characters of an answer that are looked at at all."""
ANSWER_FILE = "answer.md"
_FIRST_SENTENCE = re.compile(r"[^\n]*?(?:[.!?](?=\s|$)|。)")


def answer_final(view: DeliveryView, t: Texts) -> list[OutgoingMessage]:
    """Show how a question ended; the first takes the place of what was shown before, the others follow it."""
    job = view.jobs[0]
    if job.state == "succeeded" and job.result is not None:
        return [_abstained(job, job.result, t)] if job.result.get("abstained") else _answered(job, job.result, t)
    if job.state == "cancelled":
        footnote = f"-# {t('answer-cancelled')}"
        return [OutgoingMessage(f"{question_line(job)}\n{footnote}", buttons=(_retry(view, t),))]
    return [_failed(view, job, t)]


def late_notice(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Tell somebody who waited long that it is done; it stands as a reply to the message that changed."""
    if view.delivery.kind == "ingest":
        done = sum(job.state == "succeeded" for job in view.jobs)
        total = len(view.jobs)
        return OutgoingMessage(t("notice-ingest", done=done, failed=total - done, total=total))
    answered = view.jobs[0].state == "succeeded"
    return OutgoingMessage(t("notice-answer" if answered else "notice-answer-failed"))


def token_expiring(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Say, while a private message can still be changed, where its result will come."""
    job = view.jobs[0]
    if view.delivery.kind == "ingest":
        return OutgoingMessage(t("notice-late-private-ingest", job=str(job.id)), buttons=(_cancel(view, t),))
    said = f"{question_line(job)}\n{t('notice-late-private', job=str(job.id))}"
    return OutgoingMessage(said, buttons=(_cancel(view, t),))


def ready_notice(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Say where the result can be read, when the place it was meant for does not take it."""
    job = view.jobs[0]
    if view.delivery.kind == "ingest":
        return OutgoingMessage(f"{late_notice(view, t).content} {t('notice-elsewhere', job=str(job.id))}")
    return OutgoingMessage(
        f"{question_line(job)}\n{late_notice(view, t).content} {t('notice-elsewhere', job=str(job.id))}"
    )


def answer_page(job: JobView, t: Texts, note: str = "") -> OutgoingMessage:
    """Show a succeeded question in one message, the whole text in a file where it is long; `note` stands below."""
    result = job.result or {}
    if result.get("abstained"):
        page = _abstained(job, result, t)
        return dataclasses.replace(page, content=f"{page.content}\n{note}".rstrip())
    answer = str(result.get("answer") or "")
    if len(answer) > LONG_TEXT:
        return _preview(job, result, t, note)
    text = f"{question_line(job)}\n{safe.neutral(answer)}"
    if units(text) + units(note) + 1 > MESSAGE:
        return _preview(job, result, t, note)
    return _with_sources(f"{text}\n{note}".rstrip(), job, result, t)


def _answered(job: JobView, result: Mapping[str, Any], t: Texts) -> list[OutgoingMessage]:
    answer = str(result.get("answer") or "")
    if len(answer) > LONG_TEXT:
        return [_preview(job, result, t)]
    parts = split_message(f"{question_line(job)}\n{safe.neutral(answer)}")
    if len(parts) > MOST_MESSAGES:
        return [_preview(job, result, t)]
    return [*map(OutgoingMessage, parts[:-1]), _with_sources(parts[-1], job, result, t)]


def _with_sources(
    content: str, job: JobView, result: Mapping[str, Any], t: Texts, *files: OutgoingFile
) -> OutgoingMessage:
    citations = result.get("citations") or []
    conflicts = conflict_lines(result, t)
    embed = card(
        entries=[*conflicts, *(source_line(citation, t) for citation in citations)],
        footer=_footer(job, result, t),
        colour=CAREFUL if conflicts else CALM,
        more=lambda n: t("more", n=n),
    )
    return OutgoingMessage(content, embeds=(embed,), buttons=(_buttons(job, t, cited=bool(citations)),), files=files)


def _preview(job: JobView, result: Mapping[str, Any], t: Texts, note: str = "") -> OutgoingMessage:
    answer = str(result.get("answer") or "")[:MOST_TEXT]
    begin = split_message(f"{question_line(job)}\n{safe.neutral(answer[:SHOWN_TEXT])}", PREVIEW)[0]
    lines = [f"# {safe.plain(job.about, 4000)}", "", safe.clean(answer), "", f"## {t('answer-file-sources')}", ""]
    for citation in result.get("citations") or ():
        page = f", {t('page', page=str(citation['page']))}" if citation.get("page") else ""
        lines.append(f"[{citation.get('n')}] {safe.plain(str(citation.get('title') or t('untitled')), 300)}{page}")
    file = OutgoingFile(ANSWER_FILE, "\n".join(lines).encode(), t("answer-file"))
    content = "\n".join(filter(None, (begin, f"-# {t('answer-in-file')}", note)))
    return _with_sources(content, job, result, t, file)


def _abstained(job: JobView, result: Mapping[str, Any], t: Texts) -> OutgoingMessage:
    """Name what was looked at; the first sentence says it all, the rest of the text is the list below."""
    answer = str(result.get("answer") or "")[:SHOWN_TEXT]
    nearest = nearest_lines(result, t)
    first = _FIRST_SENTENCE.match(answer)
    said = safe.neutral(first[0] if first and nearest else answer)
    content = split_message(f"{question_line(job)}\n{said}")[0]
    if not nearest:
        return OutgoingMessage(content, buttons=(_buttons(job, t, cited=False),))
    looked_at = len(result.get("candidates") or ())
    embed = card(
        entries=[f"**{t('answer-nearest', n=looked_at)}**", *nearest, f"-# {t('answer-what-now')}"],
        footer=_footer(job, result, t),
        colour=CAREFUL,
    )
    return OutgoingMessage(content, embeds=(embed,), buttons=(_buttons(job, t, cited=False, looked=True),))


def _failed(view: DeliveryView, job: JobView, t: Texts) -> OutgoingMessage:
    name = job.error_class or job.state
    key = "answer-failed-attempts" if job.attempt > 1 else "answer-failed-footer"
    footer = t(key, job=str(job.id), **{"class": safe.plain(name, 60)}, attempts=str(job.attempt))
    sentence = error_sentence(job.error_class, job.error, t)
    colour = QUIET if job.error_class == "Cancelled" else BAD
    return OutgoingMessage(
        question_line(job),
        embeds=(card(entries=[sentence], footer=footer, colour=colour),),
        buttons=(_retry(view, t),),
    )


def _footer(job: JobView, result: Mapping[str, Any], t: Texts) -> str:
    words = []
    total = (result.get("timings_ms") or {}).get("total")
    if reranker := result.get("reranker"):
        words.append(safe.plain(str(reranker), 60))
    model = str(result.get("model") or "")
    if model and not result.get("abstained"):
        words.append(t("answer-quoted") if model == "extractive" else safe.plain(model, 60))
    if total:
        words.append(seconds(float(total), t))
    searched = str(result.get("searched_as") or "")
    if searched and searched != job.about:
        words.append(t("answer-searched-as", question=safe.plain(searched, 160)))
    return " · ".join([*words, *fallback_notes(result.get("fallbacks") or (), t)])


def _buttons(job: JobView, t: Texts, *, cited: bool, looked: bool = False) -> tuple[Button, ...]:
    sources = [Button("sources", job.id, t("button-sources"))] if cited else []
    why = [Button("why", job.id, t("button-why"))] if cited or looked else []
    votes = [Button("up", job.id, emoji="👍"), Button("down", job.id, emoji="👎")]
    return (*sources, *why, Button("again", job.id, t("button-again")), *votes)


def _retry(view: DeliveryView, t: Texts) -> tuple[Button, ...]:
    return (Button("retry", view.delivery.id, t("button-retry")),)


def _cancel(view: DeliveryView, t: Texts) -> tuple[Button, ...]:
    return (Button("cancel", view.delivery.id, t("button-cancel")),)
