"""The test interface of the fake: start it, build state, inject faults and inspect requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from tests.fake_discord.building import Building
from tests.fake_discord.checks import Checks
from tests.fake_discord.clock import Clock
from tests.fake_discord.errors import DriverError
from tests.fake_discord.faults import Fault, Hold
from tests.fake_discord.gateway import Connection, Session
from tests.fake_discord.limits import Limit
from tests.fake_discord.model import Guild, User
from tests.fake_discord.recording import Problem, Request
from tests.fake_discord.server import PREFIX, Server
from tests.fake_discord.world import World

TOKEN = "fake.bot.token"


class FakeDiscord(Building):
    """Discord on loopback; use it as a context manager."""

    def __init__(self, *, token: str = TOKEN, shards: int = 1, openapi: Path | None = None) -> None:
        self.world = World(token, shards)
        self._server = Server(self.world)
        self._checks = Checks(openapi)
        self._thread: threading.Thread | None = None
        self._stopping = asyncio.Event()

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="fake-discord")
        self._thread.start()
        if not started.wait(10):
            raise DriverError("The fake did not start.")
        return self

    def __exit__(self, *_: object) -> None:
        if self.world.loop and self._thread:
            self.world.loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=15)
            self.world.loop = None

    async def _serve(self, started: threading.Event) -> None:
        self.world.loop = asyncio.get_running_loop()
        self.world.thread_id = threading.get_ident()
        await self._server.start()
        started.set()
        await self._stopping.wait()
        await self._server.stop()

    # --------------------------------------------------------------------------------------------- what it is
    @property
    def api_url(self) -> str:
        """URL that replaces https://discord.com/api/v10."""
        return self.world.base_url + PREFIX

    @property
    def gateway_url(self) -> str:
        """URL that replaces wss://gateway.discord.gg."""
        return self.world.ws_url("/gateway")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that connect an unmodified bot to the fake."""
        return {"REFDESK_DISCORD_API_URL": self.api_url, "DISCORD_TOKEN": self.world.token}

    @property
    def clock(self) -> Clock:
        """The clock that all rules use; `advance(seconds)` moves it forward."""
        return self.world.clock

    @property
    def bot(self) -> User:
        """The bot's account."""
        return self.world.bot

    # ------------------------------------------------------------------------------------------ what happened
    @property
    def requests(self) -> list[Request]:
        """Every request so far."""
        return list(self.world.requests)

    def requests_to(self, route: str) -> list[Request]:
        """Return the requests of a route such as `POST /channels/{channel_id}/messages`."""
        return [request for request in self.requests if request.route == route]

    @property
    def problems(self) -> list[Problem]:
        """All problems found so far."""
        return list(self.world.noted_problems) + self._checks.run(self.requests)

    @property
    def validation(self) -> str:
        """Description of the OpenAPI validation in use."""
        return self._checks.summary

    @property
    def invalid_requests(self) -> int:
        """Number of responses that count towards Discord's ban: 401, 403 and 429, except shared 429s."""
        return sum(one.status in {401, 403, 429} and one.limit_scope != "shared" for one in self.requests)

    def transcript(self) -> str:
        """Return all requests, gateway events and problems, one per line, for failure messages."""
        start = self.requests[0].at if self.requests else self.clock.now()
        lines = [(one.at, f"{one.route} → {one.status} {one.error_code or one.fault or ''}") for one in self.requests]
        lines = sorted([*lines, *((at, f"gateway: {text}") for at, text in self.gateway_log)])
        return "\n".join([*(f"{at - start:8.3f} {text}" for at, text in lines), *map(str, self.problems)])

    @property
    def commands(self) -> list[dict[str, Any]]:
        """The global commands that the bot registered."""
        return list(self.world.commands[None].values())

    def guild_commands(self, guild: Guild) -> list[dict[str, Any]]:
        """Return the commands that the bot registered for one guild."""
        return list(self.world.commands.get(guild.id, {}).values())

    @property
    def sessions(self) -> list[Session]:
        """The gateway sessions, connected or waiting for a resume."""
        return list(self.world.gateway.sessions.values())

    @property
    def gateway_log(self) -> list[tuple[float, str]]:
        """Gateway events with times."""
        return list(self.world.gateway.log)

    def wait_until(self, predicate: Callable[[], Any], timeout_s: float = 10.0, what: str = "a condition") -> None:
        """Wait until the predicate is true, or fail with a description of the condition."""
        self.world.wait_until(predicate, timeout_s, what)

    def wait_ready(self, sessions: int = 1, timeout_s: float = 30.0) -> None:
        """Wait until the given number of sessions are connected and commands are registered."""

        def ready() -> bool:
            return sum(session.connected for session in self.sessions) >= sessions and bool(self.commands)

        self.wait_until(ready, timeout_s, f"{sessions} connected sessions and registered commands")

    # ------------------------------------------------------------------------------------------------ disturb
    def rate_limit(
        self, route: str, *, retry_after_s: float, scope: Literal["user", "global", "shared"] = "user", times: int = 1
    ) -> None:
        """Return 429 for the next requests of a route."""
        self._fault(Fault("limit", route, times, retry_after_s=retry_after_s, scope=scope))

    def fail(self, route: str, *, status: int = 500, times: int = 1, processed: bool = False) -> None:
        """Return a server error for the next requests of a route; `processed` means after processing them."""
        self._fault(Fault("status", route, times, processed, status=status))

    def drop(self, route: str, *, times: int = 1, processed: bool = False) -> None:
        """Drop the connection of the next requests of a route; `processed` means after processing them."""
        self._fault(Fault("drop", route, times, processed))

    def delay(self, route: str, seconds: float, *, times: int = 1, processed: bool = False) -> None:
        """Delay the next requests of a route, in real time."""
        self._fault(Fault("delay", route, times, processed, seconds=seconds))

    def limit(self, route: str, count: int, *, per_s: float) -> None:
        """Limit the requests of a route per time window, for each channel or token."""
        self.world.run(lambda: self._server.limits.add(Limit(route, count, per_s)))

    def hold(self, route: str, *, times: int = 1_000_000, processed: bool = False) -> Hold:
        """Hold requests of a route until `release()`, before or after processing them."""
        if self.world.loop is None:
            raise DriverError("The fake is not running.")
        hold = Hold(self.world.wait_until, self.world.loop)
        self._fault(Fault("hold", route, times, processed, hold=hold))
        return hold

    def clear_faults(self) -> None:
        """Remove pending faults, release held requests and remove limits."""
        self.world.run(self._server.faults.clear)
        self.world.run(self._server.limits.clear)

    def _fault(self, fault: Fault) -> None:
        self.world.run(lambda: self._server.faults.add(fault))

    # ------------------------------------------------------------------------------------------------ gateway
    def reconnect(self) -> None:
        """Ask every session to reconnect (op 7)."""
        self._each_connection(lambda connection: connection.send_op(7))

    def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Invalidate every session (op 9)."""

        def invalidate(connection: Connection) -> None:
            if connection.session and not resumable:
                self.world.gateway.sessions.pop(connection.session.id, None)
            connection.send_op(9, resumable)

        self._each_connection(invalidate)

    def drop_sockets(self) -> None:
        """Drop every gateway connection without a close frame."""
        self._each_connection(Connection.abort)

    def close_sockets(self, code: int) -> None:
        """Close every gateway connection with a code such as 4000."""
        self._each_connection(lambda connection: connection.close(code))

    def _each_connection(self, action: Callable[[Connection], None]) -> None:
        def act() -> None:
            for connection in list(self.world.gateway.connections):
                action(connection)

        self.world.run(act)

    @contextmanager
    def hold_events(self) -> Iterator[None]:
        """Hold gateway events and deliver them in order at the end."""
        gateway = self.world.gateway
        gateway.held = []
        yield

        def deliver() -> None:
            held, gateway.held = gateway.held or [], None
            for event, data, redacted, guild, intents in held:
                gateway.dispatch(event, data, guild, intents, redacted)

        self.world.run(deliver)

    def repeat_event(self, event: str, times: int = 1) -> None:
        """Deliver the next event of a name additional times."""
        self.world.gateway.repeats[event] = times
