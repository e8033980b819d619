"""The database for the event loop: blocking work runs on threads, and workspace settings are cached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial, wraps
from time import monotonic
from typing import Any, Concatenate, ParamSpec, TypeVar

from bot.services.request_context import RequestContext
from config.settings import Settings
from db import workspace_settings, workspaces
from db.engine import Database, Session
from db.quotas import Quota
from db.workspace_settings import WorkspaceSettings
from pipeline.types import AnswerOptions

P = ParamSpec("P")
T = TypeVar("T")
Service = TypeVar("Service", bound="DatabaseService")

THREADS = 8
SETTINGS_TTL_S = 3.0
"""Lifetime of cached workspace settings; another bot process may have changed them."""


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """The settings of a workspace, with the operator's defaults where nothing is set."""

    overrides: WorkspaceSettings
    defaults: Settings

    def options(self, reranker: str | None = None, top_k: int | None = None) -> AnswerOptions:
        """Return the options of a question; `reranker` and `top_k` take precedence over the settings."""
        return AnswerOptions(
            recall=self.defaults.answer.recall,
            top_n=self.overrides.top_n or self.defaults.answer.top_n,
            top_k=top_k or self.overrides.top_k or self.defaults.answer.top_k,
            reranker=reranker or self.overrides.reranker or self.defaults.answer.reranker,
            language=self.overrides.answer_language or "",
        )

    def limit(self, name: str) -> int:
        """Return a limit by the name of its setting, capped by the operator's limit; 0 means no limit."""
        return workspace_settings.effective_limit(getattr(self.overrides, name), getattr(self.defaults.quotas, name))

    @property
    def question_quota(self) -> Quota:
        """The quota of questions."""
        return Quota("ask", self.limit("questions_per_user_hour"), 3600, self.limit("questions_per_day"), 86_400)

    @property
    def document_quota(self) -> Quota:
        """The quota of added documents."""
        return Quota("ingest", self.limit("documents_per_user_day"), 86_400, self.limit("documents_per_day"), 86_400)


class AsyncDatabase:
    """Opens transactions for request contexts and runs blocking work on a thread pool.

    Every method except `run` and `cached_settings` blocks and must be called on one of the threads.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        """Create the thread pool; no connection is opened yet."""
        self.database = database
        self.settings = settings
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="services")
        self._workspace_ids: dict[str, tuple[float, int]] = {}
        self._settings: dict[str, tuple[float, WorkspaceSettings]] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def cached_settings(self, context: RequestContext) -> EffectiveSettings:
        """Return the cached settings of the workspace, however old, or the operator's defaults; does not block."""
        cached = self._settings.get(context.workspace)
        return EffectiveSettings(cached[1] if cached is not None else WorkspaceSettings(), self.settings)

    def close(self) -> None:
        """Wait for running work, cancel queued work and stop the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def system(self) -> AbstractContextManager[Session]:
        """Open one transaction that sees all workspaces."""
        return self.database.system()

    def tenant(self, context: RequestContext) -> AbstractContextManager[Session]:
        """Open one transaction that sees the workspace of the context."""
        return self.database.tenant(self.workspace_id(context))

    def workspace_id(self, context: RequestContext) -> int:
        """Return the ID of the workspace; inserts the workspace on its first use.

        The ID is at most `SETTINGS_TTL_S` old, because the workspace may have been erased.
        """
        cached = self._workspace_ids.get(context.workspace)
        if cached is not None and monotonic() - cached[0] < SETTINGS_TTL_S:
            return cached[1]
        with self.database.system() as session:
            workspace_id = workspaces.ensure_workspace(session, context.workspace)
        self._workspace_ids[context.workspace] = (monotonic(), workspace_id)
        return workspace_id

    def forget(self, workspace: str) -> None:
        """Remove a workspace that was erased from the caches."""
        self._workspace_ids.pop(workspace, None)
        self._settings.pop(workspace, None)

    def load_settings(self, context: RequestContext) -> EffectiveSettings:
        """Return the settings of the workspace, at most `SETTINGS_TTL_S` old."""
        cached = self._settings.get(context.workspace)
        if cached is not None and monotonic() - cached[0] < SETTINGS_TTL_S:
            return EffectiveSettings(cached[1], self.settings)
        with self.tenant(context) as session:
            overrides = workspace_settings.read(session, self.workspace_id(context))
        return self.cache_settings(context.workspace, overrides)

    def cache_settings(self, workspace: str, overrides: WorkspaceSettings) -> EffectiveSettings:
        """Cache settings that were read or changed just now."""
        self._settings[workspace] = (monotonic(), overrides)
        return EffectiveSettings(overrides, self.settings)

    def load_all_settings(self) -> Mapping[str, WorkspaceSettings]:
        """Read and cache the settings of all workspaces, so that acknowledging an interaction needs no query."""
        with self.database.system() as session:
            settings = workspace_settings.read_all(session)
        for workspace, overrides in settings.items():
            self.cache_settings(workspace, overrides)
        return settings


class DatabaseService:
    """A service whose methods run on the threads of an `AsyncDatabase`."""

    def __init__(self, database: AsyncDatabase) -> None:
        """Bind to a database."""
        self._database = database


def on_thread(
    method: Callable[Concatenate[Service, P], T],
) -> Callable[Concatenate[Service, P], Coroutine[Any, Any, T]]:
    """Turn a blocking method of a service into a coroutine method that runs on the threads of its database."""

    @wraps(method)
    async def run_on_thread(self: Service, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.run(partial(method, self, *args, **kwargs))

    return run_on_thread
