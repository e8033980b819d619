"""A fake Discord, a database and delivery workers that a test starts, stops and kills; the test drives the jobs."""

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
TIMEOUT_S = 60
_numbers = itertools.count(1)


class Bot:
    """A delivery worker with a logged-in client on a separate thread, in place of a bot process."""

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
        assert self._started.wait(TIMEOUT_S)

    def wake(self, delivery_id: int) -> None:
        self._loop.call_soon_threadsafe(self.delivery_worker.wake, delivery_id)

    def stop(self) -> None:
        """Stop cleanly."""
        self._end(clean=True)

    def kill(self) -> None:
        """Stop without releasing claims; requests in flight are cut off."""
        self._end(clean=False)

    def _end(self, *, clean: bool) -> None:
        if self._thread.is_alive():
            self._clean = clean
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(TIMEOUT_S)
            assert not self._thread.is_alive()

    def _run(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            self.pool = pool
            self._loop.run_until_complete(self._run_worker(pool))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self._database.close()

    async def _run_worker(self, pool: ThreadPoolExecutor) -> None:
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
            await self._abort()
        await client.close()

    async def _abort(self) -> None:
        self.delivery_worker._listener.stop()
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.delivery_worker._listener.join()


@dataclass(frozen=True)
class Submission:
    """A submitted question or set of documents: its delivery, its jobs and the message that shows them."""

    delivery: int
    jobs: tuple[int, ...]
    message: Message
    interaction: Interaction | None = None

    @property
    def job(self) -> int:
        return self.jobs[0]


@dataclass
class DeliveryEnvironment:
    """The fake Discord, the database and the running bots of a test."""

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
    ) -> Submission:
        """Ask as `/ask` does: defer the interaction, store the delivery and the job.

        Without `keep_token`, a public question has no token, as after 15 minutes.
        """
        channel, person = channel or self.channel, person or self.person
        is_bot_dm = channel.owner is self.fake.bot
        interaction, message = self.defer(channel, person, private=private and not is_bot_dm)
        by_token = not is_bot_dm and (private or channel.guild is None or not channel.guild.has_app)
        return self.submit(
            channel,
            person,
            private=private,
            message_id=str(message.id),
            route="token" if by_token else "channel",
            token=interaction.token if by_token or keep_token else None,
            token_ttl_s=15 * 60,
            interaction=interaction,
            message=message,
        )

    def find_submission(self, interaction: Interaction) -> Submission:
        """Find the delivery that a bot stored for a command."""
        find = f"SELECT id FROM deliveries WHERE request_key = 'interaction:{interaction.id}'"
        self.wait(lambda: self.value(find), f"a delivery for {interaction}")
        number = self.value(find)
        with self.database.system() as session:
            numbers = tuple(deliveries.list_job_ids(session, number))
        return Submission(number, numbers, cast("Message", interaction.original), interaction)

    def ask_by_mention(self, message: Message) -> Submission:
        """Ask as a mention does: the message of the answer is not posted yet."""
        return self.submit(message.channel, self.person, reply_to_id=str(message.id), message_id=None)

    def submit(
        self,
        channel: Channel,
        person: Person,
        *,
        interaction: Interaction | None = None,
        message: Message | None = None,
        kind: deliveries.Kind = "answer",
        payloads: tuple[dict[str, Any], ...] = ({"question": "Where is the kettle?"},),
        **values: Any,
    ) -> Submission:
        key = f"test:{next(_numbers)}"
        with self.database.tenant(self.workspace) as session:
            new = NewDelivery(
                self.workspace,
                kind,
                key,
                str(self.fake.world.application_id),
                str(channel.id),
                str(person.id),
                guild_id=str(channel.guild.id) if channel.guild else None,
                **values,
            )
            number = deliveries.add(session, new)
            job_kind: jobs.Kind = "ask" if kind == "answer" else "ingest"
            requester = f"user:{person.id}"
            new_jobs = [jobs.NewJob(self.workspace, job_kind, one, requester, delivery_id=number) for one in payloads]
            numbers = [jobs.submit(session, job) for job in new_jobs]
        return Submission(number, tuple(numbers), cast("Message", message), interaction)

    def defer(self, channel: Channel, person: Person, *, private: bool) -> tuple[Interaction, Message]:
        """Send a command as `person` and respond with a deferred message ("is thinking…")."""
        data: dict[str, Any] = {"id": "1", "name": "ask", "type": 1, "options": []}
        world = self.fake.world
        interaction = world.run(lambda: person._interact(COMMAND, "ask", channel, data))
        answer = self.http.post(
            f"{self.fake.api_url}/interactions/{interaction.id}/{interaction.token}/callback",
            json={"type": 5, "data": {"flags": 64 if private else 0}},
        )
        assert answer.is_success, answer.text
        assert interaction.original is not None
        return interaction, interaction.original

    # ---------------------------------------------------------------------------------------------------------- jobs
    def claim_job(self, submission: Submission, stage: str = "recall", *, number: int = 0) -> jobs.Lease:
        with self.database.system() as session:
            lease = jobs.claim(session, submission.jobs[number], worker="w", stage=stage, lease_s=3600)
        assert lease is not None
        return lease

    def report(self, lease: jobs.Lease, stage: str, done: int = 0, total: int = 0, text: str = "") -> None:
        with self.database.system() as session:
            jobs.report_progress(session, lease, stage, done, total, text)

    def succeed(self, lease: jobs.Lease, answer: str = "On the shelf [1].") -> None:
        citation = {"n": 1, "document": 1, "title": "Kitchen", "page": 2, "quote": "On the shelf."}
        result = {"answer": answer, "abstained": False, "citations": [citation], "candidates": [], "reranker": "none"}
        with self.database.system() as session:
            jobs.succeed(session, lease, result)

    def answer(self, submission: Submission, answer: str = "On the shelf [1].") -> None:
        self.succeed(self.claim_job(submission), answer)

    def fail(self, submission: Submission, error: Exception) -> None:
        lease = self.claim_job(submission)
        with self.database.system() as session:
            jobs.fail(session, lease, error)

    # ------------------------------------------------------------------------------------------------------- waiting
    def row(self, submission: Submission) -> Any:
        with self.database.system() as session:
            return deliveries.load_views(session, [submission.delivery])[submission.delivery].delivery

    def value(self, statement: str) -> Any:
        with self.database.owner() as session:
            return session.scalar(text(statement))

    def run(self, statement: str) -> None:
        with self.database.owner() as session:
            session.execute(text(statement))

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        self.fake.wait_until(condition, TIMEOUT_S, what)

    def wait_state(self, submission: Submission, state: str = "delivered") -> None:
        self.wait(lambda: self.row(submission).state == state, f"delivery {submission.delivery} {state}")

    def wait_text(self, message: Message, expected: str) -> None:
        def what() -> str:
            workers = [bot.delivery_worker.health() for bot in self.bots]
            return f"{expected!r} in {message.text!r}; delivery workers: {workers}"

        self.fake.world.wait_until(lambda: expected in message.text, TIMEOUT_S, what)

    def wait_claimed_by(self, submission: Submission, bot: Bot) -> None:
        self.wait(
            lambda: self.row(submission).claim_owner == bot.owner,
            f"delivery {submission.delivery} claimed by {bot.owner}",
        )

    def wait_three_renewals(self) -> None:
        """Wait for three renewals, after each of which every claimed delivery is read: an extra edit would show."""
        for _ in range(3):
            before = self._last_renewal()
            self.wait(partial(self._renewed_since, before), "a renewal")

    def _last_renewal(self) -> Any:
        return self.value("SELECT max(claim_expires) FROM deliveries")

    def _renewed_since(self, before: Any) -> bool:
        return bool(self._last_renewal() != before)

    def wait_first_claim_round(self, bot: Bot) -> None:
        """Wait until a bot has queried for claimable deliveries once."""
        self.wait(lambda: bot.delivery_worker.health().claim_rounds > 0, "a first claim round")

    def count(self, route: str) -> int:
        return len(self.fake.requests_to(route))

    def edits_of(self, submission: Submission) -> int:
        by_bot = f"/messages/{submission.message.id}"
        by_token = f"/{submission.interaction.token}/" if submission.interaction else by_bot
        edits = self.fake.requests_to(EDIT) + self.fake.requests_to(EDIT_ORIGINAL)
        return sum(by_bot in request.path or by_token in request.path for request in edits)


class DatabaseOutage:
    """A database that accepts no connections until the outage ends."""

    def __init__(self, env: DeliveryEnvironment, server_url: str) -> None:
        self._url = server_url
        self._name = env.value("SELECT current_database()")
        self._allow("false")
        with psycopg.connect(self._url, autocommit=True) as connection:
            find = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(find, [self._name])

    def end(self) -> None:
        self._allow("true")

    def _allow(self, allowed: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{self._name}" WITH ALLOW_CONNECTIONS {allowed}'.encode())


@contextmanager
def open_environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryEnvironment]:
    with FakeDiscord() as fake, httpx.Client(trust_env=False) as http:
        monkeypatch.setattr(discord.http.Route, "BASE", fake.api_url)
        database = Database(database_url)
        with database.system() as session:
            workspace = workspaces.ensure_workspace(session, "guild:1")
        person = fake.add_user("ada")
        guild = fake.add_guild(members=[person])
        env = DeliveryEnvironment(fake, database, workspace, person, fake.add_channel(guild), http)
        try:
            yield env
        finally:
            fake.clear_faults()
            for bot in env.bots:
                bot.kill()
            database.close()
        if fake.problems:
            pytest.fail("\n".join(map(str, fake.problems)))
