"""The one place where an error becomes a private message that says what to do instead, and a log line.

In this order:

1. Another process answered first, or the interaction is gone (40060, 10062): nothing is said, the log says so.
2. A refusal of the bot, or an error of Refdesk: its sentence in the person's language.
3. Discord refused or is away: a sentence, if it still takes one.
4. Anything else is a fault of the bot: a sentence with a number that is in the log too.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.interactions import replies
from bot.locales.texts import DEFAULT_LANGUAGE, Texts, texts_for
from bot.render.formatting import format_duration, format_error
from bot.render.message import OutgoingMessage
from bot.render.split import MAX_MESSAGE_UNITS, truncate
from pipeline.errors import QuotaExceeded, RefdeskError, SetupError

log = structlog.get_logger(__name__)

ALREADY_ANSWERED = 40060
UNKNOWN_INTERACTION = 10062
AWAY = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, TimeoutError)
"""Discord refuses, asks to wait too long, or does not answer."""
OLD_COMMAND = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch)
"""What the app shows is not what is registered."""
GONE = frozenset({ALREADY_ANSWERED, UNKNOWN_INTERACTION})


class Refusal(RefdeskError):
    """The bot says no, with a sentence of the catalogue that names the way out."""

    def __init__(self, key: str, **args: Any) -> None:
        """Take the key of the sentence and what it names; text of people goes in as `bot.render.sanitize` leaves it."""
        super().__init__(texts_for(DEFAULT_LANGUAGE)(key, **args))
        self.key = key
        self.args_of_key = args


class RefusalGroup(RefdeskError):
    """The bot says no to several things at once."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        """Take them in the order of the things."""
        super().__init__(" ".join(str(refusal) for refusal in refusals))
        self.refusals = tuple(refusals)


async def refuse(interaction: discord.Interaction, error: Exception) -> str:
    """Answer an error in private, and name the outcome for the log."""
    error = _cause(error)
    if isinstance(error, discord.HTTPException) and error.code in GONE:
        return "answered by another process" if error.code == ALREADY_ANSWERED else "too late"
    outcome = _note(error)
    shown = OutgoingMessage(truncate(sentence(error, texts_for(interaction.locale), outcome), MAX_MESSAGE_UNITS))
    try:
        await replies.retract(interaction, shown)
    except (discord.DiscordException, aiohttp.ClientError, TimeoutError) as away:
        return f"{outcome}, and not told: {type(away).__name__}"
    return outcome


def sentence(error: Exception, t: Texts, outcome: str = "") -> str:
    """Say an error to the person."""
    if isinstance(error, Refusal):
        return t(error.key, **error.args_of_key)
    if isinstance(error, RefusalGroup):
        return "\n".join(sentence(refusal, t) for refusal in error.refusals)
    if isinstance(error, QuotaExceeded):
        return _over_quota(error, t)
    if isinstance(error, RefdeskError):
        return format_error(error.name, str(error), t)
    if isinstance(error, (*AWAY, *OLD_COMMAND)):
        return t("refusal-discord-unavailable" if isinstance(error, AWAY) else "refusal-outdated-command")
    return t("refusal-internal-error", number=outcome.rpartition(" ")[2])


def _cause(error: Exception) -> Exception:
    """Find what went wrong inside a command."""
    while isinstance(error, app_commands.CommandInvokeError | app_commands.TransformerError):
        inner = error.original if isinstance(error, app_commands.CommandInvokeError) else error.__cause__
        if not isinstance(inner, Exception):
            break
        error = inner
    return error


def _note(error: Exception) -> str:
    if isinstance(error, SetupError):
        log.warning("something is away", error=error.name, reason=str(error))
        return f"refused: {error.name}"
    if isinstance(error, RefdeskError):
        return f"refused: {_key_of(error)}"
    if isinstance(error, discord.HTTPException):
        log.warning("discord refused", status=error.status, code=error.code, reason=error.text[:200])
        return f"discord refused: {error.code}"
    if isinstance(error, AWAY):
        log.warning("discord away", error=type(error).__name__)
        return f"discord away: {type(error).__name__}"
    if isinstance(error, OLD_COMMAND):
        return f"refused: {type(error).__name__}"
    number = secrets.token_hex(4)
    log.error("fault", number=number, exc_info=error)
    return f"fault {number}"


def _key_of(error: RefdeskError) -> str:
    if isinstance(error, RefusalGroup):
        return ", ".join(dict.fromkeys(refusal.key for refusal in error.refusals))
    return error.key if isinstance(error, Refusal) else error.name


def _over_quota(error: QuotaExceeded, t: Texts) -> str:
    return t(
        f"refusal-over-quota-{error.scope}",
        what=t(f"over-quota-{error.kind}", n=error.limit),
        window=format_duration(error.window_s, t),
        frees=format_duration(error.frees_in_s, t),
    )
