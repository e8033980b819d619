"""The gateway: sessions that identify, receive events, disconnect and resume."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSMsgType, web

from tests.fake_discord.payloads import guild_create_json, member_json, user_json

if TYPE_CHECKING:
    from tests.fake_discord.model import Guild
    from tests.fake_discord.world import World

GUILDS, MEMBERS, GUILD_MESSAGES, GUILD_REACTIONS = 1 << 0, 1 << 1, 1 << 9, 1 << 10
DIRECT_MESSAGES, DIRECT_REACTIONS, MESSAGE_CONTENT = 1 << 12, 1 << 13, 1 << 15
PRIVILEGED: Final = MEMBERS | 1 << 8 | MESSAGE_CONTENT
KNOWN_INTENTS: Final = (1 << 17) - 1 | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25
HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME, REQUEST_MEMBERS = 1, 2, 3, 4, 6, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
SENDS_PER_MINUTE: Final = 120
MAX_PAYLOAD_BYTES: Final = 4096


@dataclass(eq=False)
class Session:
    """A session of one shard of one bot process, which can span several connections."""

    id: str
    shard: int
    shards: int
    intents: int
    seq: int = 0
    events: list[tuple[int, str]] = field(default_factory=list)
    connection: Connection | None = None
    resumed: int = 0

    @property
    def connected(self) -> bool:
        """Whether a socket is open."""
        return self.connection is not None

    def push(self, event: str, data: Any) -> None:
        """Number an event, store it for replay, and send it if connected."""
        self.seq += 1
        text = json.dumps({"op": 0, "t": event, "s": self.seq, "d": data})
        self.events.append((self.seq, text))
        if self.connection:
            self.connection.send(text)


class Connection:
    """One WebSocket connection with a send queue and optional compression."""

    def __init__(self, gateway: Gateway, request: web.Request) -> None:
        self.gateway = gateway
        self.request = request
        self.socket = web.WebSocketResponse(autoping=True, compress=False, timeout=2.0)
        self.session: Session | None = None
        self._queue: asyncio.Queue[str | int] = asyncio.Queue()
        stream = request.query.get("compress") == "zlib-stream"
        self._compressor = zlib.compressobj() if stream else None
        self._sent_at: deque[float] = deque()
        self._closing = False

    def send(self, text: str) -> None:
        """Queue a payload."""
        self._queue.put_nowait(text)

    def send_op(self, op: int, data: Any = None) -> None:
        """Queue a payload that is not an event."""
        self.send(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def close(self, code: int) -> None:
        """Queue a close frame."""
        self._queue.put_nowait(code)

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self.request.transport:
            self.request.transport.abort()

    async def serve(self) -> web.WebSocketResponse:
        """Serve the connection until it closes."""
        await self.socket.prepare(self.request)
        writer = asyncio.create_task(self._write())
        self.send_op(HELLO, {"heartbeat_interval": self.gateway.heartbeat_interval_ms, "_trace": []})
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(message.data)
        finally:
            if not self._closing:
                writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self.gateway.left(self, self.socket.close_code)
        return self.socket

    async def _write(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                if isinstance(item, int):
                    self._closing = True
                    await self.socket.close(code=item)
                    return
                if self._compressor:
                    packed = self._compressor.compress(item.encode()) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(packed)
                else:
                    await self.socket.send_str(item)
            except ConnectionError:
                return

    def _receive(self, text: str) -> None:
        now = self.gateway.world.clock.now()
        self._sent_at.append(now)
        while now - self._sent_at[0] > 60:
            self._sent_at.popleft()
        try:
            payload = json.loads(text)
        except ValueError:
            payload = None
        if not isinstance(payload, dict) or len(text.encode()) > MAX_PAYLOAD_BYTES:
            self.gateway.refuse(self, 4002, "a payload that is no JSON or longer than 4096 bytes")
        elif len(self._sent_at) > SENDS_PER_MINUTE:
            self.gateway.refuse(self, 4008, "more than 120 sends in a minute")
        else:
            self._obey(payload.get("op"), payload.get("d"))

    def _obey(self, op: Any, data: Any) -> None:
        if op == HEARTBEAT:
            if self.gateway.acks_heartbeats:
                self.send_op(HEARTBEAT_ACK)
        elif op == IDENTIFY:
            self.gateway.identify(self, data)
        elif op == RESUME:
            self.gateway.resume(self, data)
        elif self.session is None:
            self.gateway.refuse(self, 4003, f"op {op} before IDENTIFY")
        elif op == REQUEST_MEMBERS:
            self.gateway.send_members(self.session, data)
        elif op not in {PRESENCE, VOICE_STATE}:
            self.gateway.refuse(self, 4001, f"unknown op {op}")


class Gateway:
    """All sessions and connections of the bot's token."""

    def __init__(self, world: World, shards: int) -> None:
        self.world = world
        self.shards = shards
        self.heartbeat_interval_ms = 41_250
        self.acks_heartbeats = True
        self.allowed_privileged = 0
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.log: list[tuple[float, str]] = []
        self.identifies = 0
        self.held: list[tuple[str, Any, Any, Guild | None, int]] | None = None
        self.repeats: dict[str, int] = {}

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Handle a WebSocket of the bot."""
        connection = Connection(self, request)
        self.connections.add(connection)
        return await connection.serve()

    def note(self, text: str) -> None:
        """Log a line with the current time."""
        self.log.append((self.world.clock.now(), text))

    def refuse(self, connection: Connection, code: int, why: str) -> None:
        """Close with an error code and log the reason."""
        self.note(f"closed with {code}: {why}")
        if code not in {4004, 4013, 4014}:
            self.world.problem("gateway", f"closed with {code}: {why}")
        connection.close(code)

    def left(self, connection: Connection, code: int | None) -> None:
        """Handle a closed connection; close codes 1000 and 1001 from the bot end the session."""
        self.connections.discard(connection)
        session = connection.session
        if session and session.connection is connection:
            session.connection = None
            if code in {1000, 1001}:
                self.sessions.pop(session.id, None)
        self.note(f"connection gone ({code})")

    def identify(self, connection: Connection, data: dict[str, Any]) -> None:
        """Start a session, or close with the error code of an invalid request."""
        shard, shards = data.get("shard") or (0, 1)
        intents = data.get("intents", 0)
        if connection.session:
            return self.refuse(connection, 4005, "IDENTIFY twice")
        if str(data.get("token", "")).removeprefix("Bot ") != self.world.token:
            return self.refuse(connection, 4004, "wrong token")
        if shards < 1 or not 0 <= shard < shards:
            return self.refuse(connection, 4010, f"shard {shard} of {shards}")
        if intents & ~KNOWN_INTENTS:
            return self.refuse(connection, 4013, f"unknown intents {intents}")
        if intents & PRIVILEGED & ~self.allowed_privileged:
            return self.refuse(connection, 4014, f"privileged intents {intents & PRIVILEGED}")
        self.identifies += 1
        session = Session(f"{self.world.ids.new():032x}", shard, shards, intents, connection=connection)
        self.sessions[session.id] = session
        connection.session = session
        self.note(f"IDENTIFY shard {shard} of {shards}, intents {intents}")
        self._welcome(session)
        return None

    def _welcome(self, session: Session) -> None:
        guilds = [guild for guild in self.world.guilds.values() if guild.has_app and self.concerns(session, guild)]
        ready = {
            "v": 10,
            "user": user_json(self.world.bot) | {"verified": True, "mfa_enabled": True, "email": None},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.world.ws_url("/resume"),
            "shard": [session.shard, session.shards],
            "application": {"id": str(self.world.application_id), "flags": self.world.application_flags},
            "private_channels": [],
            "relationships": [],
        }
        session.push("READY", ready)
        if session.intents & GUILDS:
            for guild in guilds:
                session.push("GUILD_CREATE", guild_create_json(self.world, guild))

    def resume(self, connection: Connection, data: dict[str, Any]) -> None:
        """Replay missed events, or report that the session is invalid."""
        session = self.sessions.get(str(data.get("session_id")))
        if str(data.get("token", "")).removeprefix("Bot ") != self.world.token:
            return self.refuse(connection, 4004, "wrong token")
        if session is None:
            self.note("RESUME of an unknown session")
            return connection.send_op(INVALID_SESSION, data=False)
        if int(data.get("seq") or 0) > session.seq:
            return self.refuse(connection, 4007, "a sequence number from the future")
        if session.connection:
            session.connection.abort()
        missed = [text for seq, text in session.events if seq > int(data.get("seq") or 0)]
        session.connection, connection.session = connection, session
        session.resumed += 1
        for text in missed:
            connection.send(text)
        session.push("RESUMED", {"_trace": []})
        self.note(f"RESUME shard {session.shard}, {len(missed)} events replayed")
        return None

    def concerns(self, session: Session, guild: Guild | None) -> bool:
        """Return whether a guild, or direct messages, belong to the session's shard."""
        return session.shard == ((guild.id >> 22) % session.shards if guild else 0)

    def dispatch(self, event: str, data: Any, guild: Guild | None, intents: int = 0, redacted: Any = None) -> None:
        """Send an event to every session of its shard that has one of the intents."""
        if self.held is not None:
            self.held.append((event, data, redacted, guild, intents))
            return
        for _ in range(1 + self.repeats.pop(event, 0)):
            for session in list(self.sessions.values()):
                if self.concerns(session, guild) and (not intents or session.intents & intents):
                    plain = redacted is None or session.intents & MESSAGE_CONTENT
                    session.push(event, data if plain else redacted)

    def send_members(self, session: Session, wanted: dict[str, Any]) -> None:
        """Send members requested by ID; a full list requires the privileged intent."""
        guild = self.world.guilds.get(int(wanted["guild_id"]))
        asked = wanted.get("user_ids") or []
        ids = {int(number) for number in (asked if isinstance(asked, list) else [asked])}
        if guild is None or not (ids or session.intents & MEMBERS):
            self.world.problem("gateway", "A list of members needs the members intent.")
            return
        found = [self.world.users[number] for number in guild.members if not ids or number in ids]
        members = [member_json(guild, user) for user in found]
        body = {"guild_id": str(guild.id), "members": members, "chunk_index": 0, "chunk_count": 1}
        missing = [str(number) for number in ids - set(guild.members)]
        session.push("GUILD_MEMBERS_CHUNK", {**body, "not_found": missing, "nonce": wanted.get("nonce")})
