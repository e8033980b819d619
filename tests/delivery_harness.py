"""A fake Discord, a database and couriers that a test starts, stops and kills; jobs move when the test says so."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import discord
import httpx
import psycopg
import pytest
from sqlalchemy import text

from bot.delivery import DeliveryWorker
from db import deliveries, jobs, workspaces
from db.deliveries import NewDelivery
from db.engine import Database
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.exchange import COMMAND, Interaction
from tests.fake_discord.model import Channel, Message

EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"
POST = "POST /channels/{channel_id}/messages"
EDIT_ORIGINAL = "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original"
PATIENCE_S = 60
_numbers = itertools.count(1)


class Bot:
    """A courier with a logged-in client on a thread of its own, as one bot process has."""

    def __init__(self, fake: FakeDiscord, database_url: str, *, lease_s: float, renew_s: float) -> None:
        self._database = Database(database_url, pool_size=4)
        self._token = fake.world.token
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._started = threading.Event()
        self._clean = True
        self._lease_s, self._renew_s = lease_s, renew_s
        self.owner = f"bot {next(_numbers)}"
        self._thread = threading.Thread(target=self._run, name=self.owner)
        self._thread.start()
        assert self._started.wait(PATIENCE_S)

    def wake(self, delivery_id: int) -> None:
        self._loop.call_soon_threadsafe(self.delivery_worker.wake, delivery_id)

    def stop(self) -> None:
        """End as a process does that is asked to."""
        self._end(clean=True)

    def kill(self) -> None:
        """End without a word: no claim is released and what is being sent is cut."""
        self._end(clean=False)

    def _end(self, *, clean: bool) -> None:
        if self._thread.is_alive():
            self._clean = clean
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive()

    def _run(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            self.pool = pool
            self._loop.run_until_complete(self._live(pool))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self._database.close()

    async def _live(self, pool: ThreadPoolExecutor) -> None:
        client = discord.Client(intents=discord.Intents.none(), max_ratelimit_timeout=30)
        await client.login(self._token)
        self.delivery_worker = DeliveryWorker(
            client, self._database, executor=pool, owner=self.owner, lease_s=self._lease_s, renew_s=self._renew_s
        )
        await self.delivery_worker.start()
        self._started.set()
        await self._ended.wait()
        if self._clean:
            await self.delivery_worker.stop()
        else:
            await self._fall()
        await client.close()

    async def _fall(self) -> None:
        self.delivery_worker._listener.stop()
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.delivery_worker._listener.join()


@dataclass(frozen=True)
class Asked:
    """A question on its way: its delivery, its jobs and the message that shows it."""

    delivery: int
    jobs: tuple[int, ...]
    message: Message
    interaction: Interaction | None = None

    @property
    def job(self) -> int:
        return self.jobs[0]


@dataclass
class Office:
    """Everything around the couriers."""

    fake: FakeDiscord
    database: Database
    workspace: int
    person: Person
    channel: Channel
    http: httpx.Client
    bots: list[Bot] = field(default_factory=list)

    # ------------------------------------------------------------------------------------------------------ the bots
    def start_bot(self, *, lease_s: float = 3.0, renew_s: float = 0.5) -> Bot:
        bot = Bot(self.fake, self.database.url, lease_s=lease_s, renew_s=renew_s)
        self.bots.append(bot)
        return bot

    # ----------------------------------------------------------------------------------------------------- questions
    def ask(
        self,
        *,
        channel: Channel | None = None,
        person: Person | None = None,
        private: bool = False,
        keep_token: bool = False,
    ) -> Asked:
        """Ask as `/ask` does: the interaction is deferred, delivery and job are stored.

        Without `keep_token` it is as after the first edit of a public answer, which takes the token away.
        """
        place, person = channel or self.channel, person or self.person
        own_dm = place.owner is self.fake.bot
        interaction, message = self.defer(place, person, private=private and not own_dm)
        by_token = not own_dm and (private or place.guild is None or not place.guild.has_app)
        return self.submit(
            place,
            person,
            private=private,
            message_id=str(message.id),
            route="token" if by_token else "channel",
            token=interaction.token if by_token or keep_token else None,
            token_ttl_s=15 * 60,
            interaction=interaction,
            message=message,
        )

    def follow(self, interaction: Interaction) -> Asked:
        """Find what a bot made of a command."""
        find = f"SELECT id FROM deliveries WHERE request_key = 'interaction:{interaction.id}'"
        self.wait(lambda: self.value(find), f"a delivery for {interaction}")
        number = self.value(find)
        with self.database.system() as session:
            numbers = tuple(deliveries.list_job_ids(session, number))
        return Asked(number, numbers, cast("Message", interaction.original), interaction)

    def ask_by_mention(self, said: Message) -> Asked:
        """Ask as a mention does: the message that shows it is still to be posted."""
        return self.submit(said.channel, self.person, reply_to_id=str(said.id), message_id=None)

    def submit(
        self,
        place: Channel,
        person: Person,
        *,
        interaction: Interaction | None = None,
        message: Message | None = None,
        kind: deliveries.Kind = "answer",
        payloads: tuple[dict[str, Any], ...] = ({"question": "Where is the kettle?"},),
        **values: Any,
    ) -> Asked:
        key = f"test:{next(_numbers)}"
        with self.database.tenant(self.workspace) as session:
            new = NewDelivery(
                self.workspace,
                kind,
                key,
                str(self.fake.world.application_id),
                str(place.id),
                str(person.id),
                guild_id=str(place.guild.id) if place.guild else None,
                **values,
            )
            number = deliveries.add(session, new)
            job_kind: jobs.Kind = "ask" if kind == "answer" else "ingest"
            requester = f"user:{person.id}"
            new_jobs = [jobs.NewJob(self.workspace, job_kind, one, requester, delivery_id=number) for one in payloads]
            numbers = [jobs.submit(session, job) for job in new_jobs]
        return Asked(number, tuple(numbers), cast("Message", message), interaction)

    def defer(self, place: Channel, person: Person, *, private: bool) -> tuple[Interaction, Message]:
        """Let a person send a command that is answered with "is thinking…"."""
        data: dict[str, Any] = {"id": "1", "name": "ask", "type": 1, "options": []}
        world = self.fake.world
        interaction = world.run(lambda: person._interact(COMMAND, "ask", place, data))
        answer = self.http.post(
            f"{self.fake.api_url}/interactions/{interaction.id}/{interaction.token}/callback",
            json={"type": 5, "data": {"flags": 64 if private else 0}},
        )
        assert answer.is_success, answer.text
        assert interaction.original is not None
        return interaction, interaction.original

    # ---------------------------------------------------------------------------------------------------------- jobs
    def begin(self, asked: Asked, stage: str = "recall", *, number: int = 0) -> jobs.Lease:
        with self.database.system() as session:
            lease = jobs.claim(session, asked.jobs[number], worker="w", stage=stage, lease_s=3600)
        assert lease is not None
        return lease

    def report(self, lease: jobs.Lease, stage: str, done: int = 0, total: int = 0, said: str = "") -> None:
        with self.database.system() as session:
            jobs.report_progress(session, lease, stage, done, total, said)

    def succeed(self, lease: jobs.Lease, answer: str = "On the shelf [1].") -> None:
        citation = {"n": 1, "document": 1, "title": "Kitchen", "page": 2, "quote": "On the shelf."}
        result = {"answer": answer, "abstained": False, "citations": [citation], "candidates": [], "reranker": "none"}
        with self.database.system() as session:
            jobs.succeed(session, lease, result)

    def answer(self, asked: Asked, answer: str = "On the shelf [1].") -> None:
        self.succeed(self.begin(asked), answer)

    def fail(self, asked: Asked, error: Exception) -> None:
        lease = self.begin(asked)
        with self.database.system() as session:
            jobs.fail(session, lease, error)

    # ------------------------------------------------------------------------------------------------------- looking
    def row(self, asked: Asked) -> Any:
        with self.database.system() as session:
            return deliveries.load_views(session, [asked.delivery])[asked.delivery].delivery

    def value(self, statement: str) -> Any:
        with self.database.owner() as session:
            return session.scalar(text(statement))

    def run(self, statement: str) -> None:
        with self.database.owner() as session:
            session.execute(text(statement))

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        self.fake.wait_until(condition, PATIENCE_S, what)

    def wait_state(self, asked: Asked, state: str = "delivered") -> None:
        self.wait(lambda: self.row(asked).state == state, f"delivery {asked.delivery} {state}")

    def wait_text(self, message: Message, wanted: str) -> None:
        def what() -> str:
            couriers = [bot.delivery_worker.health() for bot in self.bots]
            return f"{wanted!r} in {message.text!r}; the couriers: {couriers}"

        self.fake.world.wait_until(lambda: wanted in message.text, PATIENCE_S, what)

    def wait_held(self, asked: Asked, bot: Bot) -> None:
        self.wait(lambda: self.row(asked).claim_owner == bot.owner, f"delivery {asked.delivery} held by {bot.owner}")

    def wait_quiet(self) -> None:
        """Wait until everything that is held was looked at several times: what should not come would have come."""
        for _ in range(3):
            before = self._last_renewal()
            self.wait(partial(self._renewed_since, before), "another look")

    def _last_renewal(self) -> Any:
        return self.value("SELECT max(claim_expires) FROM deliveries")

    def _renewed_since(self, before: Any) -> bool:
        return bool(self._last_renewal() != before)

    def wait_claimed_nothing(self, bot: Bot) -> None:
        """Wait until a bot has looked for deliveries once."""
        self.wait(lambda: bot.delivery_worker.health().looks > 0, "a first look")

    def count(self, route: str) -> int:
        return len(self.fake.requests_to(route))

    def edits_of(self, asked: Asked) -> int:
        return sum(str(asked.message.id) in request.path for request in self.fake.requests_to(EDIT))


class Cut:
    """A database that takes no connections until it is restored."""

    def __init__(self, office: Office, server_url: str) -> None:
        self._url = server_url
        self._name = office.value("SELECT current_database()")
        self._allow("false")
        with psycopg.connect(self._url, autocommit=True) as connection:
            find = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(find, [self._name])

    def restore(self) -> None:
        self._allow("true")

    def _allow(self, allowed: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{self._name}" WITH ALLOW_CONNECTIONS {allowed}'.encode())


@contextmanager
def open_office(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with FakeDiscord() as fake, httpx.Client(trust_env=False) as http:
        monkeypatch.setattr(discord.http.Route, "BASE", fake.api_url)
        database = Database(database_url)
        with database.system() as session:
            workspace = workspaces.ensure_workspace(session, "guild:1")
        person = fake.add_user("ada")
        guild = fake.add_guild(members=[person])
        office = Office(fake, database, workspace, person, fake.add_channel(guild), http)
        try:
            yield office
        finally:
            fake.clear_faults()
            for bot in office.bots:
                bot.kill()
            database.close()
        if fake.problems:
            pytest.fail("\n".join(map(str, fake.problems)))
