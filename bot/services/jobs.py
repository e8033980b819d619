"""List, show, cancel, retry, explain and rate jobs, within the permissions of the request context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.services.async_database import AsyncDatabase, DatabaseService, EffectiveSettings, on_thread
from bot.services.library import require_may_add, require_replaceable, visible_channels
from bot.services.questions import require_may_ask
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import deliveries, documents, feedback, job_views, jobs, quotas, traces
from db.deliveries import Delivery
from db.engine import Session
from db.feedback import Vote, VoteReason
from db.job_views import OPEN_STATES, JobView, JobWithOwner
from db.jobs import Kind
from db.traces import TraceView
from pipeline.errors import UnknownName
from pipeline.text.cleaning import remove_unstorable
from tasks.submit import Submitter

RETRYABLE_STATES = frozenset({"failed", "dead", "cancelled"})
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class VisibleJob:
    """A job with the delivery that shows it."""

    owned: JobWithOwner
    delivery: Delivery | None
    in_other_workspace: bool = False
    """Whether it belongs to another workspace and its result was sent to the user as a direct message."""

    @property
    def job(self) -> JobView:
        """The job without its owner."""
        return self.owned.job

    @property
    def private(self) -> bool:
        """Whether only one user sees the result."""
        return self.delivery is not None and self.delivery.private

    def needs_token_of(self, user_id: str) -> bool:
        """Check whether only an interaction token of this user reaches the message."""
        delivery = self.delivery
        return delivery is not None and delivery.route == "token" and delivery.user_id == user_id


@dataclass(frozen=True, slots=True)
class InteractionToken:
    """A new interaction token for a message that only such a token reaches."""

    token: str
    ttl_s: float


class JobService(DatabaseService):
    """The jobs of a workspace that the user may see and change."""

    def __init__(self, database: AsyncDatabase, submitter: Submitter) -> None:
        """Bind to a database and a queue."""
        super().__init__(database)
        self._submitter = submitter

    @on_thread
    def jobs(self, context: RequestContext, /, *, everyone: bool, **filters: Any) -> list[JobWithOwner]:
        """List jobs, newest first.

        Args:
            context: The request context.
            everyone: List the jobs of all users instead of the user's; the caller checks that the user is a manager.
            filters: Filters of `db.job_views.list_jobs`.
        """
        requester = None if everyone else context.user_id
        with self._database.tenant(context) as session:
            return job_views.list_jobs(session, requester=requester, **filters)

    @on_thread
    def job(self, context: RequestContext, job_id: int) -> VisibleJob:
        """Return a job of the user, any job for a manager, or a job with a public answer in this channel."""
        job = self._find(context, job_id)
        if context.manager or context.may_read(job.owned.requester, job.delivery):
            return job
        raise _unknown(job_id)

    @on_thread
    def answer(self, context: RequestContext, job_id: int) -> VisibleJob:
        """Return an answer that the user may read. Managers cannot read other users' private answers."""
        return self._find_answer(context, job_id)

    @on_thread
    def sources(self, context: RequestContext, job_id: int) -> dict[str, Any]:
        """Return the result of an answer; citations of documents that the user may not see now keep only their `n`."""
        answer = self._find_answer(context, job_id)
        if answer.job.result is None:
            raise Refusal("refusal-no-answer-yet", job=str(job_id))
        result: dict[str, Any] = dict(answer.job.result)
        channels = self._channels(context, answer)
        if channels is None:
            return result
        listed = {name: list(result.get(name) or ()) for name in ("citations", "candidates")}
        ids = [each["document"] for items in listed.values() for each in items if isinstance(each.get("document"), int)]
        with self._database.database.tenant(self._workspace_id(context, answer)) as session:
            visible = documents.filter_visible(session, ids, channels)
        return result | {
            name: [each if each.get("document") in visible else {"n": each.get("n")} for each in items]
            for name, items in listed.items()
        }

    @on_thread
    def last_answer(self, context: RequestContext) -> int | None:
        """Return the job of the last answer to the user in this channel."""
        with self._database.tenant(context) as session:
            return job_views.find_last_answer(session, context.user_id, context.channel_id)

    @on_thread
    def trace(self, context: RequestContext, job_id: int) -> TraceView:
        """Return the trace of an answer, with the text of the documents that the user may see now."""
        answer = self._find_answer(context, job_id)
        channels = self._channels(context, answer)
        with self._database.database.tenant(self._workspace_id(context, answer)) as session:
            trace = traces.read_trace(session, job_id, channels=channels)
        if trace is None:
            raise Refusal("refusal-no-answer-yet", job=str(job_id))
        return trace

    @on_thread
    def vote(self, context: RequestContext, job_id: int, vote: Vote) -> int:
        """Store a vote, or remove it if the user voted the same before; return the stored vote, 0 for none."""
        workspace_id = self._workspace_id(context, self._find_answer(context, job_id))
        with self._database.database.tenant(workspace_id) as session:
            new: Vote = 0 if feedback.read_vote(session, job_id, context.user_id) == vote else vote
            feedback.store_vote(session, workspace_id, job_id, context.user_id, new)
        return new

    @on_thread
    def store_vote_reason(self, context: RequestContext, job_id: int, reason: VoteReason) -> None:
        """Store why the answer did not help; raise a `Refusal` unless the user has voted against it."""
        workspace_id = self._workspace_id(context, self._find_answer(context, job_id))
        with self._database.database.tenant(workspace_id) as session:
            try:
                feedback.store_reason(session, job_id, context.user_id, reason)
            except UnknownName:
                raise Refusal("refusal-no-vote") from None

    @on_thread
    def cancel(self, context: RequestContext, job_ids: Sequence[int]) -> list[str]:
        """Request cancellation of jobs; return the new states of those that had not ended."""
        found = self._find_changeable(context, job_ids)
        states = []
        for each in found:
            if each.job.state in OPEN_STATES:
                with self._database.database.tenant(self._workspace_id(context, each)) as session:
                    states.append(jobs.cancel(session, each.job.id))
        if not states and found:
            raise Refusal("refusal-job-ended", job=str(found[0].job.id))
        return states

    @on_thread
    def retry(
        self, context: RequestContext, job_ids: Sequence[int], token: InteractionToken | None = None
    ) -> list[int]:
        """Retry ended jobs; return the IDs of those that are queued again.

        Args:
            context: The request context.
            job_ids: Jobs of one delivery.
            token: Token of the current interaction, for a message that only such a token reaches.

        Raises:
            QuotaExceeded: The requester or the workspace has used up its quota.
            Refusal: The user may not retry these jobs, or none of them has ended.
        """
        found = [each for each in self._find_changeable(context, job_ids) if each.job.state in RETRYABLE_STATES]
        if not found:
            raise Refusal("refusal-nothing-to-retry")
        workspace_id, settings = self._database.workspace_id(context), self._database.load_settings(context)
        requester, kind = found[0].owned.requester, _kind(found[0].job)
        quota = settings.question_quota if kind == "ask" else settings.document_quota
        with self._database.tenant(context) as session:
            for each in found:
                _require_retryable(context, each, settings, session, workspace_id)
            quotas.admit_retry(session, workspace_id, requester, quota, [each.job.id for each in found])
            for each in found:
                if each.private and each.job.kind == "ask":
                    # The user may have lost access to channels since the question was asked.
                    jobs.update_channels(session, each.job.id, context.private_channels)
                jobs.retry(session, each.job.id)
            if token is not None and found[0].needs_token_of(context.user_id):
                deliveries.reopen(
                    session,
                    found[0].job.id,
                    user_id=context.user_id,
                    token=token.token,
                    token_ttl_s=token.ttl_s,
                )
        self._submitter.publish([(each.job.id, jobs.QUEUE_OF[_kind(each.job)]) for each in found])
        return [each.job.id for each in found]

    @on_thread
    def jobs_of(self, context: RequestContext, delivery_id: int) -> list[int]:
        """Return the jobs of a delivery; empty if the workspace has no such delivery."""
        with self._database.tenant(context) as session:
            job_ids = deliveries.list_job_ids(session, delivery_id)
        if job_ids or context.guild_id is not None:
            return job_ids
        with self._database.system() as session:
            # Every operation on these IDs checks that the job was delivered to this user.
            return deliveries.list_job_ids(session, delivery_id)

    # --------------------------------------------------------------------------------- blocking, called on a thread

    def _find(self, context: RequestContext, job_id: int) -> VisibleJob:
        """Find a job of the workspace or, in direct messages, one whose result was sent there."""
        if not 0 < job_id <= MAX_ID:
            raise _unknown(job_id)
        with self._database.tenant(context) as session:
            try:
                return VisibleJob(job_views.find_job(session, job_id), deliveries.find_by_job(session, job_id))
            except UnknownName:
                if context.guild_id is not None:
                    raise _unknown(job_id) from None
        with self._database.system() as session:
            delivery = deliveries.find_by_job(session, job_id)
        if delivery is None or (delivery.user_id, delivery.channel_id) != (context.user_id, context.channel_id):
            raise _unknown(job_id)
        with self._database.database.tenant(delivery.workspace_id) as session:
            return VisibleJob(job_views.find_job(session, job_id), delivery, in_other_workspace=True)

    def _find_answer(self, context: RequestContext, job_id: int) -> VisibleJob:
        job = self._find(context, job_id)
        if not context.may_read(job.owned.requester, job.delivery):
            raise Refusal("refusal-not-your-answer")
        return job

    def _find_changeable(self, context: RequestContext, job_ids: Sequence[int]) -> list[VisibleJob]:
        found = [self._find(context, job_id) for job_id in job_ids]
        if not found:
            raise Refusal("refusal-unknown-job", job="")
        for each in found:
            is_manager = context.manager and not each.in_other_workspace
            if each.owned.requester != context.user_id and not is_manager:
                raise Refusal("refusal-not-your-job")
        return found

    def _workspace_id(self, context: RequestContext, job: VisibleJob) -> int:
        if job.in_other_workspace and job.delivery is not None:
            return job.delivery.workspace_id
        return self._database.workspace_id(context)

    @staticmethod
    def _channels(context: RequestContext, job: VisibleJob) -> tuple[str, ...] | None:
        # A direct message is read outside its server. Its channels are unknown, unless the caller has looked them up.
        return context.viewable_channels if job.in_other_workspace else visible_channels(context)


