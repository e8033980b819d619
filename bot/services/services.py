"""All services of the bot on one database and one queue."""

from __future__ import annotations

from bot.services.activity import ActivityService
from bot.services.async_database import AsyncDatabase, EffectiveSettings
from bot.services.digests import DigestService
from bot.services.erasure import ErasureService
from bot.services.gaps import GapService
from bot.services.helper_requests import HelperService
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
    """The services, one for each subject."""

    def __init__(self, database: Database, submitter: Submitter, settings: Settings) -> None:
        """Bind to a database and a queue; no connection is opened yet."""
        self.settings = settings
        self.async_database = AsyncDatabase(database, settings)
        self.questions = QuestionService(self.async_database, submitter)
        self.library = LibraryService(self.async_database, submitter)
        self.jobs = JobService(self.async_database, submitter)
        self.gaps = GapService(self.async_database)
        self.activity = ActivityService(self.async_database)
        self.digests = DigestService(self.async_database)
        self.workspace_settings = WorkspaceSettingsService(self.async_database)
        self.helpers = HelperService(self.async_database)
        self.erasure = ErasureService(self.async_database)
        self.process = BotProcess(self.async_database)

    def cached_settings(self, context: RequestContext) -> EffectiveSettings:
        """Return the cached settings of the workspace without a query."""
        return self.async_database.cached_settings(context)

    def close(self) -> None:
        """Stop the threads."""
        self.async_database.close()
