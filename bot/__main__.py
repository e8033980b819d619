"""`python -m bot`: the Discord bot as a process, configured by its environment alone.

Exit code 0: told to stop. 1: something is away, a supervisor may start it again. 78: no restart can help, because the
token, the intents or the settings are wrong. The last line on stderr is the sentence that says why.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine

import aiohttp
import discord
from pydantic import SecretStr

from bot.client.app import RefdeskBot, follow_api
from bot.doctor import check
from bot.services import Services
from bot.services.async_database import THREADS
from config import settings as configuration
from config.logging import set_up_logging
from config.settings import Settings
from db.engine import Database
from db.schema import require_schema
from pipeline.errors import RefdeskError, SetupError
from tasks.submit import Submitter

AWAY = 1
MISCONFIGURED = 78
CONNECTIONS = THREADS + 8
"""The desk's threads, the courier's, and a few to spare."""
STATEMENT_TIMEOUT_S = 15.0
PUBLISHER_S = 2.0
"""How long a stop waits for what is on its way to the broker."""
STOP_S = 15.0
"""A stop that takes longer ends the process all the same: what is open, another one takes over."""
CLOSED_FOR_GOOD = {
    4004: "Discord does not take the token; set DISCORD_TOKEN to the bot's current one.",
    4010: "Discord refuses this shard; check REFDESK_DISCORD_SHARD_COUNT and REFDESK_DISCORD_SHARD_IDS.",
    4011: "The bot is on too many servers for one shard; set REFDESK_DISCORD_SHARD_COUNT higher, or to 0.",
    4012: "Discord no longer speaks with this version of discord.py; update Refdesk.",
    4013: "Discord does not know the intents that were asked for; update Refdesk.",
    4014: "Discord refuses the intents. The bot needs none that is privileged; is this the right application?",
}


def main() -> int:
    """Run the bot, or `--check` it, and give the exit code."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody wants to hear the bot
    parser = argparse.ArgumentParser(prog="python -m bot", description="The Discord bot of Refdesk.")
    parser.add_argument("--check", action="store_true", help="say what is in order and what is not, as JSON lines")
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    try:
        settings = configuration.load()
        set_up_logging(settings)
        token = _token(settings)
        follow_api(settings.discord.api_url)
        work = check(token) if given.check else run(settings, token, with_parent=given.with_parent)
    except SetupError as error:
        return _end(str(error), MISCONFIGURED)
    return _ended(work)


async def run(settings: Settings, token: str, *, with_parent: bool = False) -> None:
    """Run until told to stop."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    _hear_signals(loop, stopped)
    if with_parent:
        watch = loop.create_task(_watch_parent(stopped))
    database_url = _needed(settings.servers.database_url, "DATABASE_URL")
    redis_url = _needed(settings.servers.redis_url, "REDIS_URL")
    waiting = loop.create_task(stopped.wait())
    looking = loop.create_task(asyncio.to_thread(require_schema, database_url))
    await asyncio.wait({looking, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not looking.done():
        return
    await looking
    database = Database(
        database_url, application="refdesk bot", pool_size=CONNECTIONS, statement_timeout_s=STATEMENT_TIMEOUT_S
    )
    submitter = Submitter(database, redis_url, expires_s=settings.jobs.message_expires_s, in_background=True)
    services = Services(database, submitter, settings)
    bot = RefdeskBot(services, settings)
    running = loop.create_task(bot.start(token))
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await bot.stop()
        if not waiting.done() or running.done():
            await running
    finally:
        for task in (running, waiting, *([watch] if with_parent else [])):
            task.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        await asyncio.to_thread(submitter.close, PUBLISHER_S)
        await asyncio.to_thread(services.close)
        database.close()


def _hear_signals(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop() -> None:
        stopped.set()
        # A second signal ends the process at once, and so does the clock: threads may hang in a database or a name
        # server, and Python would wait for them for ever.
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        last_resort = threading.Timer(STOP_S, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()

    for number in numbers:
        loop.add_signal_handler(number, stop)


async def _watch_parent(stopped: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody that a parent died
        await asyncio.sleep(1.0)
    stopped.set()


def _token(settings: Settings) -> str:
    if settings.discord.token is None:
        raise SetupError("DISCORD_TOKEN is not set; `refdesk doctor` says how to get one.")
    token = settings.discord.token.get_secret_value().strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SetupError("DISCORD_TOKEN is no token: it holds blanks or characters that none has.")
    return token


def _needed(url: SecretStr | None, name: str) -> str:
    if url is None:
        raise SetupError(f"{name} is not set; `refdesk bot` and `refdesk up` bring embedded servers along.")
    return url.get_secret_value()


def _ended(work: Coroutine[None, None, None]) -> int:
    try:
        asyncio.run(work)
    except (discord.DiscordException, aiohttp.ClientError, TimeoutError, RefdeskError) as error:
        return _end(*_last_words(error))
    return 0


def _last_words(error: Exception) -> tuple[str, int]:
    if isinstance(error, discord.LoginFailure):
        return CLOSED_FOR_GOOD[4004], MISCONFIGURED
    if isinstance(error, discord.PrivilegedIntentsRequired):
        return CLOSED_FOR_GOOD[4014], MISCONFIGURED
    if isinstance(error, discord.ConnectionClosed):
        if error.code in CLOSED_FOR_GOOD:
            return CLOSED_FOR_GOOD[error.code], MISCONFIGURED
        return f"Discord closed the connection (code {error.code}).", AWAY
    if isinstance(error, RefdeskError):
        # A class of its own names a server or a schema, which somebody may mend while the supervisor waits.
        return str(error), MISCONFIGURED if type(error) is SetupError else AWAY
    return f"Discord cannot be reached ({type(error).__name__}); is the network in order?", AWAY


def _end(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - the last word of the process is for a person
    return code


if __name__ == "__main__":
    sys.exit(main())
