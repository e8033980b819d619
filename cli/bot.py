"""`refdesk bot`: the Discord bot, a process of its own; this starts it, passes signals on and takes its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import FrameType

import typer

from cli import context as front_end
from config.checks import Check
from config.settings import Settings
from db.schema import migrate
from embedded.servers import ServerUrls, open_servers
from pipeline.errors import MissingExtra, SetupError

CHECK_TIMEOUT_S = 30.0
MISCONFIGURED = 78
"""Exit code of a bot that no restart can help: a wrong token, refused intents, wrong settings."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bot")(bot)


def bot() -> int:
    """Run the Discord bot until it is told to stop (Ctrl-C or SIGTERM).

    It needs DISCORD_TOKEN, and workers that answer (`refdesk up`, `refdesk worker`). `refdesk doctor` checks the token
    and gives the link that invites the bot to a server. Several bots with one token may run; they share the work.
    """
    settings = front_end.begin()
    require_bot(settings)
    with open_servers(settings) as urls:
        if settings.servers.database_url is None:
            migrate(urls.database_url)
        process = start_bot(urls)

        def pass_on(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, pass_on)
        code = process.wait()
        # A supervisor has to learn from 78 that no restart helps; an end by a signal has no code of its own.
        return code if code >= 0 else 1


def require_bot(settings: Settings) -> None:
    """Raise a sentence when the bot cannot run here: no token, or its libraries are not installed."""
    if settings.discord.token is None:
        raise SetupError("DISCORD_TOKEN is not set; docs/discord.md says how to make a bot and get its token.")
    if find_spec("discord") is None:
        raise MissingExtra("The bot's libraries are not installed here: pip install 'refdesk[bot]'.")


def start_bot(urls: ServerUrls, log: int | None = None) -> subprocess.Popen[bytes]:
    """Start the bot's process; its lines go to this terminal, or to a log file's descriptor."""
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "--with-parent"],
        env=os.environ | {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C reaches the command only, which stops the bot in order
    )


def check_bot(settings: Settings) -> Iterator[Check]:
    """Ask Discord about token, intents, permissions and the invite link; nothing without a token."""
    if settings.discord.token is None or find_spec("discord") is None:
        return
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "--check"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield Check("discord", "problem", f"no answer within {CHECK_TIMEOUT_S:.0f} s; is the network in order?")
        return
    findings = [Check(**json.loads(line)) for line in done.stdout.splitlines()]
    yield from findings
    if done.returncode and not findings:
        words = done.stderr.strip().splitlines() or ["it left no word"]
        yield Check("discord", "problem", f"the bot cannot be checked: {words[-1]}")
