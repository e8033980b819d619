"""The servers that a user shares with the bot: who is offered which, with how many requests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.interactions import shared_servers
from bot.interactions.shared_servers import SharedServers

USER = 7
CLOSED = 9
"""A server whose managers do not allow questions from direct messages."""


@dataclass
class Server:
    """A server with at most one member."""

    id: int
    name: str = "Club"
    member: Any = None
    status: int = 404
    delay_s: float = 0.0
    requests: list[int] = field(default_factory=list)

    async def fetch_member(self, user_id: int) -> Any:
        self.requests.append(user_id)
        await asyncio.sleep(self.delay_s)
        if self.member is None:
            response: Any = SimpleNamespace(status=self.status, reason="", headers={})
            raise (discord.NotFound if self.status == 404 else discord.HTTPException)(response, "no")
        return self.member


def member(*, pending: bool = False, timed_out: bool = False, commands: bool = True) -> Any:
    return SimpleNamespace(
        pending=pending,
        is_timed_out=lambda: timed_out,
        guild_permissions=SimpleNamespace(use_application_commands=commands),
    )


def find(*servers: Server, times: int = 1) -> list[str]:
    async def look() -> list[str]:
        bot: Any = SimpleNamespace(guilds=list(servers))
        shared = SharedServers(bot)
        for _ in range(times):
            found = [guild.name for guild in await shared.find(USER, lambda guild: guild.id != CLOSED)]
        return found

    return asyncio.run(look())


def test_find__servers_of_the_user_by_name():
    assert find(Server(1, "b", member()), Server(2, "C"), Server(3, "A", member())) == ["A", "b"]


def test_find__not_where_the_managers_do_not_allow_it():
    closed = Server(CLOSED, "Closed", member())
    assert find(Server(1, "Club", member()), closed) == ["Club"]
    assert closed.requests == []


@pytest.mark.parametrize("state", [{"pending": True}, {"timed_out": True}, {"commands": False}])
def test_find__not_where_the_user_may_not_use_commands(state):
    assert find(Server(1, "Club", member(**state))) == []


def test_find__asks_discord_once_for_each_server():
    servers = [Server(1, "Club", member()), Server(2, "Other")]
    assert find(*servers, times=3) == ["Club"]
    assert [server.requests for server in servers] == [[USER], [USER]]


def test_find__asks_again_after_a_failed_request():
    server = Server(1, "Club", status=500)
    assert find(server, times=2) == []
    assert len(server.requests) == 2


def test_find__has_a_limit_of_requests():
    servers = [Server(number) for number in range(shared_servers.MAX_CHECKED + 5)]
    find(*servers)
    assert sum(len(server.requests) for server in servers) == shared_servers.MAX_CHECKED


def test_find__returns_what_was_found_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared_servers, "TIMEOUT_S", 0.05)
    assert find(Server(1, "Club", member()), Server(2, "Slow", member(), delay_s=5)) == ["Club"]
