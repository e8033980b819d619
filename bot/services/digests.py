"""Turn the weekly digest of a server on and off."""

from __future__ import annotations

from bot.services.async_database import DatabaseService, on_thread
from bot.services.request_context import RequestContext
from bot.services.workspace_settings import require_manager
from db import digests
from db.digests import DigestSetting


class DigestService(DatabaseService):
    """The weekly digest of a workspace."""

    @on_thread
    def get(self, context: RequestContext) -> DigestSetting | None:
        """Return where the digest is posted, or None if it is off."""
        with self._database.tenant(context) as session:
            return digests.read(session, self._database.workspace_id(context))

    @on_thread
    def turn_on(self, context: RequestContext, channel_id: str) -> None:
        """Post a digest in a channel every week. Raises a `Refusal` unless the user is a manager."""
        require_manager(context)
        with self._database.tenant(context) as session:
            digests.turn_on(
                session,
                self._database.workspace_id(context),
                application_id=context.application_id,
                channel_id=channel_id,
                user_id=context.user_id,
                locale=context.locale,
            )

    @on_thread
    def turn_off(self, context: RequestContext) -> None:
        """Post no more digests. Raises a `Refusal` unless the user is a manager."""
        require_manager(context)
        with self._database.tenant(context) as session:
            digests.turn_off(session, self._database.workspace_id(context))