def _require_retryable(
    context: RequestContext, job: VisibleJob, settings: EffectiveSettings, session: Session, workspace_id: int
) -> None:
    """Raise a `Refusal` if the user may not retry the job in this workspace."""
    if job.in_other_workspace:
        raise Refusal("refusal-retry-other-server")
    if job.job.kind == "ask" and job.private and job.owned.requester != context.user_id:
        # The answer may use channels that only the requester can view, and those are unknown here.
        raise Refusal("refusal-retry-private")
    if job.job.kind == "ask":
        _require_may_ask_again(context, job, settings)
    else:
        require_may_add(context, settings)
        source = str(job.job.payload.get("source") or "")
        require_replaceable(session, workspace_id, context, source, job.job.about)


def _require_may_ask_again(context: RequestContext, job: VisibleJob, settings: EffectiveSettings) -> None:
    """Raise a `Refusal` if the settings of the channel have changed, so that its question would now be rejected."""
    if job.delivery is None or job.private:
        require_may_ask(context, settings.overrides)
        return
    if context.channel_id != job.delivery.channel_id:
        # From another channel, only the job names the parent of a public thread, as the channel of its readers.
        audience = str(job.job.payload.get("audience") or job.delivery.channel_id)
        parent = None if audience == job.delivery.channel_id else audience
        context = replace(context, channel_id=job.delivery.channel_id, parent_id=parent)
    require_may_ask(context, settings.overrides)
    if not context.may_answer_publicly(settings.overrides):
        raise Refusal("refusal-private-only")


def _kind(job: JobView) -> Kind:
    return "ask" if job.kind == "ask" else "ingest"


def _unknown(job_id: int) -> Refusal:
    return Refusal("refusal-unknown-job", job=str(job_id))


def parse_job_id(named: str) -> int:
    """Parse the number of a job as users type it, with or without `#`; raise a `Refusal` if it is invalid."""
    digits = remove_unstorable(named).strip().lstrip("#")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Refusal("refusal-unknown-job", job=digits[:20])
    return int(digits)
