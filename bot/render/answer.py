"""Render the outcome of a question: the answer with sources and buttons, an abstention, or the error."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.embed import COLOUR_ERROR, COLOUR_INFO, COLOUR_MUTED, COLOUR_WARNING, build_embed
from bot.render.formatting import (
    format_budget_limits,
    format_error,
    format_fallbacks,
    format_latency,
    format_question,
    format_user,
)
from bot.render.message import Button, OutgoingFile, OutgoingMessage
from bot.render.sources import format_conflicts, format_nearest, format_source
from bot.render.split import MAX_MESSAGE_UNITS, split_message, utf16_length
from db.deliveries import DeliveryView
from db.job_views import JobView
from pipeline.text.sentences import first_sentence

MAX_MESSAGES = 3
PREVIEW_UNITS = 1400
MAX_INLINE_CHARACTERS = 8000
"""Longer answers never fit into `MAX_MESSAGES` messages and are sent as a file."""
PREVIEW_SOURCE_CHARACTERS = 4000
MAX_ANSWER_CHARACTERS = 200_000
"""Maximum characters of an answer that are processed."""
ANSWER_FILE = "answer.md"
Place = Literal["server", "direct", "personal"]
"""A server, the direct messages about a server, or a personal library."""
MAX_ROW = 5
"""Discord's limit for the buttons of a row."""


def render_answer(view: DeliveryView, t: Texts) -> list[OutgoingMessage]:
    """Render the outcome of a question; the first message replaces the progress message, the others follow it."""
    job = view.jobs[0]
    if job.state == "succeeded" and job.result is not None:
        if job.result.get("deleted"):
            return [_render_deleted(job, t)]
        pages = (
            [_render_abstention(job, job.result, t, place=_place_of(view), helpers=view.helpers)]
            if job.result.get("abstained")
            else _render_succeeded(job, job.result, t)
        )
        # In a server without the bot, the answer is reached by a token, and its channel has other readers.
        in_direct_messages = view.delivery.guild_id is None and view.delivery.route == "channel"
        return [*pages[:-1], _offer_servers(pages[-1], job, t)] if in_direct_messages else pages
    if job.state == "cancelled":
        footnote = f"-# {t('answer-cancelled')}"
        return [OutgoingMessage(f"{format_question(job)}\n{footnote}", buttons=(_build_retry_row(view, t),))]
    return [_render_failure(view, job, t)]


