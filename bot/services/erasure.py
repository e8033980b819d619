"""Show and erase what is stored about a person or a server."""

from __future__ import annotations

from time import monotonic

from bot.services.async_database import DatabaseService, on_thread
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from bot.services.workspace_settings import require_manager
from db import person_erasure, workspace_erasure

SERVER_TIME_S = 120.0
"""Seconds after which the rest of a server is left to the workers."""


class ErasureService(DatabaseService):
    """Erases persons and servers."""

    @on_thread
    def count_person(self, context: RequestContext) -> dict[str, int]:
        """Return what is stored about the user, as numbers of rows by kind."""
        with self._database.system() as session:
            return person_erasure.count_rows(session, context.user_id)

    @on_thread
    def erase_person(self, context: RequestContext, *, keep_documents: bool) -> None:
        """Erase the user in all workspaces."""
        person_erasure.erase_person(self._database.database, context.user_id, keep_documents=keep_documents)
        self._database.forget(f"user:{context.user_id}")

    @on_thread
    def erase_server(self, context: RequestContext) -> bool:
        """Erase the server and return whether everything is deleted; if not, the workers continue.

        Raises:
            Refusal: The user is not a manager, or this is not a server.
        """
        require_server_manager(context)
        workspace_id = self._database.workspace_id(context)
        ends = monotonic() + SERVER_TIME_S
        workspace_erasure.erase_workspace(self._database.database, workspace_id, lambda: monotonic() > ends)
        self._database.forget(context.workspace)
        return monotonic() <= ends


def require_server_manager(context: RequestContext) -> None:
    """Raise a `Refusal` unless this is a server and the user manages it."""
    require_manager(context)
    if context.guild_id is None:
        raise Refusal("refusal-erase-on-server")
