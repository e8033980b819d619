"""The delivery worker: claims the open deliveries and keeps each message up to date with its jobs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import discord
import structlog

from bot.delivery.claims import ClaimedDelivery, ClaimLost, DeliveryClaims
from bot.delivery.decisions import (
    MAX_ATTEMPTS,
    MAX_INTERNAL_ERRORS,
    MIN_EDIT_INTERVAL_S,
    DeliveryStep,
    SendFailure,
    next_progress_at,
    next_step,
    progress_interval_s,
    retry_delay_s,
)
from bot.delivery.listener import NotificationListener
from bot.delivery.pages import progress_page
from bot.delivery.publisher import MessagePublisher
from bot.delivery.send import DiscordSender, SendError, bucket_of, is_first_post
from bot.render.message import OutgoingMessage
from db import deliveries
from db.deliveries import DeliveryView
from db.engine import Database
from pipeline.errors import DatabaseUnavailable, LeaseLost, RefdeskError

log = structlog.get_logger(__name__)

MIN_CLAIM_INTERVAL_S = 0.25
"""Minimum time between two queries for claimable deliveries, however many notifications arrive."""
READ_RETRY_S = 1.0
"""Delay between two reads while the database is unavailable."""
STOP_TIMEOUT_S = 5.0
"""How long a clean stop waits for requests in flight."""
RELEASE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class DeliveryHealth:
    """The state of a delivery worker."""

    claimed: int
    sending: int
    listening: bool
    database_available: bool
    claim_rounds: int
    """How often it has queried for claimable deliveries."""


class DeliveryWorker:
    """Shows every open delivery that it can claim: one task per delivery, one edit of a message at a time."""

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
        """Create a worker.

        Args:
            bot: The client.
            database: The database.
            executor: Threads for queries.
            owner: Name of this process; no other process uses it, not even this one after a restart.
            lease_s: Duration of a claim, in seconds.
            renew_s: Time between two renewals, in seconds.
        """
        self._bot = bot
        self._database = database
        self._executor = executor
        self._owner = owner
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._claimed: dict[int, ClaimedDelivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._claimable = asyncio.Event()
        self._claiming: set[int] = set()
        self._database_available = True
        self._claim_rounds = 0
        self._stopping = False
        self._claim_task: asyncio.Task[None] | None = None
        self._renewal_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start claiming, once the client is logged in. If the database is unavailable, the worker waits for it."""
        loop = asyncio.get_running_loop()
        self._sender = DiscordSender(self._bot)
        application_id = str(self._bot.application_id)
        self._claims = DeliveryClaims(
            self._database, self._executor, application_id, self._owner, lease_s=self._lease_s
        )
        self._publisher = MessagePublisher(self._sender, self._claims)
        self._listener = NotificationListener(self._database, loop, self._on_change)
        self._listener.start()
        self._claim_task = loop.create_task(self._claim_repeatedly())
        self._renewal_task = loop.create_task(self._renew_repeatedly())

    def wake(self, delivery_id: int) -> None:
        """Claim and show a delivery that this process has just submitted or reopened."""
        if self._claim_task is not None and not self._stopping:
            self._spawn(self._claim_one(delivery_id))

    async def stop(self) -> None:
        """Finish the requests in flight and release all claims."""
        if self._claim_task is None or self._stopping:
            return
        self._stopping = True
        self._listener.stop()
        # A claim query in flight may still claim deliveries; they are released below, so its task is not cancelled.
        self._claimable.set()
        if self._renewal_task is not None:
            self._renewal_task.cancel()
        for claimed in self._claimed.values():
            claimed.stopping = True
            if claimed.task is not None and not claimed.sending:
                claimed.task.cancel()
        tasks = {self._claim_task, *self._tasks}
        _, late = await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        # A claim that cannot be released here expires.
        with contextlib.suppress(RefdeskError, TimeoutError):
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await self._claims.release()

    def health(self) -> DeliveryHealth:
        """Return the current state."""
        started = self._claim_task is not None
        return DeliveryHealth(
            claimed=len(self._claimed),
            sending=self._sender.in_flight if started else 0,
            listening=started and self._listener.listening,
            database_available=self._database_available,
            claim_rounds=self._claim_rounds,
        )

    # --------------------------------------------------------------------------------------------------------- claims

    async def _claim_repeatedly(self) -> None:
        while not self._stopping:
            try:
                for claimed in await self._claims.claim():
                    self._add(claimed)
                if not self._database_available:
                    log.info("database available again", claimed=len(self._claimed))
                self._database_available = True
                self._claim_rounds += 1
            except RefdeskError as error:
                if self._database_available:
                    log.warning("database unavailable, deliveries are waiting", error=error.name)
                self._database_available = False
            except Exception:
                log.exception("claiming deliveries failed")
            await self._wait_for_claimable()

    async def _wait_for_claimable(self) -> None:
        await asyncio.sleep(min(MIN_CLAIM_INTERVAL_S, self._renew_s))
        if self._stopping:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._renew_s):
                await self._claimable.wait()
        self._claimable.clear()

    async def _renew_repeatedly(self) -> None:
        """Renew the claims at a fixed interval, independent of slow queries."""
        loop = asyncio.get_running_loop()
        while not self._stopping:
            next_at = loop.time() + self._renew_s
            try:
                # `_claim_repeatedly` logs that the database is unavailable.
                with contextlib.suppress(RefdeskError):
                    await self._renew()
            except Exception:
                log.exception("renewing claims failed")
            await asyncio.sleep(next_at - loop.time())

    async def _renew(self) -> None:
        renewed, started, deadline = await self._claims.renew()
        for delivery_id, claimed in list(self._claimed.items()):
            if delivery_id in renewed:
                claimed.extend(deadline)
                # Notifications may be missed, so every claimed delivery is read after a renewal.
                claimed.changed.set()
            elif claimed.claimed_at < started and claimed.task is not None:
                claimed.task.cancel()
        for delivery_id in renewed - self._claimed.keys() - self._claiming:
            self._claiming.add(delivery_id)
            self._spawn(self._claim_one(delivery_id))

    def _on_change(self, delivery_ids: frozenset[int] | None) -> None:
        """Read the changed deliveries, or all if `delivery_ids` is None."""
        for delivery_id in self._claimed if delivery_ids is None else delivery_ids:
            if delivery_id in self._claimed:
                self._claimed[delivery_id].changed.set()
            else:
                self._claimable.set()

    async def _claim_one(self, delivery_id: int) -> None:
        try:
            claimed = await self._claims.claim_one(delivery_id)
        except RefdeskError as error:
            log.warning("delivery not claimed, retrying with the next claim", delivery=delivery_id, error=error.name)
            return
        finally:
            self._claiming.discard(delivery_id)
        if claimed is not None:
            self._add(claimed)

    def _add(self, claimed: ClaimedDelivery) -> None:
        delivery_id = claimed.delivery.id
        previous = self._claimed.get(delivery_id)
        if self._stopping:
            return
        if previous is not None and previous.delivery.claim_token == claimed.delivery.claim_token:
            previous.extend(claimed.deadline)
            previous.changed.set()
            return
        if previous is not None and previous.task is not None:
            previous.task.cancel()
        self._claimed[delivery_id] = claimed
        claimed.task = self._spawn(self._serve(claimed))
        # Not in the task itself: a task that is cancelled before its first step runs none of its code.
        claimed.task.add_done_callback(partial(self._remove, claimed))

    def _remove(self, claimed: ClaimedDelivery, _task: asyncio.Task[Any]) -> None:
        if self._claimed.get(claimed.delivery.id) is claimed:
            del self._claimed[claimed.delivery.id]

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ---------------------------------------------------------------------------------------------------- one delivery

    async def _serve(self, claimed: ClaimedDelivery) -> None:
        try:
            while not await self._show_next_change(claimed):
                pass
        except (ClaimLost, LeaseLost):
            log.info("claim on a delivery ended", delivery=claimed.delivery.id)
        except SendError as error:
            await self._postpone(claimed, str(error), MAX_ATTEMPTS, min_delay_s=error.retry_after_s)
        except Exception as error:
            log.exception("showing a delivery failed", delivery=claimed.delivery.id)
            await self._postpone(claimed, f"{type(error).__name__} in the bot", MAX_INTERNAL_ERRORS)

    async def _show_next_change(self, claimed: ClaimedDelivery) -> bool:
        """Wait for a change and show it; return whether it was the result, which does not wait for any interval."""
        await claimed.wait_for_change()
        claimed.changed.clear()
        view = await self._read(claimed)
        step = next_step(view, dt.datetime.now(dt.UTC), final_only=claimed.final_only)
        if step is DeliveryStep.FINAL:
            await self._publisher.deliver(claimed, view)
            return True
        if step is DeliveryStep.WAIT:
            claimed.show_at = None
        else:
            await self._show_progress(claimed, view, step)
        return False

    async def _read(self, claimed: ClaimedDelivery) -> DeliveryView:
        while True:
            try:
                view = await self._claims.view(claimed.delivery.id)
            except DatabaseUnavailable:
                await asyncio.sleep(READ_RETRY_S)
                continue
            if view is None or view.delivery.claim_token != claimed.delivery.claim_token:
                self._claimable.set()
                raise ClaimLost
            claimed.delivery = view.delivery
            return view

    async def _show_progress(self, claimed: ClaimedDelivery, view: DeliveryView, step: DeliveryStep) -> None:
        loop = asyncio.get_running_loop()
        page = self._render_progress(claimed, view, step)
        if page is None or page.fingerprint() == claimed.fingerprint:
            claimed.show_at = None
            return
        if self._must_wait(claimed):
            return
        read_at = loop.time()
        try:
            async with self._publisher.sending(claimed):
                if self._must_wait(claimed):
                    return
                if loop.time() > read_at + MIN_EDIT_INTERVAL_S / 2:
                    # The delivery waited for its turn, so the progress is read again.
                    view = await self._read(claimed)
                    if next_step(view, dt.datetime.now(dt.UTC), final_only=False) is not step:
                        claimed.changed.set()
                        return
                    page = self._render_progress(claimed, view, step) or page
                try:
                    await self._publisher.show_first(claimed, page, silent=True)
                finally:
                    claimed.edited_at = loop.time()
                claimed.fingerprint = page.fingerprint()
        except SendError as error:
            if error.failure is SendFailure.TEMPORARY:
                raise
            claimed.final_only = True
            log.info("progress cannot be shown", delivery=claimed.delivery.id, error=str(error))

    def _must_wait(self, claimed: ClaimedDelivery) -> bool:
        """Check whether progress has to wait, so that results find a part of the rate limit free.

        Progress that waits is not sent later but read again, so that a result is never behind it.
        """
        now = asyncio.get_running_loop().time()
        bucket = bucket_of(claimed.delivery)
        sharing = [other for other in self._claimed.values() if bucket_of(other.delivery) == bucket]
        claimed.show_at = max(
            next_progress_at(self._sender.last_sent(bucket), len(sharing), posting=is_first_post(claimed.delivery)),
            claimed.edited_at + progress_interval_s(claimed.delivery, dt.datetime.now(dt.UTC)),
        )
        # Of all that are due, the message that was edited longest ago comes first.
        due = [other for other in sharing if other.show_at is not None and other.show_at <= now]
        if any(other.edited_at < claimed.edited_at for other in due):
            claimed.show_at = max(claimed.show_at, now + MIN_EDIT_INTERVAL_S)
        if claimed.show_at > now:
            return True
        claimed.show_at = None
        return False

    def _render_progress(
        self, claimed: ClaimedDelivery, view: DeliveryView, step: DeliveryStep
    ) -> OutgoingMessage | None:
        try:
            parts = self._publisher.adapt(claimed.delivery, [progress_page(view, step)])
            return replace(parts[0], buttons=parts[-1].buttons)
        except Exception:
            # The result can probably still be rendered.
            log.exception("rendering progress failed", delivery=claimed.delivery.id)
            claimed.final_only = True
            return None

    async def _postpone(
        self, claimed: ClaimedDelivery, error: str, max_attempts: int, *, min_delay_s: float = 0.0
    ) -> None:
        attempts = claimed.delivery.attempts
        try:
            async with claimed.while_claimed():
                if attempts + 1 >= max_attempts:
                    text = f"Given up after {max_attempts} attempts: {error}"
                    await self._claims.write(deliveries.mark_undeliverable, claimed, text)
                else:
                    delay_s = max(retry_delay_s(attempts), min_delay_s)
                    await self._claims.write(deliveries.postpone, claimed, delay_s, error)
        except (ClaimLost, RefdeskError):
            return
        log.warning("delivery attempt failed", delivery=claimed.delivery.id, attempts=attempts + 1, error=error)
