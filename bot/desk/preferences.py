"""The settings of a workspace: read and changed by people who may."""

from __future__ import annotations

from typing import Any

from bot.desk.door import Door, Rules
from bot.interactions.refusals import Refusal
from bot.interactions.scope import Place
from db import workspace_settings

LIMITS = frozenset({"questions_per_user_hour", "questions_per_day", "documents_per_user_day", "documents_per_day"})
"""Settings that the operator bounds."""


class Preferences:
    """What managers set."""

    def __init__(self, door: Door) -> None:
        """Work through a door."""
        self._door = door

    async def rules(self, place: Place) -> Rules:
        """Give what holds here."""
        return await self._door.run(lambda: self._door.rules_of(place))

    async def change(self, place: Place, **changes: Any) -> Rules:
        """Change the named settings, None takes one back to the operator's default; gives what holds now."""
        require_manager(place)
        for name in LIMITS & changes.keys():
            ceiling = getattr(self._door.settings, name)
            if changes[name] is not None and workspace_settings.within(changes[name], ceiling) != changes[name]:
                raise Refusal("refusal-limit-too-high", limit=str(ceiling))
        return await self._door.run(lambda: self._change(place, changes))

    def _change(self, place: Place, changes: dict[str, Any]) -> Rules:
        number = self._door.number_of(place)
        with self._door.database.tenant(number) as session:
            chosen = workspace_settings.change(session, number, place.user_id, **changes)
        return self._door.keep(place.workspace, chosen)


def require_manager(place: Place) -> None:
    """Raise a refusal unless this person manages the place."""
    if not place.manager:
        raise Refusal("refusal-managers-only")
