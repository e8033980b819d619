"""Convert `OutgoingMessage` to the arguments of discord.py."""

from __future__ import annotations

import io
from typing import Any

import discord

from bot.render.message import Button, Link, Menu, OutgoingMessage

STYLES = {
    "primary": discord.ButtonStyle.primary,
    "secondary": discord.ButtonStyle.secondary,
    "success": discord.ButtonStyle.success,
    "danger": discord.ButtonStyle.danger,
}


def build_send_arguments(message: OutgoingMessage) -> dict[str, Any]:
    """Build the arguments for sending a new message."""
    arguments: dict[str, Any] = {"content": message.content or None, "embeds": list(message.embeds)}
    if message.files:
        arguments["files"] = build_files(message)
    if message.buttons:
        arguments["view"] = build_view(message)
    return arguments


def build_edit_arguments(message: OutgoingMessage) -> dict[str, Any]:
    """Build the arguments that replace the entire content of a message."""
    return {
        "content": message.content or None,
        "embeds": list(message.embeds),
        "attachments": build_files(message),
        "view": build_view(message) if message.buttons else None,
    }


def build_allowed_mentions(message: OutgoingMessage) -> discord.AllowedMentions:
    """Build which mentions in a new message notify: only those of `notified_user` and `notified_role`."""
    mentions = discord.AllowedMentions.none()
    if message.notified_role:
        mentions.roles = [discord.Object(int(message.notified_role))]
    if message.notified_user:
        mentions.users = [discord.Object(int(message.notified_user))]
    return mentions


def build_files(message: OutgoingMessage) -> list[discord.File]:
    """Build the files of a message; each can be read once."""
    return [
        discord.File(io.BytesIO(file.content), filename=file.name, description=file.description[:1024] or None)
        for file in message.files
    ]


def build_view(message: OutgoingMessage) -> discord.ui.View:
    """Build the buttons of a message; requires a running event loop."""
    items: list[discord.ui.Item[Any]] = []
    for row, buttons in enumerate(message.buttons):
        items.extend(_build_item(button, row) for button in buttons)
    return build_static_view(*items)


def build_static_view(*items: discord.ui.Item[Any]) -> discord.ui.View:
    """Build a view that discord.py sends but does not keep.

    Keeping a view per message would leak memory; presses reach `bot.views.buttons` without one.
    """
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return view


def _build_item(button: Button | Link | Menu, row: int) -> discord.ui.Item[discord.ui.View]:
    if isinstance(button, Link):
        return discord.ui.Button(label=button.label[:80], url=button.url, row=row)
    if isinstance(button, Menu):
        return _build_select(button, row)
    return discord.ui.Button(
        custom_id=button.custom_id,
        label=button.label[:80] or None,
        style=STYLES[button.style],
        emoji=button.emoji or None,
        disabled=button.disabled,
        row=row,
    )


def _build_select(menu: Menu, row: int) -> discord.ui.Select[discord.ui.View]:
    select: discord.ui.Select[discord.ui.View] = discord.ui.Select(
        custom_id=menu.custom_id, placeholder=menu.label[:150], row=row
    )
    for option in menu.options:
        select.add_option(
            label=option.label[:100], value=option.value[:100], description=option.description[:100] or None
        )
    return select
