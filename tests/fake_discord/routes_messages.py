"""Routes for channel messages: send, read, edit, delete, react."""

from __future__ import annotations

from typing import Any, Final

from tests.fake_discord import authoring, permissions
from tests.fake_discord.errors import ApiError, FormErrors
from tests.fake_discord.gateway import MESSAGE_CONTENT
from tests.fake_discord.message_payloads import message_json, redact_message
from tests.fake_discord.message_rules import check_message
from tests.fake_discord.model import DM, TEXT, Channel, Message
from tests.fake_discord.payloads import user_json
from tests.fake_discord.routing import NO_CONTENT, Call, Reply, Route

NONCE_WINDOW_S: Final = 180.0
HOUR_S: Final = 3600.0


def send(call: Call) -> Reply:
    """Post a message as the bot."""
    world, body = call.world, call.fields
    channel = world.channel(call.number("channel_id"))
    _check_can_send(call, channel, body)
    check_message(body, call.files)
    nonce = body.get("nonce")
    if nonce is not None and body.get("enforce_nonce"):
        at, first = world.nonces.get(str(nonce), (0.0, None))
        if first and world.clock.now() - at < NONCE_WINDOW_S:
            return Reply(200, message_json(world, first))
    reply_to = _reference(call, channel, body)
    if channel.is_archived(world.clock.now()):
        channel.archived_by_hand, channel.active_at = False, world.clock.now()
        world.emit_channel("THREAD_UPDATE", channel)
    message = authoring.create(world, channel, world.bot, body, call.files, reply_to=reply_to)
    if nonce is not None:
        world.nonces[str(nonce)] = (world.clock.now(), message)
    return Reply(200, message_json(world, message))


def _check_can_send(call: Call, channel: Channel, body: dict[str, Any]) -> None:
    world = call.world
    if channel.type == DM:
        person = channel.recipients[0]
        if not person.dms_open:
            raise ApiError(50007)
        if not person.installed_app and not any(
            person.id in guild.members and guild.has_app for guild in world.guilds.values()
        ):
            raise ApiError(50278)
        return
    if channel.type != TEXT and not channel.is_thread:
        raise ApiError(50008)
    world.need(channel, "send_messages_in_threads" if channel.is_thread else "send_messages")
    if channel.locked:
        raise ApiError(50083)
    if body.get("embeds"):
        world.need(channel, "embed_links")
    if call.files:
        world.need(channel, "attach_files")


