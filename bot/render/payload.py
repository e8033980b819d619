"""From what is to be shown to what discord.py sends."""

from __future__ import annotations

import io
from typing import Any

import discord

from bot.render.message import Button, Link, OutgoingMessage

STYLES = {
    "primary": discord.ButtonStyle.primary,
    "secondary": discord.ButtonStyle.secondary,
    "success": discord.ButtonStyle.success,
    "danger": discord.ButtonStyle.danger,
}


def build_send_arguments(shown: OutgoingMessage) -> dict[str, Any]:
    """Give the arguments for sending a new message."""
    arguments: dict[str, Any] = {"content": shown.content or None, "embeds": list(shown.embeds)}
    if shown.files:
        arguments["files"] = build_files(shown)
    if shown.buttons:
        arguments["view"] = build_view(shown)
    return arguments


def build_edit_arguments(shown: OutgoingMessage) -> dict[str, Any]:
    """Give the arguments for editing a message into exactly this, whatever it showed before."""
    return {
        "content": shown.content or None,
        "embeds": list(shown.embeds),
        "attachments": build_files(shown),
        "view": build_view(shown) if shown.buttons else None,
    }


def build_files(shown: OutgoingMessage) -> list[discord.File]:
    """Give the files of a message, readable once."""
    return [
        discord.File(io.BytesIO(file.content), filename=file.name, description=file.description[:1024] or None)
        for file in shown.files
    ]


def build_view(shown: OutgoingMessage) -> discord.ui.View:
    """Give the buttons of a message; needs a running event loop."""
    items: list[discord.ui.Item[Any]] = []
    for row, buttons in enumerate(shown.buttons):
        items.extend(_build_item(button, row) for button in buttons)
    return build_static_view(*items)


def build_static_view(*items: discord.ui.Item[Any]) -> discord.ui.View:
    """Put components into a view that discord.py sends and then forgets.

    A view that it keeps would fill its memory for every message; presses reach `bot.views.buttons` without one.
    """
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return view


def _build_item(button: Button | Link, row: int) -> discord.ui.Button[discord.ui.View]:
    if isinstance(button, Link):
        return discord.ui.Button(label=button.label[:80], url=button.url, row=row)
    return discord.ui.Button(
        custom_id=button.custom_id,
        label=button.label[:80] or None,
        style=STYLES[button.style],
        emoji=button.emoji or None,
        disabled=button.disabled,
        row=row,
    )
