"""Render the list of gaps and a single gap."""

from __future__ import annotations

from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.docs import build_page_buttons
from bot.render.embed import build_embed
from bot.render.formatting import format_scope, format_timestamp
from bot.render.message import MAX_OPTION_UNITS, Button, Link, Menu, MenuOption, OutgoingMessage
from bot.render.split import truncate
from db.gaps import Gap

PAGE_SIZE = 10
"""Gaps per page."""
QUESTION_CHARACTERS = 200
MAX_VARIANTS = 10
"""Other questions of a gap that are shown."""


def render_gap_list(gaps: Sequence[Gap], t: Texts, *, page: int = 0, hidden: int = 0) -> OutgoingMessage:
    """Render one page of gaps.

    Args:
        gaps: The gaps of all pages.
        t: Texts in the user's language.
        page: Page number, from 0; a page after the last one shows the last one.
        hidden: Number of questions that the user may not read.
    """
    pages = max(1, -(-len(gaps) // PAGE_SIZE))
    page = min(page, pages - 1)
    shown = gaps[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    entries = [_format_entry(gap, t) for gap in shown] or [t("gaps-none")]
    if hidden:
        entries.append(f"-# {t('gaps-hidden', n=hidden)}")
    embed = build_embed(
        title=t("gaps-title", total=len(gaps)),
        entries=entries,
        footer=t("docs-page", page=str(page + 1), pages=str(pages)) if pages > 1 else "",
        more=lambda n: t("more", n=n),
    )
    options = tuple(
        MenuOption(
            truncate(sanitize.plain_line(gap.newest.question) or t("untitled"), MAX_OPTION_UNITS),
            str(gap.newest.id),
            truncate(_format_counts(gap, t), MAX_OPTION_UNITS),
        )
        for gap in shown
    )
    menu: tuple[tuple[Button | Link | Menu, ...], ...] = (
        ((Menu("opengap", page, t("gaps-open"), options),),) if options else ()
    )
    turns = build_page_buttons("gaps", page, t, more=page + 1 < pages)
    return OutgoingMessage(embeds=(embed,), buttons=(*menu, *turns))


def render_gap(
    gap: Gap, t: Texts, *, title: str, channels: Sequence[str] | None, guild_id: str | None
) -> OutgoingMessage:
    """Render one gap with its actions.

    Args:
        gap: The gap.
        t: Texts in the user's language.
        title: The question that becomes the title of an answer.
        channels: Scope of an answer.
        guild_id: The server.
    """
    variants = list(dict.fromkeys(question.question for question in gap.questions if question.question != title))
    entries = [f"-# {_format_counts(gap, t)} · {_format_times(gap, t)}"]
    if reasons := ", ".join(f"{t(f'vote-reason-{reason}')} {n}" for reason, n in gap.reasons.most_common()):
        entries.append(f"👎 {reasons}")
    if variants:
        entries += ["", t("gap-also")]
        entries += [f"- {sanitize.escape_title(each, QUESTION_CHARACTERS)}" for each in variants[:MAX_VARIANTS]]
        if len(variants) > MAX_VARIANTS:
            entries.append(t("more", n=len(variants) - MAX_VARIANTS))
    entries += ["", t("gap-hint"), format_scope(channels, guild_id, t)]
    embed = build_embed(title=sanitize.escape_title(title, QUESTION_CHARACTERS) or t("untitled"), entries=entries)
    row = (
        Button("answergap", gap.newest.id, t("button-answer-gap"), style="primary"),
        Button("dismissgap", gap.newest.id, t("button-dismiss-gap")),
    )
    return OutgoingMessage(embeds=(embed,), buttons=(row,))


def _format_entry(gap: Gap, t: Texts) -> str:
    question = sanitize.escape_title(gap.newest.question, QUESTION_CHARACTERS) or t("untitled")
    return f"**{question}**\n-# {_format_counts(gap, t)} · {_format_times(gap, t)}"


def _format_counts(gap: Gap, t: Texts) -> str:
    counts = [t("gap-questions", n=len(gap.questions))]
    if gap.unanswered:
        counts.append(t("gap-unanswered", n=gap.unanswered))
    if gap.votes_against:
        counts.append(f"{gap.votes_against} × 👎")
    return " · ".join(counts)


def _format_times(gap: Gap, t: Texts) -> str:
    last = format_timestamp(gap.newest.created_at)
    if len(gap.questions) == 1:
        return last
    return t("gap-times", since=format_timestamp(gap.since), last=last)
