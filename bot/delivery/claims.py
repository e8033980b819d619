"""Claims: what this process holds and until when by its own clock, and the way to the database through threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from db import deliveries
from db.deliveries import Delivery, DeliveryView
from db.engine import Database, Session
from pipeline.errors import DatabaseUnavailable

P = ParamSpec("P")
T = TypeVar("T")
BATCH = 100
GATHER_S = 0.05
"""Reads that come within this become one."""
RETRY_S = 0.5
"""Between two tries to reach a database that is away."""
FRESH_S = 30.0
"""Discord knows the nonce of what was posted for a delivery no older than this."""


class ClaimLost(Exception):
    """The claim has ended or may have, so another process may hold the delivery by now; or this one lets go of it."""


class ClaimedDelivery:
    """A delivery this process holds: what of it is shown, and until when it may send."""

    def __init__(self, delivery: Delivery, *, claimed_at: float, deadline: float, inherited: bool) -> None:
        """Take a claimed delivery; times are the event loop's.

        `inherited`: another process may have posted for it longer ago than Discord remembers nonces.
        """
        self.delivery = delivery
        self.claimed_at = claimed_at
        self.deadline = deadline
        self.inherited = inherited
        self.changed = asyncio.Event()
        self.changed.set()
        self.task: asyncio.Task[None] | None = None
        self.shown = ""
        """Fingerprint of what its message shows."""
        self.shown_at = -float("inf")
        self.blind = False
        """Its message cannot be edited, so only the end counts."""
        self.busy = False
        """Something is being sent; a clean stop waits for that."""
        self.stopping = False
        self._limit: asyncio.Timeout | None = None

    def prolong(self, deadline: float) -> None:
        """Hold it longer, also while something is being sent."""
        self.deadline = deadline
        if self._limit is not None:
            self._limit.reschedule(deadline)

    @asynccontextmanager
    async def while_held(self) -> AsyncIterator[None]:
        """Do something only as long as the claim surely holds; raises `ClaimLost` at its end, even while it waits."""
        if self.stopping or asyncio.get_running_loop().time() >= self.deadline:
            raise ClaimLost
        limit = asyncio.timeout_at(self.deadline)
        try:
            async with limit:
                self._limit = limit
                yield
        except TimeoutError as error:
            if limit.expired():
                raise ClaimLost from error
            raise
        finally:
            self._limit = None


class DeliveryClaims:
    """The outbox as an asynchronous process sees it."""

    def __init__(
        self, database: Database, executor: Executor, application_id: str, owner: str, *, lease_s: float
    ) -> None:
        """Claim for one bot process, named `owner`, of one application."""
        self._database = database
        self._executor = executor
        self._application_id = application_id
        self._owner = owner
        self._lease_s = lease_s
        # Nothing else may make a renewal wait: what holds on to the claims has a thread for itself.
        self._renewer = ThreadPoolExecutor(1, thread_name_prefix="renewals")
        self._reads: list[tuple[int, asyncio.Future[DeliveryView | None]]] = []
        self._reader: asyncio.Task[None] | None = None

    async def write(
        self,
        act: Callable[Concatenate[Session, Delivery, P], Delivery],
        held: ClaimedDelivery,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run one fenced write of `db.deliveries` in a transaction of its own, again while the database is away.

        What was sent has to be recorded, so only the end of the claim ends the trying: call it in `while_held`.
        """
        while True:
            try:
                held.delivery = await self._run(lambda session: act(session, held.delivery, *args, **kwargs))
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def claim(self) -> list[ClaimedDelivery]:
        """Take everything that is open, due and free."""
        claimed: list[ClaimedDelivery] = []
        while True:
            started = asyncio.get_running_loop().time()
            batch = await self._run(
                lambda session: deliveries.claim(
                    session, self._application_id, self._owner, lease_s=self._lease_s, limit=BATCH
                )
            )
            claimed += [self._held(delivery, started) for delivery in batch]
            if len(batch) < BATCH:
                return claimed

    async def claim_one(self, delivery_id: int) -> ClaimedDelivery | None:
        """Take one delivery unless another process holds it."""
        started = asyncio.get_running_loop().time()
        delivery = await self._run(
            lambda session: deliveries.claim_one(session, delivery_id, self._owner, self._lease_s)
        )
        return None if delivery is None else self._held(delivery, started)

    async def renew(self) -> tuple[set[int], float, float]:
        """Prolong all claims: gives whose, when that began, and until when they surely hold."""
        started = asyncio.get_running_loop().time()
        renewed = await self._run(lambda session: deliveries.renew(session, self._owner, self._lease_s), self._renewer)
        return renewed, started, self._deadline(started)

    async def release(self) -> None:
        """Leave everything to others."""
        self._renewer.shutdown(wait=False, cancel_futures=True)
        await self._run(lambda session: deliveries.release(session, self._owner))

    async def of_others(self, held: ClaimedDelivery, message_ids: list[str]) -> set[str]:
        """Tell which of these messages show another delivery."""
        return await self._run(lambda session: deliveries.find_foreign_messages(session, held.delivery, message_ids))

    async def view(self, delivery_id: int) -> DeliveryView | None:
        """Read a delivery with its jobs; reads that come within a moment are one query."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[DeliveryView | None] = loop.create_future()
        self._reads.append((delivery_id, future))
        if self._reader is None:
            self._reader = loop.create_task(self._read())
        return await future

    async def _read(self) -> None:
        await asyncio.sleep(GATHER_S)
        wanted, self._reads, self._reader = self._reads, [], None
        numbers = sorted({delivery_id for delivery_id, _ in wanted})
        found: dict[int, DeliveryView] = {}
        failed: Exception | None = None
        try:
            found = await self._run(lambda session: deliveries.load_views(session, numbers))
        except Exception as error:  # noqa: BLE001 - whoever waits for this read handles it
            failed = error
        for delivery_id, future in wanted:
            if future.done():
                continue
            if failed is not None:
                future.set_exception(failed)
            else:
                future.set_result(found.get(delivery_id))

    async def _run(self, act: Callable[[Session], T], executor: Executor | None = None) -> T:
        def run() -> T:
            with self._database.system() as session:
                return act(session)

        return await asyncio.get_running_loop().run_in_executor(executor or self._executor, run)

    def _held(self, delivery: Delivery, started: float) -> ClaimedDelivery:
        ends = delivery.claim_expires or delivery.created_at
        age_s = (ends - delivery.created_at).total_seconds() - self._lease_s
        inherited = delivery.attempts > 0 or age_s > FRESH_S
        # Claimed now, not when that began: a renewal in between may not have seen it.
        now = asyncio.get_running_loop().time()
        return ClaimedDelivery(delivery, claimed_at=now, deadline=self._deadline(started), inherited=inherited)

    def _deadline(self, started: float) -> float:
        # The database counts from a moment after `started`; the margin is for what is on its way to Discord.
        return started + self._lease_s * 0.8
