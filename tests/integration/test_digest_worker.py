"""Posting weekly digests on a fake Discord: once, also after a process has ended between the post and its record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.delivery.digests import DigestWorker
from db import digests, workspaces
from tests.delivery_harness import POST, DeliveryEnvironment, open_environment

HISTORY = "GET /channels/{channel_id}/messages"
POSTED = "SELECT count(*) FROM digests WHERE due_at > now() AND error IS NULL"
CLAIM_EXPIRED = "UPDATE digests SET claimed_at = now() - interval '61 seconds'"


class Client(discord.Client):
    """A client without a gateway connection, which sees the servers with these IDs."""

    def __init__(self, *servers: int) -> None:
        super().__init__(intents=discord.Intents.none(), max_ratelimit_timeout=30)
        self.servers = servers

    @property
    def guilds(self) -> Any:
        return [SimpleNamespace(id=server, unavailable=False) for server in self.servers]


class EndedWorker(DigestWorker):
    """A process that ends before it records what it posted."""

    def _finish(self, *_: object) -> None:
        raise RuntimeError("ended")


@pytest.fixture
def env(database_url, monkeypatch):
    with open_environment(database_url, monkeypatch) as env:
        yield env


@pytest.fixture
def env_of_the_past(database_url, monkeypatch):
    """An environment in which Discord's time is five minutes ago, until the test advances it."""
    past = SimpleNamespace(time=lambda: time.time() - 300, monotonic=time.monotonic)
    monkeypatch.setattr("tests.fake_discord.clock.time", past)
    with open_environment(database_url, monkeypatch) as env:
        yield env


def turn_on(env: DeliveryEnvironment, server: int = 1, channel: str | None = None) -> None:
    """Turn on a digest that is due since ten minutes ago."""
    with env.database.system() as session:
        workspace = workspaces.ensure_workspace(session, f"guild:{server}")
    with env.database.tenant(workspace) as session:
        digests.turn_on(
            session,
            workspace,
            application_id=str(env.fake.world.application_id),
            channel_id=channel or str(env.channel.id),
            user_id=str(env.person.id),
            locale="en-US",
        )
    env.run(f"UPDATE digests SET due_at = now() - interval '10 minutes' WHERE workspace_id = {workspace}")


def post(env: DeliveryEnvironment, kind: type[DigestWorker] = DigestWorker, servers: int = 1) -> list[Any]:
    """Let a new process post until nothing is due; return the results and errors of its steps."""

    async def work(step: Callable[[], Awaitable[bool]]) -> list[Any]:
        results: list[Any] = []
        while not results or results[-1] is True:
            try:
                results.append(await step())
            except RuntimeError as error:
                results.append(str(error))
        return results

    async def run() -> list[Any]:
        async with Client(*range(1, servers + 1)) as client:
            await client.login(env.fake.world.token)
            with ThreadPoolExecutor(2) as threads:
                return await work(kind(client, env.database, executor=threads).post_next)

    return asyncio.run(run())


def read_error(env: DeliveryEnvironment) -> str:
    return str(env.value("SELECT error FROM digests"))


def test_digest__is_posted_once_although_its_process_ended_before_the_record(env):
    turn_on(env)
    assert post(env, EndedWorker) == ["ended"]
    assert post(env) == [False], "another process may still be posting it"
    env.run(CLAIM_EXPIRED)
    env.fake.clock.advance(3600)  # Discord remembers a nonce for a few minutes only
    assert post(env) == [True, False]
    assert len(env.channel.messages) == 1
    assert env.value(POSTED) == 1


def test_digest__is_found_by_a_later_process_if_another_one_could_not_look_for_it(env_of_the_past):
    env = env_of_the_past
    turn_on(env)
    assert post(env, EndedWorker) == ["ended"]
    env.fake.clock.advance(3900)
    env.run(CLAIM_EXPIRED)
    env.fake.fail(HISTORY, status=503)
    assert post(env) == [True, False]
    assert env.value(POSTED) == 0
    env.run(CLAIM_EXPIRED)
    assert post(env) == [True, False]
    assert env.value(POSTED) == 1
    assert len(env.channel.messages) == 1


def test_digest__of_a_deleted_channel_is_reported_once(env):
    turn_on(env, channel="5")
    assert post(env) == [True, False]
    assert "10003" in read_error(env)
    (told,) = env.person.dms
    assert "couldn't be posted in <#5>" in told.text
    env.run("UPDATE digests SET due_at = now() - interval '1 minute'")
    assert post(env) == [True, False]
    assert len(env.person.dms) == 1


def test_digest__that_fails_does_not_delay_those_of_other_servers(env):
    turn_on(env)
    turn_on(env, 2)
    env.run("UPDATE digests SET due_at = due_at - interval '1 hour' WHERE workspace_id = 1")
    assert post(env, EndedWorker, servers=2) == ["ended"]
    env.run(CLAIM_EXPIRED + " WHERE claimed_at IS NOT NULL")
    assert post(env, EndedWorker, servers=2) == ["ended"]
    assert env.count(POST) == 2
    assert env.value("SELECT count(*) FROM digests WHERE claimed_at IS NULL") == 0
