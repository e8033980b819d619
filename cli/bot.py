"""`refdesk bot`: start the bot process, forward signals and return its exit code."""

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

from cli import context as cli_context
from config.checks import Check
from config.settings import Settings
from db.schema import migrate
from embedded.servers import ServerUrls, open_servers
from pipeline.errors import MissingExtra, SetupError

CHECK_TIMEOUT_S = 30.0
MISCONFIGURED = 78
"""Exit code of a bot that a restart cannot fix: invalid token, missing intents, invalid settings."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bot")(bot)


def bot() -> int:
    """Run the Discord bot until Ctrl-C or SIGTERM.

    Requires DISCORD_TOKEN and running workers (`refdesk up` or `refdesk worker`). `refdesk doctor` checks the token and
    prints the link that invites the bot to a server. Several bots with the same token share the work.
    """
    settings = cli_context.start_command()
    require_bot(settings)
    with open_servers(settings) as urls:
        if settings.servers.database_url is None:
            migrate(urls.database_url)
        process = start_bot(urls)

        def forward_signal(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, forward_signal)
        code = process.wait()
        # Exit code 78 must reach the supervisor, which then does not restart. A negative code means a signal.
        return code if code >= 0 else 1


def require_bot(settings: Settings) -> None:
    """Raise `SetupError` or `MissingExtra` if the bot has no token or its libraries are not installed."""
    if settings.discord.token is None:
        raise SetupError("DISCORD_TOKEN is not set. docs/discord.md explains how to create a bot and get its token.")
    if find_spec("discord") is None:
        raise MissingExtra.for_part("the bot", "bot")


def start_bot(urls: ServerUrls, log: int | None = None) -> subprocess.Popen[bytes]:
    """Start the bot process; it logs to this terminal or to the given file descriptor."""
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "--with-parent"],
        env=os.environ | {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C must reach only this command, which stops the bot cleanly
    )


def check_bot(settings: Settings) -> Iterator[Check]:
    """Check token, intents and permissions with Discord, if a token is set."""
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
        yield Check("discord", "problem", f"no response within {CHECK_TIMEOUT_S:.0f} s; check the network connection")
        return
    findings = [Check(**json.loads(line)) for line in done.stdout.splitlines()]
    yield from findings
    if done.returncode and not findings:
        words = done.stderr.strip().splitlines() or ["no output"]
        yield Check("discord", "problem", f"checking the bot failed: {words[-1]}")
