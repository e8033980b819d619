"""Compute the pings of a message from the mentions in its text and `allowed_mentions`."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.fake_discord.model import Message, Pings, walk

USERS: Final = re.compile(r"<@!?(\d{1,20})>")
ROLES: Final = re.compile(r"<@&(\d{1,20})>")
EVERYONE: Final = re.compile(r"@(?:everyone|here)\b")
ALL_MENTIONS: Final = {"parse": ["users", "roles", "everyone"], "replied_user": True}
USERS_ONLY: Final = {"parse": ["users"]}


def text_of(message: Message) -> str:
    """Return the text that Discord searches for mentions: content and text displays, not embeds."""
    displays = [part["content"] for part in walk(message.components) if part.get("type") == 10]
    return "\n".join([message.content, *displays])


def mentioned_users(message: Message) -> list[int]:
    """Return the IDs of mentioned users, followed by the author of the replied-to message."""
    found = [int(number) for number in USERS.findall(text_of(message))]
    if message.reply_to and (message.allowed_mentions or ALL_MENTIONS).get("replied_user"):
        found.append(message.reply_to.author.id)
    return list(dict.fromkeys(found))


def resolve_pings(message: Message, default: dict[str, Any]) -> Pings:
    """Return who is notified, assuming that the author may mention everyone, so that tests detect every ping."""
    allowed = message.allowed_mentions if message.allowed_mentions is not None else default
    text = text_of(message)
    parse = set(allowed.get("parse") or ())
    roles = {int(number) for number in ROLES.findall(text)}
    users = {int(number) for number in USERS.findall(text)}
    if "roles" not in parse:
        roles &= {int(number) for number in allowed.get("roles") or ()}
    if "users" not in parse:
        users &= {int(number) for number in allowed.get("users") or ()}
    if message.reply_to and allowed.get("replied_user"):
        users.add(message.reply_to.author.id)
    everyone = "everyone" in parse and bool(EVERYONE.search(text))
    return Pings(everyone, frozenset(roles), frozenset(users - {message.author.id}))
