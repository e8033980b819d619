"""Render the choices for asking the same question in another way."""

from __future__ import annotations

from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render.message import MAX_MENU_OPTIONS, Button, Menu, MenuOption, OutgoingMessage


def render_ask_again(
    job_id: int,
    t: Texts,
    *,
    passages: int,
    more_passages: int | None,
    thorough: bool,
    methods: Sequence[tuple[str, str]] = (),
    public: bool = False,
) -> OutgoingMessage:
    """Render the buttons, and a menu of methods for those who may see their names.

    Args:
        job_id: The job of the answer.
        t: Texts in the user's language.
        passages: The number of passages that the answer was written from.
        more_passages: The larger number to offer, if any.
        thorough: Whether a more accurate method works here.
        methods: Names of rerankers, each with a label; empty for members.
        public: The new answer is public; the custom IDs state it.
    """
    lines, row = [], []
    if more_passages is not None:
        lines.append(t("ask-again-more", more=more_passages, now=passages))
        row.append(Button("moreall" if public else "more", job_id, t("button-more-passages")))
    if thorough:
        lines.append(t("ask-again-thorough"))
        row.append(Button("thoroughall" if public else "thorough", job_id, t("button-thorough")))
    if not row and not methods:
        return OutgoingMessage(t("ask-again-none"))
    rows: list[tuple[Button | Menu, ...]] = [tuple(row)] if row else []
    if methods:
        options = tuple(
            MenuOption(label, name, "" if name in label else name) for name, label in methods[:MAX_MENU_OPTIONS]
        )
        rows.append((Menu("methodall" if public else "method", job_id, t("ask-again-reranker"), options),))
    return OutgoingMessage("\n".join([t("ask-again-title"), *lines]), buttons=tuple(rows))
