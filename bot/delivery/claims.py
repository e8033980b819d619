"""Claims on deliveries, with deadlines on the event loop's clock, and database access through threads."""

from __future__ import annotations

import asyncio
import contextlib
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
READ_WINDOW_S = 0.05
"""Reads requested within this time are combined into one query."""
RETRY_S = 0.5
"""Delay between two attempts while the database is unavailable."""
NONCE_LIFETIME_S = 30.0
"""Age of a delivery up to which Discord certainly remembers the nonces of its messages."""
DEADLINE_SHARE = 0.8
"""Share of a lease after which nothing more is sent; the rest is a margin for requests in flight to Discord."""


class ClaimLost(Exception):
    """The claim may have expired, or this process is stopping; another process may claim the delivery."""


class ClaimedDelivery:
    """A delivery claimed by this process: the state of its message, and the deadline for sending."""

    def __init__(self, delivery: Delivery, *, claimed_at: float, deadline: float, may_be_posted: bool) -> None:
        """Create a claimed delivery; times are on the event loop's clock, in seconds.

        Args:
            delivery: The claimed row.
            claimed_at: When the claim was made.
            deadline: When to stop sending unless the claim is renewed.
            may_be_posted: Another process may have posted its messages longer ago than Discord remembers nonces.
        """
        self.delivery = delivery
        self.claimed_at = claimed_at
        self.deadline = deadline
        self.may_be_posted = may_be_posted
        self.changed = asyncio.Event()
        self.changed.set()
        self.task: asyncio.Task[None] | None = None
        self.fingerprint = ""
        """Fingerprint of the content of its message."""
        self.edited_at = -float("inf")
        self.show_at: float | None = None
        """When progress that had to wait for the rate limit is tried again; None if no progress waits."""
        self.final_only = False
        """Whether progress cannot be shown, so that only the result is sent."""
        self.sending = False
        """Whether a request to Discord is in flight; a clean stop waits for it."""
        self.stopping = False
        self._timeout: asyncio.Timeout | None = None

    def extend(self, deadline: float) -> None:
        """Extend the deadline, also of a request in flight."""
        self.deadline = deadline
        if self._timeout is not None:
            self._timeout.reschedule(deadline)

    async def wait_for_change(self) -> None:
        """Wait until the jobs may have changed, or until progress that waited for the rate limit is due."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self.show_at):
                await self.changed.wait()

    @asynccontextmanager
    async def while_claimed(self) -> AsyncIterator[None]:
        """Run a block while the claim is certainly valid.

        Raises:
            ClaimLost: The deadline has passed, before or during the block.
        """
        if self.stopping or asyncio.get_running_loop().time() >= self.deadline:
            raise ClaimLost
        timeout = asyncio.timeout_at(self.deadline)
        try:
            async with timeout:
                self._timeout = timeout
                yield
        except TimeoutError as error:
            if timeout.expired():
                raise ClaimLost from error
            raise
        finally:
            self._timeout = None


class DeliveryClaims:
    """The deliveries of one application, claimed for one bot process."""

    def __init__(
        self, database: Database, executor: Executor, application_id: str, owner: str, *, lease_s: float
    ) -> None:
        """Bind to a database; `owner` is the unique name of the process."""
        self._database = database
        self._executor = executor
        self._application_id = application_id
        self._owner = owner
        self._lease_s = lease_s
        # Renewals have a separate thread, so that no other query delays them.
        self._renewal_executor = ThreadPoolExecutor(1, thread_name_prefix="renewals")
        self._requests: list[tuple[int, asyncio.Future[DeliveryView | None]]] = []
        self._reader: asyncio.Task[None] | None = None

    async def write(
        self,
        operation: Callable[Concatenate[Session, Delivery, P], Delivery],
        claimed: ClaimedDelivery,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run one fenced write of `db.deliveries` in a transaction, and retry it while the database is unavailable.

        A sent message must be recorded, so only the end of the claim ends the retries: call it in `while_claimed`.
        """
        while True:
            try:
                claimed.delivery = await self._run(operation, claimed.delivery, *args, **kwargs)
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def claim(self) -> list[ClaimedDelivery]:
        """Claim all deliveries that are open, due and unclaimed."""
        claimed: list[ClaimedDelivery] = []
        while True:
            started = asyncio.get_running_loop().time()
            batch = await self._run(
                deliveries.claim, self._application_id, self._owner, lease_s=self._lease_s, limit=BATCH
            )
            claimed += [self._to_claimed(delivery, started) for delivery in batch]
            if len(batch) < BATCH:
                return claimed

    async def claim_one(self, delivery_id: int) -> ClaimedDelivery | None:
        """Claim one delivery; None if another process has claimed it."""
        started = asyncio.get_running_loop().time()
        delivery = await self._run(deliveries.claim_one, delivery_id, self._owner, self._lease_s)
        return None if delivery is None else self._to_claimed(delivery, started)

    async def renew(self) -> tuple[set[int], float, float]:
        """Renew all claims.

        Returns:
            The IDs of the renewed deliveries, when the renewal began, and the new deadline.
        """
        started = asyncio.get_running_loop().time()
        renewed = await self._run_on(self._renewal_executor, deliveries.renew, self._owner, self._lease_s)
        return renewed, started, self._deadline(started)

    async def release(self) -> None:
        """Release all claims."""
        self._renewal_executor.shutdown(wait=False, cancel_futures=True)
        await self._run(deliveries.release, self._owner)

    async def find_foreign_messages(self, claimed: ClaimedDelivery, message_ids: list[str]) -> set[str]:
        """Return which of these messages belong to other deliveries."""
        return await self._run(deliveries.find_foreign_messages, claimed.delivery, message_ids)

    async def view(self, delivery_id: int) -> DeliveryView | None:
        """Read a delivery with its jobs; concurrent reads are combined into one query."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[DeliveryView | None] = loop.create_future()
        self._requests.append((delivery_id, future))
        if self._reader is None:
            self._reader = loop.create_task(self._read_requested())
        return await future

    async def _read_requested(self) -> None:
        await asyncio.sleep(READ_WINDOW_S)
        requests, self._requests, self._reader = self._requests, [], None
        views: dict[int, DeliveryView] = {}
        failure: Exception | None = None
        try:
            views = await self._run(deliveries.load_views, sorted({delivery_id for delivery_id, _ in requests}))
        except Exception as error:  # noqa: BLE001 - each caller of `view` handles it
            failure = error
        for delivery_id, future in requests:
            if future.done():
                continue
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(views.get(delivery_id))

    async def _run(self, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run_on(self._executor, operation, *args, **kwargs)

    async def _run_on(
        self, executor: Executor, operation: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def run_in_transaction() -> T:
            with self._database.system() as session:
                return operation(session, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(executor, run_in_transaction)

    def _to_claimed(self, delivery: Delivery, started: float) -> ClaimedDelivery:
        claim_expires = delivery.claim_expires or delivery.created_at
        age_s = (claim_expires - delivery.created_at).total_seconds() - self._lease_s
        may_be_posted = delivery.attempts > 0 or age_s > NONCE_LIFETIME_S
        # `claimed_at` is the time after the claim: a renewal that began in between may not include it.
        now = asyncio.get_running_loop().time()
        return ClaimedDelivery(delivery, claimed_at=now, deadline=self._deadline(started), may_be_posted=may_be_posted)

    def _deadline(self, started: float) -> float:
        # The database sets the expiry after `started`, so this deadline is never too late.
        return started + self._lease_s * DEADLINE_SHARE
