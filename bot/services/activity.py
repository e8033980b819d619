"""Summarize what happened in a workspace, for managers."""

from __future__ import annotations

from bot.services.async_database import DatabaseService, on_thread
from bot.services.request_context import RequestContext
from bot.services.workspace_settings import require_manager
from db import activity
from db.activity import Activity

WINDOWS = (1, 7, 30)
"""Numbers of days that are summarized."""


class ActivityService(DatabaseService):
    """Numbers of a workspace."""

    @on_thread
    def summarize(self, context: RequestContext) -> list[Activity]:
        """Return the numbers of the last days. Raises a `Refusal` unless the user is a manager."""
        require_manager(context)
        with self._database.tenant(context) as session:
            return activity.summarize(session, self._database.workspace_id(context), WINDOWS)
