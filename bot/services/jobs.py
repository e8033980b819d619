"""Jobs and answers for people: listed, shown, cancelled, tried again, explained, voted on; always as the person may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.services.async_database import AsyncDatabase, EffectiveSettings
from bot.services.library import require_may_add, require_replaceable, visible_channels
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import deliveries, documents, feedback, job_views, jobs, quotas, traces
from db.deliveries import Delivery
from db.engine import Session
from db.feedback import Vote
from db.job_views import OPEN_STATES, JobView, JobWithOwner
from db.jobs import Kind
from db.plain import storable
from db.traces import TraceView
from pipeline.errors import UnknownName
from tasks.submit import Submitter

T = TypeVar("T")

AGAIN = frozenset({"failed", "dead", "cancelled"})
"""States from which a job can be tried again."""
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class VisibleJob:
    """A job with the message that shows it."""

    owned: JobWithOwner
    delivery: Delivery | None
    in_other_workspace: bool = False
    """It belongs to another workspace, and its result came to this person as a direct message."""

    @property
    def job(self) -> JobView:
        """The job itself."""
        return self.owned.job

    @property
    def private(self) -> bool:
        """Whether its result is for one person's eyes."""
        return self.delivery is not None and self.delivery.private

    def shown_by_token_to(self, user_id: str) -> bool:
        """Whether only an interaction's token reaches its message, and this person's is the one that may."""
        delivery = self.delivery
        return delivery is not None and delivery.route == "token" and delivery.user_id == user_id


@dataclass(frozen=True, slots=True)
class InteractionToken:
    """A newer interaction token, for a message that only such a token reaches."""

    token: str
    lives_s: float


