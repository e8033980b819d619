"""Render the servers whose documents a person in direct messages can ask about."""

from __future__ import annotations

from collections.abc import Sequence

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.message import MAX_MENU_OPTIONS, MAX_OPTION_UNITS, Menu, MenuOption, OutgoingMessage
from bot.render.split import truncate


def render_server_menu(servers: Sequence[tuple[str, str]], job_id: int, t: Texts) -> OutgoingMessage:
    """Render the menu of servers, given as (ID, name), for asking the question of a job again."""
    options = tuple(
        MenuOption(truncate(sanitize.plain_line(name), MAX_OPTION_UNITS) or server, server)
        for server, name in servers[:MAX_MENU_OPTIONS]
    )
    return OutgoingMessage(t("ask-server-title"), buttons=((Menu("server", job_id, t("ask-server-choose"), options),),))


def render_server_asked(name: str, t: Texts) -> OutgoingMessage:
    """Render the confirmation that the question was sent to a server."""
    return OutgoingMessage(t("ask-server-submitted", server=sanitize.escape_title(name, MAX_OPTION_UNITS)))
