"""Render what is stored about a person."""

from __future__ import annotations

from collections.abc import Mapping

from bot.locales.texts import Texts
from bot.render.embed import build_embed
from bot.render.message import Button, OutgoingMessage


def render_privacy(counts: Mapping[str, int], t: Texts) -> OutgoingMessage:
    """Render the numbers of stored rows by kind, and the buttons that delete them."""
    if not counts:
        return OutgoingMessage(embeds=(build_embed(title=t("privacy-title"), entries=[t("privacy-nothing")]),))
    lines = [f"• {t(f'privacy-{name}', n=count)}" for name, count in counts.items()]
    row = [Button("eraseme", 0, t("button-erase-me"), style="danger")]
    if "documents" in counts:
        row.append(Button("eraseme", 1, t("button-erase-me-keep")))
    embed = build_embed(title=t("privacy-title"), entries=[*lines, f"-# {t('privacy-note')}"])
    return OutgoingMessage(embeds=(embed,), buttons=(tuple(row),))
