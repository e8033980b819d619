"""Read and change the settings of a workspace."""

from __future__ import annotations

from typing import Any

from bot.services.async_database import DatabaseService, EffectiveSettings, on_thread
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import workspace_settings

LIMITS = frozenset(
    {
        "questions_per_user_hour",
        "questions_per_day",
        "documents_per_user_day",
        "documents_per_day",
        "retention_days",
        "library_mb",
    }
)
"""Settings that the operator's limits cap."""


class WorkspaceSettingsService(DatabaseService):
    """The settings that managers of a server can change."""

    @on_thread
    def get(self, context: RequestContext) -> EffectiveSettings:
        """Return the settings of the workspace."""
        return self._database.load_settings(context)

    @on_thread
    def change(self, context: RequestContext, /, **changes: Any) -> EffectiveSettings:
        """Change the named settings and return the result; None resets a setting to the operator's default.

        Raises:
            Refusal: The user is not a manager, or a limit is above the operator's.
        """
        require_manager(context)
        for name in LIMITS & changes.keys():
            maximum = getattr(self._database.settings.quotas, name)
            if (
                changes[name] is not None
                and workspace_settings.effective_limit(changes[name], maximum) != changes[name]
            ):
                raise Refusal("refusal-limit-too-high", limit=str(maximum))
        with self._database.tenant(context) as session:
            overrides = workspace_settings.update(
                session, self._database.workspace_id(context), context.user_id, **changes
            )
        return self._database.cache_settings(context.workspace, overrides)

    @on_thread
    def change_channel(self, context: RequestContext, channel: str, /, **changes: Any) -> EffectiveSettings:
        """Change the named settings of one channel; None resets a setting to that of the whole server.

        Raises:
            Refusal: The user is not a manager.
        """
        require_manager(context)
        with self._database.tenant(context) as session:
            overrides = workspace_settings.update_channel(
                session,
                self._database.workspace_id(context),
                context.user_id,
                channel,
                changes,
                existing=context.guild_channels or None,
            )
        return self._database.cache_settings(context.workspace, overrides)


def require_manager(context: RequestContext) -> None:
    """Raise a `Refusal` unless the user is a manager."""
    if not context.manager:
        raise Refusal("refusal-managers-only")
