"""`python -m bot`: the Discord bot as a process, configured by environment variables only.

Exit codes: 0 after a stop signal. 1 when Discord or a server is unavailable, so that a supervisor may restart the
process. 78 when no restart can help, because the token, the intents or the settings are invalid. The last line on
stderr names the reason.
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

from bot.client.app import RefdeskBot, set_api_url
from bot.client.metrics import serve_metrics
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

UNAVAILABLE = 1
MISCONFIGURED = 78
CONNECTIONS = THREADS + 8
"""The threads of the services and of the delivery worker, and a few spare connections."""
STATEMENT_TIMEOUT_S = 15.0
PUBLISH_TIMEOUT_S = 2.0
"""How long a stop waits for job IDs that are being published to the queue."""
STOP_TIMEOUT_S = 15.0
"""Duration after which a stop ends the process regardless; another process takes over its deliveries."""
CLOSE_CODES = {
    4004: "Discord rejected the token. Set DISCORD_TOKEN to the bot's current token.",
    4010: "Discord rejected the shard. Check REFDESK_DISCORD_SHARD_COUNT and REFDESK_DISCORD_SHARD_IDS.",
    4011: "The bot is on too many servers for one shard. Set REFDESK_DISCORD_SHARD_COUNT to a higher number, or to 0.",
    4012: "Discord no longer supports the gateway version of this discord.py. Update Refdesk.",
    4013: "Discord does not know the requested intents. Update Refdesk.",
    4014: "Discord rejected the intents. The bot needs no privileged intents; check that the token belongs to the "
    "right application.",
}
"""Gateway close codes after which a restart cannot help, with the message for the operator."""


def main() -> int:
    """Run the bot, or check it with `--check`; return the exit code."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot uses no voice channels
    parser = argparse.ArgumentParser(prog="python -m bot", description="Run the Discord bot of Refdesk.")
    parser.add_argument("--check", action="store_true", help="check token, intents and permissions; print JSON lines")
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        settings = configuration.load()
        set_up_logging(settings)
        token = _read_token(settings)
        set_api_url(settings.discord.api_url)
        work = check(token) if arguments.check else run(settings, token, with_parent=arguments.with_parent)
    except SetupError as error:
        return _exit_with(str(error), MISCONFIGURED)
    return _run_to_exit_code(work)


async def run(settings: Settings, token: str, *, with_parent: bool = False) -> None:
    """Run the bot until a stop signal or, with `with_parent`, until the parent process ends."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    _handle_signals(loop, stopped)
    if with_parent:
        parent_watch = loop.create_task(_watch_parent(stopped))
    database_url = _require(settings.servers.database_url, "DATABASE_URL")
    redis_url = _require(settings.servers.redis_url, "REDIS_URL")
    stop_signal = loop.create_task(stopped.wait())
    schema_check = loop.create_task(asyncio.to_thread(require_schema, database_url))
    await asyncio.wait({schema_check, stop_signal}, return_when=asyncio.FIRST_COMPLETED)
    if not schema_check.done():
        return
    await schema_check
    database = Database(
        database_url, application="refdesk bot", pool_size=CONNECTIONS, statement_timeout_s=STATEMENT_TIMEOUT_S
    )
    submitter = Submitter(database, redis_url, expires_s=settings.jobs.message_expires_s, in_background=True)
    services = Services(database, submitter, settings)
    bot = RefdeskBot(services, settings)
    monitoring = serve_metrics(bot, loop, database_url, redis_url)
    running = loop.create_task(bot.start(token))
    try:
        await asyncio.wait({running, stop_signal}, return_when=asyncio.FIRST_COMPLETED)
        await bot.stop()
        if not stop_signal.done() or running.done():
            await running
    finally:
        for task in (running, stop_signal, *([parent_watch] if with_parent else [])):
            task.cancel()
        await asyncio.gather(running, stop_signal, return_exceptions=True)
        await asyncio.to_thread(submitter.close, PUBLISH_TIMEOUT_S)
        await asyncio.to_thread(services.close)
        database.close()
        if monitoring is not None:
            monitoring.close()


def _handle_signals(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop() -> None:
        stopped.set()
        # A second signal or the timeout ends the process immediately: threads may hang in a database query or a DNS
        # lookup, and Python would wait for them without limit.
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        timer = threading.Timer(STOP_TIMEOUT_S, os._exit, (0,))
        timer.daemon = True
        timer.start()

    for number in numbers:
        loop.add_signal_handler(number, stop)


async def _watch_parent(stopped: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - there is no portable notification of a parent's end
        await asyncio.sleep(1.0)
    stopped.set()


def _read_token(settings: Settings) -> str:
    if settings.discord.token is None:
        raise SetupError("DISCORD_TOKEN is not set. docs/discord.md explains how to create a bot and get its token.")
    token = settings.discord.token.get_secret_value().strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SetupError("DISCORD_TOKEN is invalid: it contains spaces or unsupported characters.")
    return token


def _require(url: SecretStr | None, name: str) -> str:
    if url is None:
        raise SetupError(f"{name} is not set. Set it, or use `refdesk bot` or `refdesk up`, which start servers.")
    return url.get_secret_value()


def _run_to_exit_code(work: Coroutine[None, None, None]) -> int:
    try:
        asyncio.run(work)
    except (discord.DiscordException, aiohttp.ClientError, TimeoutError, RefdeskError) as error:
        return _exit_with(*_describe_failure(error))
    return 0


def _describe_failure(error: Exception) -> tuple[str, int]:
    """Return the message for the operator and the exit code."""
    if isinstance(error, discord.LoginFailure):
        return CLOSE_CODES[4004], MISCONFIGURED
    if isinstance(error, discord.PrivilegedIntentsRequired):
        return CLOSE_CODES[4014], MISCONFIGURED
    if isinstance(error, discord.ConnectionClosed):
        if error.code in CLOSE_CODES:
            return CLOSE_CODES[error.code], MISCONFIGURED
        return f"Discord closed the connection (code {error.code}).", UNAVAILABLE
    if isinstance(error, RefdeskError):
        # Subclasses of SetupError concern a server or the schema, which may be fixed while the supervisor waits.
        return str(error), MISCONFIGURED if type(error) is SetupError else UNAVAILABLE
    reason = type(error).__name__
    return (
        f"Discord cannot be reached ({reason}). Check the network connection and REFDESK_DISCORD_API_URL.",
        UNAVAILABLE,
    )


def _exit_with(message: str, code: int) -> int:
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - the last message of the process is for the operator
    return code


if __name__ == "__main__":
    sys.exit(main())
