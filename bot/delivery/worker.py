"""The courier: holds the open deliveries of one bot process and keeps each message true to its jobs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass

import discord
import structlog

from bot.delivery.claims import ClaimedDelivery, ClaimLost, DeliveryClaims
from bot.delivery.decisions import (
    MAX_FAULTS,
    MAX_TRIES,
    MIN_GAP_S,
    DeliveryStep,
    SendFailure,
    next_step,
    pause_s,
    progress_gap_s,
)
from bot.delivery.listener import NotificationListener
from bot.delivery.pages import progress_page
from bot.delivery.publisher import MessagePublisher
from bot.delivery.send import DiscordSender, SendError
from bot.render.message import OutgoingMessage
from db import deliveries
from db.deliveries import DeliveryView
from db.engine import Database
from pipeline.errors import DatabaseUnavailable, LeaseLost, RefdeskError

log = structlog.get_logger(__name__)

LOOK_GAP_S = 0.25
"""Between two looks for deliveries that are free, however much is heard of them."""
AWAY_S = 1.0
"""Between two tries to read while the database is away."""
GRACE_S = 5.0
"""How long a clean stop waits for what is being sent."""
RELEASE_S = 2.0


@dataclass(frozen=True, slots=True)
class DeliveryHealth:
    """What the log and the doctor say of a courier."""

    held: int
    sending: int
    listening: bool
    database: bool
    looks: int
    """How often it has looked for deliveries that are free."""


class DeliveryWorker:
    """Shows every open delivery it can claim: one task for each, one edit of a message at a time."""

    def __init__(
        self,
        bot: discord.Client,
        database: Database,
        *,
        executor: Executor,
        owner: str,
        lease_s: float = 15.0,
        renew_s: float = 5.0,
    ) -> None:
        """Prepare; `owner` names this very process, and no restart of it uses the name again."""
        self._bot = bot
        self._database = database
        self._executor = executor
        self._owner = owner
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._held: dict[int, ClaimedDelivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Event()
        self._adopting: set[int] = set()
        self._database_there = True
        self._looks = 0
        self._stopping = False
        self._keeper: asyncio.Task[None] | None = None
        self._beater: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, once the client is logged in: claim what lies there; a database that is away is waited for."""
        loop = asyncio.get_running_loop()
        self._sender = DiscordSender(self._bot)
        application_id = str(self._bot.application_id)
        self._claims = DeliveryClaims(
            self._database, self._executor, application_id, self._owner, lease_s=self._lease_s
        )
        self._ending = MessagePublisher(self._sender, self._claims)
        self._listener = NotificationListener(self._database.url, loop, self._hear)
        self._listener.start()
        self._keeper = loop.create_task(self._keep())
        self._beater = loop.create_task(self._beat_on())

    def wake(self, delivery_id: int) -> None:
        """Claim and show a delivery that this process just submitted or opened again."""
        if self._keeper is not None and not self._stopping:
            self._spawn(self._adopt(delivery_id))

    async def stop(self) -> None:
        """Finish what is being sent and leave the rest to whoever comes next."""
        if self._keeper is None or self._stopping:
            return
        self._stopping = True
        self._listener.stop()
        # What it claims at this moment is to be released below, so it ends by itself.
        self._free.set()
        if self._beater is not None:
            self._beater.cancel()
        for held in self._held.values():
            held.stopping = True
            if held.task is not None and not held.busy:
                held.task.cancel()
        tasks = {self._keeper, *self._tasks}
        _, late = await asyncio.wait(tasks, timeout=GRACE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        # Whatever cannot be released here ends with its lease.
        with contextlib.suppress(RefdeskError, TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await self._claims.release()

    def health(self) -> DeliveryHealth:
        """Tell how it goes."""
        started = self._keeper is not None
        return DeliveryHealth(
            len(self._held),
            self._sender.in_flight if started else 0,
            started and self._listener.listening,
            self._database_there,
            self._looks,
        )

    # -------------------------------------------------------------------------------------------- holding deliveries

    async def _keep(self) -> None:
        while not self._stopping:
            try:
                for held in await self._claims.claim():
                    self._hold(held)
                if not self._database_there:
                    log.info("database is back", held=len(self._held))
                self._database_there = True
                self._looks += 1
            except RefdeskError as error:
                if self._database_there:
                    log.warning("database away, deliveries wait", error=error.name)
                self._database_there = False
            except Exception:
                log.exception("looking for deliveries failed")
            await self._rest()

    async def _rest(self) -> None:
        await asyncio.sleep(min(LOOK_GAP_S, self._renew_s))
        if self._stopping:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._renew_s):
                await self._free.wait()
        self._free.clear()

    async def _beat_on(self) -> None:
        """Renew the claims at even times, whatever else takes long."""
        loop = asyncio.get_running_loop()
        while not self._stopping:
            next_at = loop.time() + self._renew_s
            try:
                # A database that is away is noticed, and told, by whoever looks for deliveries.
                with contextlib.suppress(RefdeskError):
                    await self._beat()
            except Exception:
                log.exception("claims could not be renewed")
            await asyncio.sleep(next_at - loop.time())

    async def _beat(self) -> None:
        renewed, began, deadline = await self._claims.renew()
        for number, held in list(self._held.items()):
            if number in renewed:
                held.prolong(deadline)
                # Nothing depends on notices: whatever is held is looked at.
                held.changed.set()
            elif held.claimed_at < began and held.task is not None:
                held.task.cancel()
        for number in renewed - self._held.keys() - self._adopting:
            self._adopting.add(number)
            self._spawn(self._adopt(number))

    def _hear(self, numbers: frozenset[int] | None) -> None:
        """Look at what changed: these deliveries, or all."""
        for number in self._held if numbers is None else numbers:
            if number in self._held:
                self._held[number].changed.set()
            else:
                self._free.set()

    async def _adopt(self, delivery_id: int) -> None:
        try:
            held = await self._claims.claim_one(delivery_id)
        except RefdeskError as error:
            log.warning("a delivery waits for the next look", delivery=delivery_id, error=error.name)
            return
        finally:
            self._adopting.discard(delivery_id)
        if held is not None:
            self._hold(held)

    def _hold(self, held: ClaimedDelivery) -> None:
        number = held.delivery.id
        before = self._held.get(number)
        if self._stopping:
            return
        if before is not None and before.delivery.claim_token == held.delivery.claim_token:
            before.prolong(held.deadline)
            before.changed.set()
            return
        if before is not None and before.task is not None:
            before.task.cancel()
        self._held[number] = held
        held.task = self._spawn(self._serve(held))
        # Not at the end of the task itself: one that is cancelled before its first step runs none of its code.
        held.task.add_done_callback(lambda _: self._let_go(held))

    def _let_go(self, held: ClaimedDelivery) -> None:
        if self._held.get(held.delivery.id) is held:
            del self._held[held.delivery.id]

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -------------------------------------------------------------------------------------------- showing one of them

    async def _serve(self, held: ClaimedDelivery) -> None:
        try:
            while not await self._look(held):
                pass
        except (ClaimLost, LeaseLost):
            log.info("delivery let go", delivery=held.delivery.id)
        except SendError as refusal:
            await self._postpone(held, str(refusal), MAX_TRIES, at_least_s=refusal.retry_after_s)
        except Exception as error:
            log.exception("a delivery could not be shown", delivery=held.delivery.id)
            await self._postpone(held, f"{type(error).__name__} in the bot", MAX_FAULTS)

    async def _look(self, held: ClaimedDelivery) -> bool:
        """Wait for a change and show it, at the end of the message's second; tells whether that was the end."""
        await held.changed.wait()
        await asyncio.sleep(held.shown_at + MIN_GAP_S - asyncio.get_running_loop().time())
        held.changed.clear()
        view = await self._read(held)
        now = dt.datetime.now(dt.UTC)
        step = next_step(view, now, blind=held.blind)
        if step is DeliveryStep.FINAL:
            await self._ending.deliver(held, view)
            return True
        passed_s = asyncio.get_running_loop().time() - held.shown_at
        if step is not DeliveryStep.WAIT and passed_s >= progress_gap_s(held.delivery, now):
            await self._show_waiting(held, view, step)
        return False

    async def _read(self, held: ClaimedDelivery) -> DeliveryView:
        while True:
            try:
                view = await self._claims.view(held.delivery.id)
            except DatabaseUnavailable:
                await asyncio.sleep(AWAY_S)
                continue
            if view is None or view.delivery.claim_token != held.delivery.claim_token:
                self._free.set()
                raise ClaimLost
            held.delivery = view.delivery
            return view

    async def _show_waiting(self, held: ClaimedDelivery, view: DeliveryView, step: DeliveryStep) -> None:
        loop = asyncio.get_running_loop()
        shown = self._page(held, view, step)
        if shown is None or shown.fingerprint() == held.shown:
            return
        read_at = loop.time()
        try:
            async with self._ending.sending(held):
                if loop.time() > read_at + MIN_GAP_S / 2:
                    # It waited for its turn: what is shown is what is so now.
                    view = await self._read(held)
                    if next_step(view, dt.datetime.now(dt.UTC), blind=False) is not step:
                        held.changed.set()
                        return
                    shown = self._page(held, view, step) or shown
                await self._ending.show_first(held, shown, silent=True)
                held.shown = shown.fingerprint()
        except SendError as refusal:
            if refusal.trouble is SendFailure.LATER:
                raise
            held.blind = True
            log.info("progress cannot be shown", delivery=held.delivery.id, error=str(refusal))
        finally:
            held.shown_at = loop.time()

    def _page(self, held: ClaimedDelivery, view: DeliveryView, step: DeliveryStep) -> OutgoingMessage | None:
        try:
            return progress_page(view, step)
        except Exception:
            # The end may well be shown all the same.
            log.exception("progress could not be drawn", delivery=held.delivery.id)
            held.blind = True
            return None

    async def _postpone(self, held: ClaimedDelivery, error: str, tries: int, *, at_least_s: float = 0.0) -> None:
        attempts = held.delivery.attempts
        try:
            async with held.while_held():
                if attempts + 1 >= tries:
                    await self._claims.write(
                        deliveries.mark_undeliverable, held, f"Given up after {tries} tries: {error}"
                    )
                else:
                    delay_s = max(pause_s(attempts), at_least_s)
                    await self._claims.write(deliveries.postpone, held, delay_s, error)
        except (ClaimLost, RefdeskError):
            return
        log.warning("delivery failed for now", delivery=held.delivery.id, attempts=attempts + 1, error=error)
