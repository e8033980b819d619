"""Ask the helpers of a server about a question without an answer, within limits."""

from __future__ import annotations

import datetime as dt

from bot.render.formatting import format_timestamp
from bot.services.async_database import DatabaseService, on_thread
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import helper_requests

MAX_PER_DAY = 3
"""How often a user can ask the helpers in 24 hours."""


class HelperService(DatabaseService):
    """The helpers of a server: a role, whose members are notified about a question."""

    @on_thread
    def role(self, context: RequestContext) -> str:
        """Return the ID of the role; raise a `Refusal` if the server has no helpers."""
        role = self._database.load_settings(context).overrides.helper_role
        if context.guild_id is None or not role or not role.isdigit():
            raise Refusal("refusal-no-helpers")
        return role

    @on_thread
    def record(self, context: RequestContext, job_id: int) -> None:
        """Record that the user asks the helpers about a question.

        Raises:
            Refusal: They were already asked about it, or the user has asked them too often.
        """
        now = dt.datetime.now(dt.UTC)
        workspace_id = self._database.workspace_id(context)
        with self._database.tenant(context) as session:
            helper_requests.lock(session, workspace_id, context.user_id)
            times = helper_requests.list_times(session, context.user_id, now - dt.timedelta(days=1))
            if len(times) >= MAX_PER_DAY:
                when = format_timestamp(times[-MAX_PER_DAY] + dt.timedelta(days=1))
                raise Refusal("refusal-helper-limit", n=MAX_PER_DAY, when=when)
            if not helper_requests.add(session, workspace_id, job_id, context.user_id):
                raise Refusal("refusal-helper-asked")

    @on_thread
    def mark_posted(self, context: RequestContext, job_id: int) -> None:
        """Record that the request was posted, so that the question cannot be posted again."""
        with self._database.tenant(context) as session:
            helper_requests.mark_posted(session, job_id)

    @on_thread
    def forget(self, context: RequestContext, job_id: int) -> None:
        """Remove the record of a request that could not be posted."""
        with self._database.tenant(context) as session:
            helper_requests.remove(session, job_id)
