"""Render the weekly digest of a server, and the message to the manager if it cannot be posted."""

from __future__ import annotations

from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.embed import build_embed
from bot.render.message import OutgoingMessage
from bot.render.stats import format_activity
from db.activity import Activity
from db.gaps import Gap

MAX_GAPS = 5
"""Groups of questions without a good answer that are listed."""
QUESTION_CHARACTERS = 150


def render_digest(week: Activity, gaps: Sequence[Gap], t: Texts) -> OutgoingMessage:
    """Render the digest: the numbers of the week and the most frequent gaps."""
    entries = format_activity(week, t)
    if gaps:
        entries += ["", f"**{t('digest-gaps')}**"]
        entries += [_format_gap(gap, t) for gap in gaps[:MAX_GAPS]]
        if len(gaps) > MAX_GAPS:
            entries.append(t("more", n=len(gaps) - MAX_GAPS))
        entries.append(f"-# {t('digest-hint')}")
    return OutgoingMessage(embeds=(build_embed(title=t("digest-title"), entries=entries),))


def render_digest_failure(channel_id: str, t: Texts) -> OutgoingMessage:
    """Render the private message to the manager who turned on a digest that cannot be posted."""
    return OutgoingMessage(t("digest-failed", channel=f"<#{channel_id}>"))


def _format_gap(gap: Gap, t: Texts) -> str:
    question = sanitize.escape_title(gap.newest.question, QUESTION_CHARACTERS) or t("untitled")
    return f"- {question} · {t('gap-questions', n=len(gap.questions))}"
