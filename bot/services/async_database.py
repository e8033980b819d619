"""The threads, the workspaces and their settings: what every part of the desk works through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from bot.services.request_context import RequestContext
from config.settings import Settings
from db import workspace_settings, workspaces
from db.engine import Database
from db.quotas import Quota
from db.workspace_settings import WorkspaceSettings
from pipeline.types import AnswerOptions

T = TypeVar("T")

THREADS = 8
FRESH_S = 3.0
"""So long a workspace's settings are taken as read; another bot process may have changed them."""


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """The settings of a workspace with the operator's defaults where nothing is set."""

    overrides: WorkspaceSettings
    defaults: Settings

    def options(self, reranker: str | None = None, top_k: int | None = None) -> AnswerOptions:
        """Say how a question is answered that names these or nothing."""
        return AnswerOptions(
            recall=self.defaults.answer.recall,
            top_n=self.overrides.top_n or self.defaults.answer.top_n,
            top_k=top_k or self.overrides.top_k or self.defaults.answer.top_k,
            reranker=reranker or self.overrides.reranker or self.defaults.answer.reranker,
            language=self.overrides.answer_language or "",
        )

    def limit(self, name: str) -> int:
        """Give a limit by the name of its setting; 0 is none, and the operator's holds for everybody."""
        return workspace_settings.within(getattr(self.overrides, name), getattr(self.defaults, name))

    @property
    def question_quota(self) -> Quota:
        """How much may be asked."""
        return Quota("ask", self.limit("questions_per_user_hour"), 3600, self.limit("questions_per_day"), 86_400)

    @property
    def document_quota(self) -> Quota:
        """How much may be added."""
        return Quota("ingest", self.limit("documents_per_user_day"), 86_400, self.limit("documents_per_day"), 86_400)


class AsyncDatabase:
    """Runs blocking work on a few threads, and knows workspaces and their settings."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Bind to a database and the operator's settings; nothing connects yet."""
        self.database = database
        self.settings = settings
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="services")
        self._numbers: dict[str, int] = {}
        self._chosen: dict[str, tuple[float, WorkspaceSettings]] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """Run work that blocks on a thread of the desk."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    def close(self) -> None:
        """Stop the threads once they have ended what they do."""
        self.threads.shutdown(wait=True, cancel_futures=True)

    # The rest blocks and belongs on a thread.

    def workspace_id(self, context: RequestContext) -> int:
        """Give the number of the workspace, adding it on first use."""
        number = self._numbers.get(context.workspace)
        if number is None:
            with self.database.system() as session:
                number = workspaces.ensure_workspace(session, context.workspace)
            self._numbers[context.workspace] = number
        return number

    def load_settings(self, context: RequestContext) -> EffectiveSettings:
        """Give the workspace's settings, at most a few seconds old."""
        kept = self._chosen.get(context.workspace)
        if kept is not None and monotonic() - kept[0] < FRESH_S:
            return EffectiveSettings(kept[1], self.settings)
        number = self.workspace_id(context)
        with self.database.tenant(number) as session:
            chosen = workspace_settings.read(session, number)
        return self.keep(context.workspace, chosen)

    def keep(self, workspace: str, chosen: WorkspaceSettings) -> EffectiveSettings:
        """Remember settings that were read or changed just now."""
        self._chosen[workspace] = (monotonic(), chosen)
        return EffectiveSettings(chosen, self.settings)

    def read_all_settings(self) -> Mapping[str, WorkspaceSettings]:
        """Read and remember the settings of all workspaces, so that none has to be read before an answer."""
        with self.database.system() as session:
            found = workspace_settings.all_settings(session)
        for workspace, chosen in found.items():
            self.keep(workspace, chosen)
        return found

    # This does not block: whoever decides before the first answer takes what is known.

    def cached_settings(self, context: RequestContext) -> EffectiveSettings:
        """Give what is known of the workspace's settings, however old; the operator's defaults when nothing is."""
        kept = self._chosen.get(context.workspace)
        return EffectiveSettings(kept[1] if kept is not None else WorkspaceSettings(), self.settings)
