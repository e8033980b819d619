"""Routes for channels, threads and direct messages."""

from __future__ import annotations

from typing import Any, Final

from tests.fake_discord import permissions
from tests.fake_discord.errors import ApiError, FormErrors
from tests.fake_discord.model import PRIVATE_THREAD, PUBLIC_THREAD, Channel, Message, User
from tests.fake_discord.payloads import channel_json
from tests.fake_discord.routing import NO_CONTENT, Call, Reply, Route
from tests.fake_discord.world import World

ARCHIVE_MINUTES: Final = {60, 1440, 4320, 10080}


def read(call: Call) -> Reply:
    """Answer with a channel."""
    return Reply(200, channel_json(call.world, call.world.channel(call.number("channel_id"))))


def open_dm(call: Call) -> Reply:
    """Open the direct messages with a user; this succeeds even if the user does not accept messages."""
    person = call.world.users.get(int(call.fields.get("recipient_id") or 0))
    if person is None:
        raise ApiError(10013)
    if person is call.world.bot:
        raise ApiError(50007)
    return Reply(200, channel_json(call.world, call.world.dm_with(person)))


def typing(call: Call) -> Reply:
    """Show that the bot is writing."""
    channel = call.world.channel(call.number("channel_id"))
    if channel.guild:
        call.world.need(channel, "send_messages")
    return NO_CONTENT


def thread_from_message(call: Call) -> Reply:
    """Start a thread on a message; its id is the message's."""
    world, body = call.world, call.fields
    channel = world.channel(call.number("channel_id"))
    message = world.message(channel, call.number("message_id"))
    if channel.guild is None or channel.is_thread:
        raise ApiError(50024)
    world.need(channel, "create_public_threads")
    _check_thread(body)
    if message.thread and not message.thread.deleted:
        raise ApiError(160004)
    thread = start_thread(world, channel, world.bot, str(body["name"]), message, body)
    return Reply(201, channel_json(world, thread) | {"member": _membership(world, thread)})


def thread_without_message(call: Call) -> Reply:
    """Start a thread without a message."""
    world, body = call.world, call.fields
    channel = world.channel(call.number("channel_id"))
    if channel.guild is None or channel.is_thread:
        raise ApiError(50024)
    kind = body.get("type", PRIVATE_THREAD)
    world.need(channel, "create_public_threads" if kind == PUBLIC_THREAD else "create_private_threads")
    _check_thread(body)
    thread = start_thread(world, channel, world.bot, str(body["name"]), None, body)
    thread.type = kind
    return Reply(201, channel_json(world, thread) | {"member": _membership(world, thread)})


def start_thread(
    world: World, channel: Channel, owner: User, name: str, message: Message | None, options: dict[str, Any]
) -> Channel:
    """Create a thread and notify the bot."""
    thread = Channel(message.id if message else world.ids.new(), PUBLIC_THREAD, name, channel.guild, channel, owner)
    thread.auto_archive_minutes = options.get("auto_archive_duration") or 1440
    thread.active_at = world.clock.now()
    thread.thread_members = {owner.id}
    world.channels[thread.id] = thread
    world.emit_channel("THREAD_CREATE", thread)
    if message:
        message.thread = thread
        world.emit_message("MESSAGE_UPDATE", message)
    return thread


def _check_thread(body: dict[str, Any]) -> None:
    errors = FormErrors()
    errors.length("name", body.get("name"), 1, 100)
    if body.get("auto_archive_duration") is not None and body["auto_archive_duration"] not in ARCHIVE_MINUTES:
        errors.add("auto_archive_duration", "BASE_TYPE_CHOICES", "Value must be one of {60, 1440, 4320, 10080}.")
    errors.raise_if_any()


def _membership(world: World, thread: Channel) -> dict[str, Any]:
    from tests.fake_discord.clock import format_timestamp

    joined = format_timestamp(world.clock.now())
    return {"id": str(thread.id), "user_id": str(world.bot.id), "join_timestamp": joined, "flags": 0}


def change(call: Call) -> Reply:
    """Rename a channel or thread; archive, open or lock a thread."""
    world, body = call.world, call.fields
    channel = world.channel(call.number("channel_id"))
    if channel.guild is None:
        raise ApiError(50024)
    own = channel.is_thread and channel.owner is world.bot
    if not own:
        world.need(channel, "manage_threads" if channel.is_thread else "manage_channels")
    if "locked" in body and not permissions.has_permissions(channel, world.bot, "manage_threads"):
        raise ApiError(50013)
    if channel.is_archived(world.clock.now()) and body.get("archived") is not False:
        raise ApiError(50083)
    errors = FormErrors()
    if body.get("name") is not None:
        errors.length("name", body["name"], 1, 100)
    errors.raise_if_any()
    channel.name = body.get("name") or channel.name
    channel.topic = body.get("topic", channel.topic)
    if channel.is_thread:
        channel.archived_by_hand = bool(body.get("archived", channel.archived_by_hand))
        channel.locked = bool(body.get("locked", channel.locked))
        channel.auto_archive_minutes = body.get("auto_archive_duration") or channel.auto_archive_minutes
        if body.get("archived") is False:
            channel.active_at = world.clock.now()
    world.emit_channel("THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE", channel)
    return Reply(200, channel_json(world, channel))


def join_thread(call: Call) -> Reply:
    """Let the bot join or leave a thread."""
    world = call.world
    channel = world.channel(call.number("channel_id"))
    if not channel.is_thread:
        raise ApiError(50024)
    if channel.is_archived(world.clock.now()):
        raise ApiError(50083)
    if call.request.method == "PUT":
        channel.thread_members.add(world.bot.id)
    else:
        channel.thread_members.discard(world.bot.id)
    return NO_CONTENT


ROUTES = [
    Route("GET", "/channels/{channel_id}", read),
    Route("PATCH", "/channels/{channel_id}", change),
    Route("POST", "/channels/{channel_id}/typing", typing),
    Route("POST", "/channels/{channel_id}/messages/{message_id}/threads", thread_from_message),
    Route("POST", "/channels/{channel_id}/threads", thread_without_message),
    Route("PUT", "/channels/{channel_id}/thread-members/@me", join_thread),
    Route("DELETE", "/channels/{channel_id}/thread-members/@me", join_thread),
    Route("POST", "/users/@me/channels", open_dm),
]
