"""The state of the fake and the thread that owns it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar
from urllib.parse import quote

from tests.fake_discord import permissions
from tests.fake_discord.clock import Clock, Snowflakes
from tests.fake_discord.errors import ApiError, DriverError
from tests.fake_discord.exchange import Interaction
from tests.fake_discord.gateway import (
    DIRECT_MESSAGES,
    DIRECT_REACTIONS,
    GUILD_MESSAGES,
    GUILD_REACTIONS,
    GUILDS,
    Gateway,
)
from tests.fake_discord.message_payloads import message_json, redact_message
from tests.fake_discord.model import DM, Attachment, Channel, Guild, Message, User
from tests.fake_discord.payloads import Json, channel_json, member_json
from tests.fake_discord.recording import Problem, Request, Upload

URL_LIFE_S: Final = 24 * 3600.0
_POLL_S: Final = 0.01
T = TypeVar("T")


class World:
    """All state of the fake, changed only by the event loop's thread."""

    def __init__(self, token: str, shards: int) -> None:
        self.clock = Clock()
        self.ids = Snowflakes(self.clock)
        self.token = token
        self.application_id = self.ids.new()
        self.application_flags = 1 << 19
        self.bot = User(self.application_id, "refdesk", bot=True)
        self.users: dict[int, User] = {self.bot.id: self.bot}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.attachments: dict[int, Attachment] = {}
        self.interactions: dict[str, Interaction] = {}
        self.commands: dict[int | None, dict[int, Json]] = {None: {}}
        self.command_creates: list[tuple[float, int | None]] = []
        self.nonces: dict[str, tuple[float, Message]] = {}
        self.old_edits: dict[int, list[float]] = {}
        self.old_edit_cap = 10
        self.requests: list[Request] = []
        self.noted_problems: list[Problem] = []
        self.gateway = Gateway(self, shards)
        self.base_url = ""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread_id = 0

    # ------------------------------------------------------------------------------------------ the owning thread
    def run(self, action: Callable[[], T]) -> T:
        """Run a function on the thread that owns the state, and return its result."""
        if self.loop is None or threading.get_ident() == self.thread_id:
            return action()
        done: Future[T] = Future()

        def call() -> None:
            try:
                done.set_result(action())
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the test waits
                done.set_exception(error)

        self.loop.call_soon_threadsafe(call)
        return done.result(timeout=30)

    def wait_until(
        self, predicate: Callable[[], Any], timeout_s: float = 10.0, what: str | Callable[[], str] = "a condition"
    ) -> None:
        """Wait until the predicate is true, or fail with a description of the condition."""
        end = time.monotonic() + timeout_s
        while not predicate():
            if time.monotonic() > end:
                raise DriverError(f"Timed out after {timeout_s:g} s waiting for {what() if callable(what) else what}.")
            time.sleep(_POLL_S)

    def problem(self, kind: str, text: str, request: Request | None = None) -> None:
        """Record a problem."""
        self.noted_problems.append(Problem(kind, text, request))

    # -------------------------------------------------------------------------------------------------- addresses
    def ws_url(self, path: str) -> str:
        """Return a gateway URL."""
        return self.base_url.replace("http://", "ws://", 1) + path

    def attachment_url(self, file: Attachment) -> str:
        """Return a signed file URL that expires after a day."""
        start = int(self.clock.now())
        end = start + int(URL_LIFE_S)
        folder = "ephemeral-attachments" if file.ephemeral else "attachments"
        path = f"/{folder}/{file.channel_id}/{file.id}/{quote(file.filename)}"
        return f"{self.base_url}{path}?ex={end:x}&is={start:x}&hm={self.signature(file.id, end)}"

    def signature(self, file_id: int, end: int) -> str:
        """Return the signature of a file ID and expiry."""
        return hmac.new(self.token.encode(), f"{file_id}:{end}".encode(), hashlib.sha256).hexdigest()

    # --------------------------------------------------------------------------------------------------- look-ups
    def channel(self, number: int) -> Channel:
        """Return a channel visible to the bot; raise 10003 if it does not exist, 50001 without access."""
        channel = self.channels.get(number)
        if channel is None or channel.deleted:
            raise ApiError(10003)
        if channel.guild is None and not self._own_dm(channel):
            raise ApiError(10003)
        if channel.guild and (
            not channel.guild.has_app or not permissions.has_permissions(channel, self.bot, "view_channel")
        ):
            raise ApiError(50001)
        return channel

    def message(self, channel: Channel, number: int) -> Message:
        """Return a message visible to all members; ephemeral messages are not found."""
        found = channel.all_messages.get(number)
        if found is None and channel.is_thread and channel.parent and number == channel.id:
            found = channel.parent.all_messages.get(number)
        if found is None or found.deleted or found.ephemeral:
            raise ApiError(10008)
        return found

    def need(self, channel: Channel, *names: str) -> None:
        """Raise 50013 if the bot lacks a permission."""
        if not permissions.has_permissions(channel, self.bot, *names):
            raise ApiError(50013)

    def dm_with(self, user: User) -> Channel:
        """Find or open the bot's direct message channel with a user."""
        for channel in self.channels.values():
            if channel.type == DM and user in channel.recipients and self._own_dm(channel):
                return channel
        channel = Channel(self.ids.new(), DM, user.name, recipients=[user], owner=self.bot)
        self.channels[channel.id] = channel
        return channel

    def _own_dm(self, channel: Channel) -> bool:
        return channel.owner is self.bot

    # ------------------------------------------------------------------------------------------------------ files
    def store(
        self, upload: Upload, channel: Channel, *, ephemeral: bool = False, text: str | None = None
    ) -> Attachment:
        """Store a file with a new ID."""
        name = upload.filename.replace(" ", "_")  # as Discord does; what it was called stays as the title
        file = Attachment(self.ids.new(), name, upload.data, upload.content_type, text, ephemeral, channel.id)
        if name != upload.filename:
            file.title = upload.filename.rpartition(".")[0] or upload.filename
        self.attachments[file.id] = file
        return file

    # ----------------------------------------------------------------------------------------------------- events
    def emit_message(self, event: str, message: Message) -> None:
        """Send an event for a message visible to the bot."""
        channel, guild = message.channel, message.channel.guild
        if message.ephemeral or (
            guild and not (guild.has_app and permissions.has_permissions(channel, self.bot, "view_channel"))
        ):
            return
        if guild is None and not self._own_dm(channel):
            return
        body = message_json(self, message)
        if guild:
            body["guild_id"] = str(guild.id)
            if message.author.id in guild.members:
                body["member"] = member_json(guild, message.author, with_user=False)
        intent = GUILD_MESSAGES if guild else DIRECT_MESSAGES
        self.gateway.dispatch(event, body, guild, intent, redact_message(self, message, body))

    def emit_deletion(self, message: Message) -> None:
        """Send an event for a deleted message."""
        guild = message.channel.guild
        body = {"id": str(message.id), "channel_id": str(message.channel.id)}
        if guild:
            body["guild_id"] = str(guild.id)
        if not message.ephemeral:
            self.gateway.dispatch("MESSAGE_DELETE", body, guild, GUILD_MESSAGES if guild else DIRECT_MESSAGES)

    def emit_reaction(self, event: str, message: Message, emoji: str, user: User) -> None:
        """Send an event for a reaction."""
        guild = message.channel.guild
        body: Json = {
            "user_id": str(user.id),
            "channel_id": str(message.channel.id),
            "message_id": str(message.id),
            "message_author_id": str(message.author.id),
            "emoji": {"id": None, "name": emoji},
            "burst": False,
            "type": 0,
        }
        if guild:
            body |= {"guild_id": str(guild.id), "member": member_json(guild, user)}
        self.gateway.dispatch(event, body, guild, GUILD_REACTIONS if guild else DIRECT_REACTIONS)

    def emit_channel(self, event: str, channel: Channel) -> None:
        """Send an event for a created, changed or deleted channel or thread."""
        if channel.guild and channel.guild.has_app:
            body = channel_json(self, channel)
            if event == "THREAD_CREATE":
                body["newly_created"] = True
            self.gateway.dispatch(event, body, channel.guild, GUILDS)