def render_completion_notice(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Render the reply that notifies the user about a finished long job, since edits do not notify."""
    notice, user_id = _format_notice(view, t), view.delivery.user_id
    if not user_id.isdigit():
        return OutgoingMessage(notice)
    return OutgoingMessage(f"{format_user(user_id)} {notice}", notified_user=user_id)


def _format_notice(view: DeliveryView, t: Texts) -> str:
    if view.delivery.kind == "ingest":
        done = sum(job.state == "succeeded" for job in view.jobs)
        total = len(view.jobs)
        return t("notice-ingest", done=done, failed=total - done, total=total)
    return t("notice-answer" if view.jobs[0].state == "succeeded" else "notice-answer-failed")


def render_token_expiry_notice(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Render the last edit of a private message, which names the place of the result.

    Sent shortly before the interaction token expires after 15 minutes.
    """
    job = view.jobs[0]
    if view.delivery.kind == "ingest":
        return OutgoingMessage(
            t("notice-private-expiring-ingest", job=str(job.id)), buttons=(_build_cancel_row(view, t),)
        )
    text = f"{format_question(job)}\n{t('notice-private-expiring', job=str(job.id))}"
    return OutgoingMessage(text, buttons=(_build_cancel_row(view, t),))


def render_ready_notice(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Render the message that names the command for reading a result that cannot be posted in its channel."""
    return _render_notice(view, t, "notice-undeliverable")


def render_rerouted_notice(view: DeliveryView, t: Texts) -> OutgoingMessage:
    """Render the message that replaces the progress in a channel whose result is sent as a direct message."""
    return _render_notice(view, t, "notice-rerouted")


def _render_notice(view: DeliveryView, t: Texts, key: str) -> OutgoingMessage:
    job = view.jobs[0]
    notice = f"{_format_notice(view, t)} {t(key, job=str(job.id))}"
    return OutgoingMessage(notice if view.delivery.kind == "ingest" else f"{format_question(job)}\n{notice}")


def render_answer_page(job: JobView, t: Texts, note: str = "") -> OutgoingMessage:
    """Render an answered question as one message, with long text in a file; `note` follows the text."""
    result = job.result or {}
    if result.get("deleted"):
        return _render_deleted(job, t, note)
    if result.get("abstained"):
        page = _render_abstention(job, result, t)
        return dataclasses.replace(page, content=f"{page.content}\n{note}".rstrip())
    answer = str(result.get("answer") or "")
    if len(answer) > MAX_INLINE_CHARACTERS:
        return _render_preview(job, result, t, note)
    text = f"{format_question(job)}\n{sanitize.escape_text(answer)}"
    if utf16_length(text) + utf16_length(note) + 1 > MAX_MESSAGE_UNITS:
        return _render_preview(job, result, t, note)
    return _attach_sources(f"{text}\n{note}".rstrip(), job, result, t)


def _render_deleted(job: JobView, t: Texts, note: str = "") -> OutgoingMessage:
    """Render a question whose answer was deleted together with a document that it used."""
    return OutgoingMessage(f"{format_question(job)}\n{t('answer-deleted')}\n{note}".rstrip())


def _render_succeeded(job: JobView, result: Mapping[str, Any], t: Texts) -> list[OutgoingMessage]:
    answer = str(result.get("answer") or "")
    if len(answer) > MAX_INLINE_CHARACTERS:
        return [_render_preview(job, result, t)]
    parts = split_message(f"{format_question(job)}\n{sanitize.escape_text(answer)}")
    if len(parts) > MAX_MESSAGES:
        return [_render_preview(job, result, t)]
    return [*map(OutgoingMessage, parts[:-1]), _attach_sources(parts[-1], job, result, t)]


def _attach_sources(
    content: str, job: JobView, result: Mapping[str, Any], t: Texts, *files: OutgoingFile
) -> OutgoingMessage:
    citations = result.get("citations") or []
    conflicts = format_conflicts(result, t)
    embed = build_embed(
        entries=[
            *conflicts,
            *(format_source(citation, t) for citation in citations),
            *format_budget_limits(result.get("fallbacks") or (), job.finished_at, t),
        ],
        footer=_format_footer(job, result, t),
        colour=COLOUR_WARNING if conflicts else COLOUR_INFO,
        more=lambda n: t("more", n=n),
    )
    return OutgoingMessage(
        content, embeds=(embed,), buttons=(_build_answer_buttons(job, t, cited=bool(citations)),), files=files
    )


def _render_preview(job: JobView, result: Mapping[str, Any], t: Texts, note: str = "") -> OutgoingMessage:
    answer = str(result.get("answer") or "")[:MAX_ANSWER_CHARACTERS]
    begin = split_message(
        f"{format_question(job)}\n{sanitize.escape_text(answer[:PREVIEW_SOURCE_CHARACTERS])}", PREVIEW_UNITS
    )[0]
    lines = [
        f"# {sanitize.plain_line(job.about, 4000)}",
        "",
        sanitize.strip_invisible(answer),
        "",
        f"## {t('answer-file-sources')}",
        "",
    ]
    for citation in result.get("citations") or ():
        page = f", {t('page', page=str(citation['page']))}" if citation.get("page") else ""
        lines.append(
            f"[{citation.get('n')}] {sanitize.plain_line(str(citation.get('title') or t('untitled')), 300)}{page}"
        )
    file = OutgoingFile(ANSWER_FILE, "\n".join(lines).encode(), t("answer-file"))
    content = "\n".join(filter(None, (begin, f"-# {t('answer-in-file')}", note)))
    return _attach_sources(content, job, result, t, file)


def _render_abstention(
    job: JobView, result: Mapping[str, Any], t: Texts, *, place: Place = "server", helpers: bool = False
) -> OutgoingMessage:
    """Render an abstention: the first sentence of the answer, the closest documents and the next steps.

    The rest of the text repeats the list of documents, so it is omitted when there is a list. In a personal library,
    a hint names where the documents of a server are found.

    Args:
        job: The job of the question.
        result: The result of the job.
        t: Texts in the user's language.
        place: Where the answer is read; in direct messages, nothing can be added to the library of a server.
        helpers: The server has helpers, whom members can ask.
    """
    answer = str(result.get("answer") or "")[:PREVIEW_SOURCE_CHARACTERS]
    nearest = format_nearest(result, t)
    text = sanitize.escape_text(first_sentence(answer) if nearest else answer)
    hints = [f"-# {t('personal-library')}"] if place == "personal" else []
    room = MAX_MESSAGE_UNITS - sum(utf16_length(hint) + 1 for hint in hints)
    content = split_message(f"{format_question(job)}\n{text}", room)[0]
    steps = (
        Button("add", 0, t("button-add"), style="primary"),
        *([Button("helper", job.id, t("button-helper"))] if helpers else []),
    )
    answer_buttons = _build_answer_buttons(job, t, cited=False, looked=bool(nearest))
    rows = (answer_buttons,) if place == "direct" else (steps, answer_buttons)
    if not nearest:
        return OutgoingMessage("\n".join((content, *hints)), buttons=rows)
    embed = build_embed(
        entries=[
            f"**{t('answer-nearest')}**",
            *nearest,
            f"-# {t('answer-abstained-hint-server' if place == 'direct' else 'answer-abstained-hint')}",
            *format_budget_limits(result.get("fallbacks") or (), job.finished_at, t),
            *hints,
        ],
        footer=_format_footer(job, result, t),
        colour=COLOUR_WARNING,
    )
    return OutgoingMessage(content, embeds=(embed,), buttons=rows)


def _place_of(view: DeliveryView) -> Place:
    delivery = view.delivery
    if delivery.guild_id is None:
        return "personal"
    return "direct" if delivery.is_direct else "server"


def _offer_servers(page: OutgoingMessage, job: JobView, t: Texts) -> OutgoingMessage:
    """Add the button that asks the question of a personal library about the documents of a server."""
    button, (first, *rest) = Button("servers", job.id, t("button-ask-server")), page.buttons
    rows = ((*first, button), *rest) if len(first) < MAX_ROW else (first, *rest, (button,))
    return dataclasses.replace(page, buttons=rows)


def _render_failure(view: DeliveryView, job: JobView, t: Texts) -> OutgoingMessage:
    key = "answer-failed-attempts" if job.attempt > 1 else "answer-failed-footer"
    footer = t(key, job=str(job.id), attempts=str(job.attempt))
    sentence = format_error(job.error_class, job.error, t)
    colour = COLOUR_MUTED if job.error_class == "Cancelled" else COLOUR_ERROR
    return OutgoingMessage(
        format_question(job),
        embeds=(build_embed(entries=[sentence], footer=footer, colour=colour),),
        buttons=(_build_retry_row(view, t),),
    )


def _format_footer(job: JobView, result: Mapping[str, Any], t: Texts) -> str:
    words = []
    total = (result.get("timings_ms") or {}).get("total")
    if citations := result.get("citations"):
        words.append(t("answer-sources", n=len(citations)))
    if total:
        words.append(format_latency(float(total), t))
    searched = str(result.get("searched_as") or "")
    if searched and searched != job.about:
        words.append(t("answer-searched-as", question=sanitize.plain_line(searched, 160)))
    return " · ".join([*words, *format_fallbacks(result.get("fallbacks") or (), t)])


def _build_answer_buttons(job: JobView, t: Texts, *, cited: bool, looked: bool = False) -> tuple[Button, ...]:
    sources = [Button("sources", job.id, t("button-sources"))] if cited else []
    why = [Button("why", job.id, t("button-why" if cited else "button-looked"))] if cited or looked else []
    votes = [Button("up", job.id, emoji="👍"), Button("down", job.id, emoji="👎")]
    return (*sources, *why, Button("again", job.id, t("button-ask-again")), *votes)


def _build_retry_row(view: DeliveryView, t: Texts) -> tuple[Button, ...]:
    return (Button("retry", view.delivery.id, t("button-retry")),)


def _build_cancel_row(view: DeliveryView, t: Texts) -> tuple[Button, ...]:
    return (Button("cancel", view.delivery.id, t("button-cancel")),)
