"""Slash commands and listeners, one module per subject; they parse input, call a service and show the result."""

from collections.abc import Callable
from typing import Any

from discord.ext import commands

from bot.cogs.ask import Ask
from bot.cogs.ask_about_message import AskAboutMessage
from bot.cogs.deleted_messages import DeletedMessages
from bot.cogs.docs import Docs
from bot.cogs.followup import FollowUp
from bot.cogs.gaps import Gaps
from bot.cogs.help import Help
from bot.cogs.ingest import Ingest
from bot.cogs.jobs import Jobs
from bot.cogs.privacy import Privacy
from bot.cogs.settings import Settings
from bot.cogs.stats import Stats
from bot.cogs.why import Why

COGS: tuple[Callable[[Any], commands.Cog], ...] = (
    Ask,
    Ingest,
    Docs,
    Jobs,
    Why,
    Gaps,
    Stats,
    Settings,
    Privacy,
    Help,
    AskAboutMessage,
    FollowUp,
    DeletedMessages,
)
