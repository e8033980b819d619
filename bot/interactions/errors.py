"""Turn an error into a private message that names the next step, and a log line.

In this order:

1. Another process answered first, or the interaction has expired (40060, 10062): only a log line.
2. A refusal of the bot, or an error of Refdesk: its text in the user's language.
3. Discord rejected a request or is unreachable: a text, if Discord still accepts one.
4. Any other error is a defect of the bot: a text with a number that is also in the log.
"""

from __future__ import annotations

import datetime as dt
import secrets

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.interactions import replies
from bot.interactions.role_names import name_roles
from bot.locales.texts import Texts, texts_for
from bot.render.formatting import format_duration, format_error, format_timestamp
from bot.render.message import OutgoingMessage
from bot.render.split import MAX_MESSAGE_UNITS, truncate
from bot.services.refusals import Refusal, RefusalGroup
from pipeline.errors import QuotaExceeded, RefdeskError, SetupError

log = structlog.get_logger(__name__)

ALREADY_ANSWERED = 40060
UNKNOWN_INTERACTION = 10062
DISCORD_UNAVAILABLE = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, TimeoutError)
"""Discord rejects a request, asks to wait too long, or does not respond."""
OUTDATED_COMMAND = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch)
"""The app sent a command that differs from the registered one."""
INTERACTION_GONE = frozenset({ALREADY_ANSWERED, UNKNOWN_INTERACTION})


async def reply_with_error(interaction: discord.Interaction, error: Exception) -> str:
    """Report an error to the user in private, and return the outcome for the log."""
    error = _original(error)
    if isinstance(error, discord.HTTPException) and error.code in INTERACTION_GONE:
        return "answered by another process" if error.code == ALREADY_ANSWERED else "too late"
    outcome = _log_error(error)
    text = error_text(error, texts_for(interaction.locale), outcome)
    if interaction.guild_id is None:
        text = name_roles(text, interaction.client.guilds)
    message = OutgoingMessage(truncate(text, MAX_MESSAGE_UNITS))
    try:
        await replies.retract(interaction, message)
    except (discord.DiscordException, aiohttp.ClientError, TimeoutError) as unavailable:
        return f"{outcome}, user not notified: {type(unavailable).__name__}"
    return outcome


def error_text(error: Exception, t: Texts, outcome: str = "") -> str:
    """Return the text of an error for the user.

    Args:
        error: The error.
        t: The texts in the user's language.
        outcome: The outcome in the log; the number of a defect is its last word.
    """
    if isinstance(error, Refusal):
        return t(error.key, **error.args_of_key)
    if isinstance(error, RefusalGroup):
        return "\n".join(error_text(refusal, t) for refusal in error.refusals)
    if isinstance(error, QuotaExceeded):
        return _quota_text(error, t)
    if isinstance(error, RefdeskError):
        return format_error(error.name, str(error), t)
    if isinstance(error, (*DISCORD_UNAVAILABLE, *OUTDATED_COMMAND)):
        return t(
            "refusal-discord-unavailable" if isinstance(error, DISCORD_UNAVAILABLE) else "refusal-outdated-command"
        )
    return t("refusal-internal-error", number=outcome.rpartition(" ")[2])


def _original(error: Exception) -> Exception:
    """Return the error that discord.py wrapped."""
    while isinstance(error, app_commands.CommandInvokeError | app_commands.TransformerError):
        inner = error.original if isinstance(error, app_commands.CommandInvokeError) else error.__cause__
        if not isinstance(inner, Exception):
            break
        error = inner
    return error


def _log_error(error: Exception) -> str:
    if isinstance(error, SetupError):
        log.warning("request failed: setup error", error=error.name, reason=str(error))
        return f"refused: {error.name}"
    if isinstance(error, RefdeskError):
        return f"refused: {_key_of(error)}"
    if isinstance(error, discord.HTTPException):
        log.warning("discord rejected a request", status=error.status, code=error.code, reason=error.text[:200])
        return f"discord refused: {error.code}"
    if isinstance(error, DISCORD_UNAVAILABLE):
        log.warning("discord unavailable", error=type(error).__name__)
        return f"discord unavailable: {type(error).__name__}"
    if isinstance(error, OUTDATED_COMMAND):
        return f"refused: {type(error).__name__}"
    number = secrets.token_hex(4)
    log.error("fault", number=number, exc_info=error)
    return f"fault {number}"


def _key_of(error: RefdeskError) -> str:
    if isinstance(error, RefusalGroup):
        return ", ".join(dict.fromkeys(refusal.key for refusal in error.refusals))
    return error.key if isinstance(error, Refusal) else error.name


def _quota_text(error: QuotaExceeded, t: Texts) -> str:
    return t(
        f"refusal-over-quota-{error.scope}",
        what=t(f"over-quota-{error.kind}", n=error.limit),
        window=format_duration(error.window_s, t),
        when=format_timestamp(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=error.frees_in_s)),
    )
