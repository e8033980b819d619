"""Render the numbers of a workspace: questions, votes, documents and spending."""

from __future__ import annotations

from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render.embed import build_embed
from bot.render.message import OutgoingMessage
from config.settings import Settings
from db.activity import Activity
from pipeline.amounts import format_usd


def render_stats(windows: Sequence[Activity], settings: Settings, t: Texts) -> OutgoingMessage:
    """Render the numbers of several windows, and the spending limits of a server."""
    entries = [
        "\n".join(
            (f"**{t('stats-window', days=window.days)}**", *format_activity(window, t), *_format_spending(window, t))
        )
        for window in windows
    ]
    if limits := _format_limits(windows[0], settings, t):
        entries.append("\n".join(limits))
    return OutgoingMessage(embeds=(build_embed(title=t("stats-title"), entries=entries, gap="\n\n"),))


def format_activity(window: Activity, t: Texts) -> list[str]:
    """Format the numbers of one window as lines, without spending, which is only for managers."""
    counts = [t("stats-questions", n=window.questions)]
    if window.unanswered:
        counts.append(t("gap-unanswered", n=window.unanswered))
    counts.append(t("stats-documents", n=window.documents))
    lines = [" · ".join(counts)]
    if window.votes_for or window.votes_against:
        votes = [f"👍 {window.votes_for}", f"👎 {window.votes_against}"]
        votes += [f"{t(f'vote-reason-{reason}')} {n}" for reason, n in window.reasons.most_common()]
        lines.append(" · ".join(votes))
    return lines


def _format_spending(window: Activity, t: Texts) -> list[str]:
    """Format tokens and cost as a line if there are any; without prices, only tokens are known."""
    if not window.tokens and not window.usd:
        return []
    tokens = t("stats-tokens", n=window.tokens)
    if not window.usd:
        return [tokens]
    questions, documents = format_usd(window.questions_usd), format_usd(window.documents_usd)
    return [f"{tokens} · {t('stats-cost', total=format_usd(window.usd), questions=questions, documents=documents)}"]


def _format_limits(day: Activity, settings: Settings, t: Texts) -> list[str]:
    hard, soft = settings.budget.server_day_hard_usd, settings.budget.server_day_soft_usd
    lines = []
    if hard:
        lines.append(t("stats-limit", limit=format_usd(hard), spent=format_usd(day.usd)))
    if soft:
        lines.append(t("stats-soft-limit", limit=format_usd(soft)))
    return lines
