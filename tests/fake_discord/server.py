"""The HTTP server, which records requests, applies faults, and dispatches to routes."""

from __future__ import annotations

import asyncio
import json
import math
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tests.fake_discord import (
    recording,
    routes_channels,
    routes_commands,
    routes_interactions,
    routes_login,
    routes_messages,
)
from tests.fake_discord.errors import ApiError
from tests.fake_discord.faults import Fault, Faults
from tests.fake_discord.limits import Limits, RateLimitState
from tests.fake_discord.recording import Request
from tests.fake_discord.routing import Call, Reply, Route

if TYPE_CHECKING:
    from tests.fake_discord.world import World

PREFIX: Final = "/api/v10"
MAX_BODY_BYTES: Final = 512 * 1024 * 1024
ROUTES: Final = [
    route
    for module in (routes_login, routes_commands, routes_messages, routes_channels, routes_interactions)
    for route in module.ROUTES
]
BODY_FAULTS: Final = {50006, 50035, 50109, 40005}


class Server:
    """An HTTP server on a loopback port in place of Discord."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = Faults()
        self.limits = Limits(world.clock)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        for route in ROUTES:
            app.router.add_route(route.method, PREFIX + route.template, self._handler(route))
        for path in ("/gateway", "/resume"):
            app.router.add_get(path, self.world.gateway.serve)
        for folder in ("attachments", "ephemeral-attachments"):
            app.router.add_get(f"/{folder}/{{channel}}/{{file}}/{{name}}", self._file)
        app.router.add_route("*", "/{path:.*}", self._unknown)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.world.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Release held requests and stop."""
        self.faults.clear()
        for connection in list(self.world.gateway.connections):
            connection.close(1001)
        await asyncio.sleep(0)
        if self._runner:
            await self._runner.cleanup()

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(route, request)

        return handle

    async def _serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        record = recording.start_record(request, route.template, PREFIX, self.world.clock.now())
        self.world.requests.append(record)
        fault = self.faults.take(request.method, route.template, record.path)
        try:
            await recording.read_body(request, record)
            if fault and not fault.after_processing and (early := await self._disturb(fault, request, record)):
                return early
            record.standing = self.limits.count(request.method, route.template, record.path, dict(request.match_info))
            if record.standing.wait_s:
                return self._limited(record, record.standing.wait_s, "user")
            reply = self._reply(route, request, record)
        except ApiError as error:
            reply = Reply(error.status, error.body)
        if fault and fault.after_processing and (instead := await self._disturb(fault, request, record)):
            return instead
        return self._answer(record, reply)

    def _reply(self, route: Route, request: web.Request, record: Request) -> Reply:
        if route.needs_token and request.headers.get("Authorization") != f"Bot {self.world.token}":
            return Reply(401, {"message": "401: Unauthorized", "code": 0})
        try:
            reply = route.handler(Call(self.world, record, dict(request.match_info)))
        except ApiError as error:
            if error.code in BODY_FAULTS:
                self.world.problem("rule", f"{error.code} {json.dumps(error.body.get('errors', str(error)))}", record)
            return Reply(error.status, error.body)
        except Exception:  # noqa: BLE001 - a mistake of the fake must show up as one, not as a silent 500
            self.world.problem("fake", traceback.format_exc(), record)
            return Reply(501, {"message": "The fake itself failed; see its problems.", "code": 0})
        return reply

    async def _disturb(self, fault: Fault, request: web.Request, record: Request) -> web.StreamResponse | None:
        record.fault = fault.kind
        if fault.kind == "hold" and fault.hold:
            await fault.hold.wait()
        elif fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "drop":
            if request.transport:
                request.transport.abort()
            return web.Response(status=500)  # nobody is left to read it
        elif fault.kind == "status":
            return self._answer(record, Reply(fault.status, {"message": f"{fault.status}: Server Error", "code": 0}))
        elif fault.kind == "limit":
            return self._limited(record, fault.retry_after_s, fault.scope)
        return None

    def _limited(self, record: Request, wait_s: float, scope: str) -> web.Response:
        thing = "The resource is" if scope == "shared" else "You are"
        body = {"message": f"{thing} being rate limited.", "retry_after": round(wait_s, 3), "global": scope == "global"}
        record.limit_scope = scope
        headers = {"X-RateLimit-Scope": scope}
        if scope == "global":
            headers["X-RateLimit-Global"] = "true"
        return self._answer(record, Reply(429, body), headers)

    def _answer(self, record: Request, reply: Reply, headers: dict[str, str] | None = None) -> web.Response:
        now = self.world.clock.now()
        record.status = reply.status
        record.answered_at = now
        record.answer_text = "" if reply.body is None else json.dumps(reply.body)
        standing = record.standing or RateLimitState("0")
        if reply.status == 429:
            standing = RateLimitState(standing.bucket, standing.limit, 0, reply.body["retry_after"])
        sent = {**standing.headers(now), "Via": "1.1 google", **(headers or {})}
        if reply.status == 429:
            sent["Retry-After"] = str(math.ceil(reply.body["retry_after"]))
        if reply.body is None:
            return web.Response(status=reply.status, headers=sent)
        sent["Content-Type"] = "application/json"  # with a charset discord.py would take the body for text
        return web.Response(status=reply.status, body=record.answer_text.encode(), headers=sent)

    async def _file(self, request: web.Request) -> web.Response:
        world = self.world
        record = recording.start_record(request, "/attachments", "", world.clock.now())
        world.requests.append(record)
        file = world.attachments.get(int(request.match_info["file"]))
        end = int(request.query.get("ex", "0"), 16)
        known = file is not None and request.query.get("hm") == world.signature(file.id, end)
        if file is None or not known or world.clock.now() > end:
            record.status = 404
            return web.Response(status=404, text="This content is no longer available.")
        record.status = 200
        return web.Response(body=file.data, headers={"Content-Type": file.content_type})

    async def _unknown(self, request: web.Request) -> web.Response:
        record = recording.start_record(request, "", PREFIX, self.world.clock.now())
        self.world.requests.append(record)
        self.world.problem("fake", f"{request.method} {request.path} is nothing that the fake knows.", record)
        return self._answer(record, Reply(404, {"message": "404: Not Found", "code": 0}))
