"""Create and edit messages from validated bodies: files, embeds, components, flags, pings."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any

from tests.fake_discord.components import normalise_components
from tests.fake_discord.embeds import normalise_embed
from tests.fake_discord.errors import ApiError, FormErrors
from tests.fake_discord.exchange import COMPONENT, Interaction
from tests.fake_discord.mentions import ALL_MENTIONS, USERS_ONLY, resolve_pings
from tests.fake_discord.model import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    MIB,
    SILENT,
    SUPPRESS_EMBEDS,
    Attachment,
    Channel,
    Message,
    User,
)
from tests.fake_discord.recording import Upload

if TYPE_CHECKING:
    from tests.fake_discord.world import World

KEPT_FLAGS = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2


def create(
    world: World,
    channel: Channel,
    author: User,
    body: dict[str, Any],
    files: list[Upload],
    *,
    interaction: Interaction | None = None,
    ephemeral_for: User | None = None,
    reply_to: Message | None = None,
    forward_of: Message | None = None,
) -> Message:
    """Create a message; leave no state behind if its files are rejected."""
    now = world.clock.now()
    message = Message(world.ids.new(), channel, author, now, interaction=interaction, reply_to=reply_to)
    message.ephemeral_for = ephemeral_for
    message.forward_of = forward_of
    message.flags = int(body.get("flags") or 0) & KEPT_FLAGS | (EPHEMERAL if ephemeral_for else 0)
    message.nonce = body.get("nonce")
    message.type = _message_type(interaction, reply_to)
    _apply_body(world, message, body, files)
    message.pings = resolve_pings(message, USERS_ONLY if interaction else ALL_MENTIONS)
    _publish(world, message, "MESSAGE_CREATE")
    return message


def create_loading(world: World, interaction: Interaction, *, ephemeral: bool) -> Message:
    """Create the "is thinking…" message of a deferred response."""
    now = world.clock.now()
    message = Message(world.ids.new(), interaction.channel, world.bot, now, interaction=interaction)
    message.ephemeral_for = interaction.user if ephemeral else None
    message.flags = LOADING | (EPHEMERAL if ephemeral else 0)
    message.reply_to = interaction.source if interaction.type == COMPONENT else None
    message.type = _message_type(interaction, message.reply_to)
    _publish(world, message, "MESSAGE_CREATE")
    return message


def edit(world: World, message: Message, body: dict[str, Any], files: list[Upload], *, default: Any = None) -> None:
    """Edit a message; the first edit of a deferred response counts as its creation, so it can ping."""
    was_loading = message.loading
    if "flags" in body:
        sticky = message.flags & (EPHEMERAL | SILENT | COMPONENTS_V2)
        message.flags = sticky | int(body["flags"] or 0) & (SUPPRESS_EMBEDS | COMPONENTS_V2)
    message.flags &= ~LOADING
    _apply_body(world, message, body, files)
    if was_loading:
        message.pings = resolve_pings(message, default or USERS_ONLY)
    else:
        message.edited_at = world.clock.now()
    _publish(world, message, "MESSAGE_UPDATE")


def remove(world: World, message: Message) -> None:
    """Delete a message."""
    message.deleted = True
    world.emit_deletion(message)


def _message_type(interaction: Interaction | None, reply_to: Message | None) -> int:
    if reply_to:
        return 19
    if interaction is None:
        return 0
    return 23 if "target_id" in interaction.data else 20


def _publish(world: World, message: Message, event: str) -> None:
    message.channel.all_messages[message.id] = message
    message.channel.active_at = world.clock.now()
    message.history.append(message.look(world.clock.now()))
    world.emit_message(event, message)


def _apply_body(world: World, message: Message, body: dict[str, Any], files: list[Upload]) -> None:
    attachments = _update_attachments(world, message, body, files)
    message.attachments = attachments
    if body.get("allowed_mentions") is not None:
        message.allowed_mentions = body["allowed_mentions"]
    if "content" in body:
        message.content = (body["content"] or "").strip()
    addresses = {file.filename: file for file in attachments}
    if "embeds" in body:
        message.embeds = [normalise_embed(world, embed, addresses) for embed in body["embeds"] or ()]
    if "components" in body:
        message.components = normalise_components(world, body["components"] or [], addresses)


def _update_attachments(world: World, message: Message, body: dict[str, Any], files: list[Upload]) -> list[Attachment]:
    uploads = {upload.index: upload for upload in files}
    listed = body.get("attachments")
    kept: list[Attachment] = [] if listed is not None else list(message.attachments)
    errors = FormErrors()
    described: dict[int, dict[str, Any]] = {}
    for place, entry in enumerate(listed or ()):
        number = int(entry.get("id", -1))
        old = next((file for file in message.attachments if file.id == number), None)
        if old:
            kept.append(old)
        elif number in uploads:
            described[number] = entry
        else:
            errors.add(f"attachments.{place}", "ATTACHMENT_NOT_FOUND", f"No file belongs to id {number}.")
    if len(kept) + len(uploads) > 10:
        errors.add("attachments", "BASE_TYPE_BAD_LENGTH", "Must be 10 or fewer in length.")
    errors.raise_if_any()
    limit = size_limit(message)
    if any(len(upload.data) > limit for upload in files):
        raise ApiError(40005)
    for index, upload in sorted(uploads.items()):
        entry = described.get(index, {})
        filename = entry.get("filename") or upload.filename
        kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
        named = Upload(filename, upload.data, kind, index)
        hidden = message.ephemeral
        kept.append(world.store(named, message.channel, ephemeral=hidden, text=entry.get("description")))
    return kept


def size_limit(message: Message) -> int:
    """Return the maximum size of a file in this message."""
    if message.interaction:
        return message.interaction.attachment_size_limit
    return message.channel.guild.attachment_size_limit if message.channel.guild else 10 * MIB
