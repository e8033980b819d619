"""Message payloads, complete and redacted for apps without the message content intent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fake_discord.clock import format_timestamp
from tests.fake_discord.exchange import COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from tests.fake_discord.mentions import ROLES, mentioned_users, text_of
from tests.fake_discord.model import DM, HAS_THREAD, SUPPRESS_EMBEDS, Message, User
from tests.fake_discord.payloads import Json, attachment_json, channel_json, user_json

if TYPE_CHECKING:
    from tests.fake_discord.world import World


def message_json(world: World, message: Message, *, nested: bool = False) -> Json:
    """Build a complete message payload."""
    users = [world.users[number] for number in mentioned_users(message) if number in world.users]
    thread = message.thread if message.thread and not message.thread.deleted else None
    body: Json = {
        "id": str(message.id),
        "type": message.type,
        "channel_id": str(message.channel.id),
        "author": user_json(message.author),
        "content": message.content,
        "timestamp": format_timestamp(message.created_at),
        "edited_timestamp": format_timestamp(message.edited_at) if message.edited_at else None,
        "tts": message.tts,
        "mention_everyone": message.pings.everyone,
        "mentions": [user_json(user) for user in users],
        "mention_roles": list(dict.fromkeys(ROLES.findall(text_of(message)))),
        "attachments": [attachment_json(world, file) for file in message.attachments],
        "embeds": [] if message.flags & SUPPRESS_EMBEDS else message.embeds,
        "components": message.components,
        "pinned": False,
        "flags": message.flags | (HAS_THREAD if thread else 0),
    }
    if message.nonce is not None:
        body["nonce"] = message.nonce
    if message.reactions:
        body["reactions"] = [_reaction_json(world, emoji, users) for emoji, users in message.reactions.items()]
    if message.interaction:
        body |= _interaction_fields(world, message, message.interaction)
    if message.reply_to:
        body["message_reference"] = _reference_json(message.reply_to)
        if not nested:
            gone = message.reply_to.deleted
            body["referenced_message"] = None if gone else message_json(world, message.reply_to, nested=True)
    if message.forward_of:
        body["message_reference"] = _reference_json(message.forward_of) | {"type": 1}
        body["message_snapshots"] = [{"message": _snapshot_json(world, message.forward_of)}]
    if thread:
        body["thread"] = channel_json(world, thread)
    return body


def redact_message(world: World, message: Message, body: Json) -> Json:
    """Remove what an app without the message content intent does not receive, unless the message is for the app."""
    meant = message.author is world.bot or message.channel.type == DM or world.bot.id in mentioned_users(message)
    hidden: Json = {"content": "", "embeds": [], "attachments": [], "components": []}
    if "message_snapshots" in body:
        hidden["message_snapshots"] = [{"message": one["message"] | hidden} for one in body["message_snapshots"]]
    return body if meant else {**body, **hidden}


def _snapshot_json(world: World, message: Message) -> Json:
    whole = message_json(world, message, nested=True)
    kept = ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags", "components")
    return {name: whole[name] for name in kept} | {"mentions": whole["mentions"], "mention_roles": []}


def _reference_json(target: Message) -> Json:
    found: Json = {"type": 0, "message_id": str(target.id), "channel_id": str(target.channel.id)}
    return {**found, "guild_id": str(target.channel.guild.id)} if target.channel.guild else found


def _reaction_json(world: World, emoji: str, users: list[User]) -> Json:
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "burst_colors": [],
        "me_burst": False,
        "me": world.bot in users,
    }


def _interaction_fields(world: World, message: Message, interaction: Interaction) -> Json:
    fields: Json = {"application_id": str(world.application_id), "webhook_id": str(world.application_id)}
    fields["interaction_metadata"] = metadata_json(interaction, message)
    if interaction.type == COMMAND:
        fields["interaction"] = {
            "id": str(interaction.id),
            "type": COMMAND,
            "name": interaction.name,
            "user": user_json(interaction.user),
        }
    return fields


def metadata_json(interaction: Interaction, message: Message | None = None) -> Json:
    """Build the metadata of the interaction that a message responds to."""
    found: Json = {
        "id": str(interaction.id),
        "type": interaction.type,
        "user": user_json(interaction.user),
        "authorizing_integration_owners": interaction.owners,
    }
    if message and interaction.original and message is not interaction.original:
        found["original_response_message_id"] = str(interaction.original.id)
    if interaction.type == COMMAND and "target_id" in interaction.data:
        found["target_message_id"] = interaction.data["target_id"]
    if interaction.type == COMPONENT and interaction.source:
        found["interacted_message_id"] = str(interaction.source.id)
    if interaction.type == MODAL_SUBMIT and interaction.opened_by:
        found["triggering_interaction_metadata"] = metadata_json(interaction.opened_by)
    return found
