"""Metrics and health checks of the bot process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.client.app import RefdeskBot
from monitoring.gauges import Gauge
from monitoring.health import HealthChecks, ServerCheck, combine
from monitoring.start import start_monitoring

if TYPE_CHECKING:
    from monitoring.server import MonitoringServer

LOOP_TIMEOUT_S = 5.0
"""Seconds within which the event loop must run a function."""


def serve_metrics(
    bot: RefdeskBot, loop: asyncio.AbstractEventLoop, database_url: str, redis_url: str
) -> MonitoringServer | None:
    """Serve metrics and health checks if REFDESK_METRICS_PORT is set."""
    if not bot.settings.metrics.port:
        return None

    def find_blocked_loop() -> str:
        try:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(LOOP_TIMEOUT_S)
        except TimeoutError:
            return f"The event loop did not respond within {LOOP_TIMEOUT_S:.0f} s. Restart the bot."
        return ""

    def find_lost_gateway() -> str:
        return "" if is_connected(bot) else "The bot is not connected to Discord."

    gauges = (
        Gauge("discord_connected", "Whether every shard is connected to Discord.", lambda: is_connected(bot)),
        Gauge("discord_servers", "Servers that the bot is a member of.", lambda: len(bot.guilds)),
    )
    checks = HealthChecks(
        live=find_blocked_loop,
        ready=combine(find_blocked_loop, find_lost_gateway, ServerCheck(database_url, redis_url)),
    )
    return start_monitoring(bot.settings, "bot", checks, gauges)


def is_connected(bot: RefdeskBot) -> bool:
    """Return whether the bot has received its servers and no shard has lost its connection."""
    return bot.is_ready() and all(not shard.is_closed() for shard in bot.shards.values())
