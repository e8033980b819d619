"""The desk: everything the bot asks of ledger and store, by subject."""

from __future__ import annotations

from bot.services.async_database import AsyncDatabase, EffectiveSettings
from bot.services.jobs import JobService
from bot.services.library import LibraryService
from bot.services.process import BotProcess
from bot.services.questions import QuestionService
from bot.services.request_context import RequestContext
from bot.services.workspace_settings import WorkspaceSettingsService
from config.settings import Settings
from db.engine import Database
from tasks.submit import Submitter


class Services:
    """One door, one submitter, and a part for each subject."""

    def __init__(self, database: Database, submitter: Submitter, settings: Settings) -> None:
        """Bind to database and queue; nothing connects yet."""
        self.settings = settings
        self.async_database = AsyncDatabase(database, settings)
        self.questions = QuestionService(self.async_database, submitter)
        self.library = LibraryService(self.async_database, submitter)
        self.jobs = JobService(self.async_database, submitter)
        self.workspace_settings = WorkspaceSettingsService(self.async_database)
        self.process = BotProcess(self.async_database)

    def cached_settings(self, context: RequestContext) -> EffectiveSettings:
        """Give what is known of a workspace's settings without reading anything."""
        return self.async_database.cached_settings(context)

    def close(self) -> None:
        """Stop the threads."""
        self.async_database.close()
