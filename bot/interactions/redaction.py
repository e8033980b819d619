"""Hide what a manager may not read in the jobs of other users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.locales.texts import Texts
from bot.services.request_context import RequestContext
from db.job_views import JobView, JobWithOwner


def redact_job(owned: JobWithOwner, context: RequestContext, t: Texts) -> JobView:
    """Return a job as the user may see it.

    A private question of another user is hidden, and so are the name and the error of a document in channels that the
    user cannot view; `context` must contain the channels that the user can view now.
    """
    job = owned.redacted_for(context.user_id, t("job-private-question"))
    if context.may_see_document_of(owned):
        return job
    # The message of an error may quote the file. An empty one is replaced by the text of its class.
    return replace(job, about=t("job-hidden-document"), error=None if job.error is None else "")


def redact_matches(jobs: Sequence[JobWithOwner], context: RequestContext, t: Texts, search: str) -> list[JobView]:
    """Redact the jobs that a search found, and leave out those that only a hidden text matches."""
    redacted = [(owned.job, redact_job(owned, context, t)) for owned in jobs]
    return [job for found, job in redacted if search in {"", str(job.id)} or job.about == found.about]