def _reference(call: Call, channel: Channel, body: dict[str, Any]) -> Message | None:
    reference = body.get("message_reference")
    if not reference:
        return None
    if channel.guild and not permissions.has_permissions(channel, call.world.bot, "read_message_history"):
        raise ApiError(160002)
    found = channel.all_messages.get(int(reference.get("message_id") or 0))
    if found and not found.deleted and not found.ephemeral:
        return found
    if reference.get("fail_if_not_exists", True):
        errors = FormErrors()
        errors.add("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        errors.raise_if_any()
    return None


def visible_message_json(call: Call, message: Message) -> dict[str, Any]:
    """Build a message payload as visible to the bot."""
    body = message_json(call.world, message)
    allowed = call.world.gateway.allowed_privileged & MESSAGE_CONTENT
    return body if allowed else redact_message(call.world, message, body)


def read(call: Call) -> Reply:
    """Answer with one message."""
    channel = call.world.channel(call.number("channel_id"))
    call.world.need(channel, "read_message_history")
    return Reply(200, visible_message_json(call, call.world.message(channel, call.number("message_id"))))


def history(call: Call) -> Reply:
    """List messages, newest first, around, before or after one."""
    channel = call.world.channel(call.number("channel_id"))
    query = call.request.query
    limit = int(query.get("limit", 50))
    if not 1 <= limit <= 100:
        errors = FormErrors()
        errors.add("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        errors.raise_if_any()
    if not permissions.has_permissions(channel, call.world.bot, "read_message_history"):
        return Reply(200, [])
    found = channel.messages
    if "around" in query:
        middle, half = int(query["around"]), limit // 2
        before = [m for m in found if m.id < middle][-half:] if half else []
        found = before + [m for m in found if m.id >= middle][: half + 1]
    elif "after" in query:
        found = [m for m in found if m.id > int(query["after"])][:limit]
    elif "before" in query:
        found = [m for m in found if m.id < int(query["before"])]
    return Reply(200, [visible_message_json(call, message) for message in reversed(found[-limit:])])


def change(call: Call) -> Reply:
    """Change a message of the bot."""
    world, body = call.world, call.fields
    channel = world.channel(call.number("channel_id"))
    message = world.message(channel, call.number("message_id"))
    if message.author is not world.bot:
        raise ApiError(50005)
    if channel.is_archived(world.clock.now()):
        raise ApiError(50083)
    if call.files and channel.guild:
        world.need(channel, "attach_files")
    if body.get("embeds") and channel.guild:
        world.need(channel, "embed_links")
    check_message(body, call.files, old=message)
    if late := _count_old_edit(call, message):
        return late
    authoring.edit(world, message, body, call.files)
    return Reply(200, message_json(world, message))


def _count_old_edit(call: Call, message: Message) -> Reply | None:
    world = call.world
    now = world.clock.now()
    if now - message.created_at < HOUR_S:
        return None
    recent = [at for at in world.old_edits.get(message.channel.id, ()) if now - at < HOUR_S]
    if len(recent) < world.old_edit_cap:
        world.old_edits[message.channel.id] = [*recent, now]
        return None
    text = "Maximum number of edits to messages older than 1 hour reached. Try again later."
    wait = round(HOUR_S - (now - recent[0]), 3) if recent else HOUR_S
    return Reply(429, {"message": text, "code": 30046, "retry_after": wait, "global": False})


def delete(call: Call) -> Reply:
    """Delete a message; messages of other users require Manage Messages."""
    world = call.world
    channel = world.channel(call.number("channel_id"))
    message = world.message(channel, call.number("message_id"))
    if message.author is not world.bot:
        world.need(channel, "manage_messages")
    if channel.is_archived(world.clock.now()):
        raise ApiError(50083)
    authoring.remove(world, message)
    return NO_CONTENT


def react(call: Call) -> Reply:
    """Add or remove the bot's reaction."""
    world = call.world
    channel = world.channel(call.number("channel_id"))
    message = world.message(channel, call.number("message_id"))
    emoji = call.params["emoji_name"]
    if emoji.isascii() and ":" not in emoji:
        raise ApiError(10014)
    if channel.is_archived(world.clock.now()):
        raise ApiError(50083)
    users = message.reactions.setdefault(emoji, [])
    if call.request.method == "PUT":
        world.need(channel, "read_message_history", *(() if users else ("add_reactions",)))
        if world.bot not in users:
            users.append(world.bot)
            world.emit_reaction("MESSAGE_REACTION_ADD", message, emoji, world.bot)
    elif world.bot in users:
        users.remove(world.bot)
        world.emit_reaction("MESSAGE_REACTION_REMOVE", message, emoji, world.bot)
    if not users:
        del message.reactions[emoji]
    return NO_CONTENT


def reactions(call: Call) -> Reply:
    """List the users who reacted."""
    channel = call.world.channel(call.number("channel_id"))
    message = call.world.message(channel, call.number("message_id"))
    return Reply(200, [user_json(user) for user in message.reactions.get(call.params["emoji_name"], ())])


_MESSAGES = "/channels/{channel_id}/messages"
ROUTES = [
    Route("POST", _MESSAGES, send),
    Route("GET", _MESSAGES, history),
    Route("GET", f"{_MESSAGES}/{{message_id}}", read),
    Route("PATCH", f"{_MESSAGES}/{{message_id}}", change),
    Route("DELETE", f"{_MESSAGES}/{{message_id}}", delete),
    Route("GET", f"{_MESSAGES}/{{message_id}}/reactions/{{emoji_name}}", reactions),
    Route("PUT", f"{_MESSAGES}/{{message_id}}/reactions/{{emoji_name}}/@me", react),
    Route("DELETE", f"{_MESSAGES}/{{message_id}}/reactions/{{emoji_name}}/@me", react),
]
