"""The settings of a workspace: read and changed by people who may."""

from __future__ import annotations

from typing import Any

from bot.services.async_database import AsyncDatabase, EffectiveSettings
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import workspace_settings

LIMITS = frozenset({"questions_per_user_hour", "questions_per_day", "documents_per_user_day", "documents_per_day"})
"""Settings that the operator bounds."""


class WorkspaceSettingsService:
    """What managers set."""

    def __init__(self, async_database: AsyncDatabase) -> None:
        """Work through a door."""
        self._async_database = async_database

    async def get(self, context: RequestContext) -> EffectiveSettings:
        """Give what holds here."""
        return await self._async_database.run(lambda: self._async_database.load_settings(context))

    async def change(self, context: RequestContext, **changes: Any) -> EffectiveSettings:
        """Change the named settings, None takes one back to the operator's default; gives what holds now."""
        require_manager(context)
        for name in LIMITS & changes.keys():
            ceiling = getattr(self._async_database.settings.quotas, name)
            if changes[name] is not None and workspace_settings.within(changes[name], ceiling) != changes[name]:
                raise Refusal("refusal-limit-too-high", limit=str(ceiling))
        return await self._async_database.run(lambda: self._change(context, changes))

    def _change(self, context: RequestContext, changes: dict[str, Any]) -> EffectiveSettings:
        number = self._async_database.workspace_id(context)
        with self._async_database.database.tenant(number) as session:
            chosen = workspace_settings.change(session, number, context.user_id, **changes)
        return self._async_database.keep(context.workspace, chosen)


def require_manager(context: RequestContext) -> None:
    """Raise a refusal unless this person manages the place."""
    if not context.manager:
        raise Refusal("refusal-managers-only")