class JobService:
    """The jobs of a workspace, as far as the person may see and change them."""

    def __init__(self, async_database: AsyncDatabase, submitter: Submitter) -> None:
        """Work through a door."""
        self._async_database = async_database
        self._submitter = submitter

    async def jobs(self, context: RequestContext, *, everyone: bool, **filters: Any) -> list[JobWithOwner]:
        """List jobs newest first: one's own, or everybody's for a manager; filters as `db.job_views.list_jobs` has."""
        requester = None if everyone else context.user_id
        return await self._tenant(context, lambda s: job_views.list_jobs(s, requester=requester, **filters))

    async def job(self, context: RequestContext, job_id: int) -> VisibleJob:
        """Give a job that this person may know of: one's own, any as a manager, and public answers of this channel."""
        return await self._async_database.run(lambda: self._job(context, job_id))

    async def answer(self, context: RequestContext, job_id: int) -> VisibleJob:
        """Give an answer that this person may read; being a manager is not enough."""
        return await self._async_database.run(lambda: self._answer(context, job_id))

    async def sources(self, context: RequestContext, job_id: int) -> dict[str, Any]:
        """Give the result of an answer, without the words and names of what this person may not see now."""
        return await self._async_database.run(lambda: self._sources(context, job_id))

    async def last_answer(self, context: RequestContext) -> int | None:
        """Give the job of the last answer this person got here."""
        return await self._tenant(context, lambda s: job_views.last_answer(s, context.user_id, context.channel_id))

    async def trace(self, context: RequestContext, job_id: int) -> TraceView:
        """Give how an answer came about, with the text of what this person may see now."""
        return await self._async_database.run(lambda: self._trace(context, job_id))

    async def vote(self, context: RequestContext, job_id: int, vote: Vote) -> int:
        """Keep a vote, or take it back when it was the same; gives what holds now."""
        return await self._async_database.run(lambda: self._vote(context, job_id, vote))

    async def cancel(self, context: RequestContext, job_ids: Sequence[int]) -> list[str]:
        """Ask jobs to stop; gives the states of those that had not ended."""
        return await self._async_database.run(lambda: self._cancel(context, job_ids))

    async def retry(
        self, context: RequestContext, job_ids: Sequence[int], token: InteractionToken | None = None
    ) -> list[int]:
        """Try ended jobs again; gives those that are queued now."""
        return await self._async_database.run(lambda: self._retry(context, job_ids, token))

    async def jobs_of(self, context: RequestContext, delivery_id: int) -> list[int]:
        """Give the jobs that a message shows; empty when there is no such message for this person's place."""
        return await self._async_database.run(lambda: self._jobs_of(context, delivery_id))

    # ------------------------------------------------------------------------------------------------- on a thread

    async def _tenant(self, context: RequestContext, read: Callable[[Session], T]) -> T:
        def run() -> T:
            with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
                return read(session)

        return await self._async_database.run(run)

    def _job(self, context: RequestContext, job_id: int) -> VisibleJob:
        seen = self._find(context, job_id)
        if context.manager or context.may_read(seen.owned.requester, seen.delivery):
            return seen
        raise _unknown(job_id)

    def _answer(self, context: RequestContext, job_id: int) -> VisibleJob:
        seen = self._find(context, job_id)
        if not context.may_read(seen.owned.requester, seen.delivery):
            raise Refusal("refusal-not-your-answer")
        return seen

    def _find(self, context: RequestContext, job_id: int) -> VisibleJob:
        """Find a job in the workspace of this place, or in direct messages one whose result came there."""
        if not 0 < job_id <= MAX_ID:
            raise _unknown(job_id)
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            try:
                return VisibleJob(job_views.find_job(session, job_id), deliveries.delivery_of_job(session, job_id))
            except UnknownName:
                if context.guild_id is not None:
                    raise _unknown(job_id) from None
        with self._async_database.database.system() as session:
            delivery = deliveries.delivery_of_job(session, job_id)
        if delivery is None or (delivery.user_id, delivery.channel_id) != (context.user_id, context.channel_id):
            raise _unknown(job_id)
        with self._async_database.database.tenant(delivery.workspace_id) as session:
            return VisibleJob(job_views.find_job(session, job_id), delivery, in_other_workspace=True)

    def _workspace(self, context: RequestContext, seen: VisibleJob) -> int:
        return (
            seen.delivery.workspace_id
            if seen.in_other_workspace and seen.delivery
            else self._async_database.workspace_id(context)
        )

    def _trace(self, context: RequestContext, job_id: int) -> TraceView:
        seen = self._answer(context, job_id)
        # What came as a direct message is read outside its server, where nobody can tell which channels are open.
        channels = () if seen.in_other_workspace else visible_channels(context)
        with self._async_database.database.tenant(self._workspace(context, seen)) as session:
            trace = traces.read_trace(session, job_id, channels=channels)
        if trace is None:
            raise Refusal("refusal-no-answer-yet", job=str(job_id))
        return trace

    def _sources(self, context: RequestContext, job_id: int) -> dict[str, Any]:
        seen = self._answer(context, job_id)
        if seen.job.result is None:
            raise Refusal("refusal-no-answer-yet", job=str(job_id))
        result: dict[str, Any] = dict(seen.job.result)
        channels = () if seen.in_other_workspace else visible_channels(context)
        if channels is None:
            return result
        listed = {name: list(result.get(name) or ()) for name in ("citations", "candidates")}
        ids = [each["document"] for items in listed.values() for each in items if isinstance(each.get("document"), int)]
        with self._async_database.database.tenant(self._workspace(context, seen)) as session:
            open_to = documents.documents_seen(session, ids, channels)
        return result | {
            name: [each if each.get("document") in open_to else {"n": each.get("n")} for each in items]
            for name, items in listed.items()
        }

    def _vote(self, context: RequestContext, job_id: int, vote: Vote) -> int:
        seen = self._answer(context, job_id)
        number = self._workspace(context, seen)
        with self._async_database.database.tenant(number) as session:
            now: Vote = 0 if feedback.vote_of(session, job_id, context.user_id) == vote else vote
            feedback.vote(session, number, job_id, context.user_id, now)
        return now

    def _cancel(self, context: RequestContext, job_ids: Sequence[int]) -> list[str]:
        seen = self._changeable(context, job_ids)
        states = []
        for each in seen:
            if each.job.state in OPEN_STATES:
                with self._async_database.database.tenant(self._workspace(context, each)) as session:
                    states.append(jobs.cancel(session, each.job.id))
        if not states and seen:
            raise Refusal("refusal-job-ended", job=str(seen[0].job.id))
        return states

    def _retry(self, context: RequestContext, job_ids: Sequence[int], token: InteractionToken | None) -> list[int]:
        seen = [each for each in self._changeable(context, job_ids) if each.job.state in AGAIN]
        if not seen:
            raise Refusal("refusal-nothing-to-retry")
        number, rules = self._async_database.workspace_id(context), self._async_database.load_settings(context)
        requester, kind = seen[0].owned.requester, _kind(seen[0].job)
        quota = rules.question_quota if kind == "ask" else rules.document_quota
        with self._async_database.database.tenant(number) as session:
            for each in seen:
                _require_repeatable(context, each, rules, session, number)
            quotas.admit_again(session, number, requester, quota, [each.job.id for each in seen])
            for each in seen:
                if each.private and each.job.kind == "ask":
                    # What was open when it was asked may be closed to the person by now.
                    jobs.rescope(session, each.job.id, context.private_channels)
                jobs.retry(session, each.job.id)
            if token is not None and seen[0].shown_by_token_to(context.user_id):
                deliveries.reopen(
                    session,
                    seen[0].job.id,
                    user_id=context.user_id,
                    token=token.token,
                    token_lives_s=token.lives_s,
                )
        self._submitter.publish([(each.job.id, jobs.QUEUE_OF[_kind(each.job)]) for each in seen])
        return [each.job.id for each in seen]

    def _changeable(self, context: RequestContext, job_ids: Sequence[int]) -> list[VisibleJob]:
        seen = [self._find(context, job_id) for job_id in job_ids]
        if not seen:
            raise Refusal("refusal-unknown-job", job="")
        if not all(
            context.user_id == each.owned.requester or (context.manager and not each.in_other_workspace)
            for each in seen
        ):
            raise Refusal("refusal-not-your-job")
        return seen

    def _jobs_of(self, context: RequestContext, delivery_id: int) -> list[int]:
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            found = deliveries.job_ids(session, delivery_id)
        if found or context.guild_id is not None:
            return found
        with self._async_database.database.system() as session:
            # Each of them is looked at again as one of this person's own.
            return deliveries.job_ids(session, delivery_id)


def _require_repeatable(
    context: RequestContext, seen: VisibleJob, rules: EffectiveSettings, session: Session, number: int
) -> None:
    """Raise a refusal for what cannot be tried again from here, or by this person."""
    if seen.in_other_workspace:
        raise Refusal("refusal-retry-other-server")
    if seen.job.kind == "ask" and seen.private and seen.owned.requester != context.user_id:
        # Its answer may rest on what only the person who asked can see, and nobody else knows what that is now.
        raise Refusal("refusal-retry-private")
    if seen.job.kind == "ingest":
        require_may_add(context, rules)
        require_replaceable(session, number, context, str(seen.job.payload.get("source") or ""), seen.job.about)


def _kind(job: JobView) -> Kind:
    return "ask" if job.kind == "ask" else "ingest"


def _unknown(job_id: int) -> Refusal:
    return Refusal("refusal-unknown-job", job=str(job_id))


def parse_job_id(named: str) -> int:
    """Read a job's number as people type it; raises a refusal for what is none."""
    digits = storable(named).strip().lstrip("#")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Refusal("refusal-unknown-job", job=digits[:20])
    return int(digits)
