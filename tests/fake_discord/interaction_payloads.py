"""Payloads of INTERACTION_CREATE and of the callback response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fake_discord import permissions
from tests.fake_discord.exchange import MODAL_SUBMIT, Interaction
from tests.fake_discord.message_payloads import message_json
from tests.fake_discord.model import EPHEMERAL, Channel, User
from tests.fake_discord.payloads import Json, channel_json, member_json, user_json

if TYPE_CHECKING:
    from tests.fake_discord.world import World


def interaction_json(world: World, interaction: Interaction) -> Json:
    """Build the INTERACTION_CREATE event."""
    guild, channel, user = interaction.guild, interaction.channel, interaction.user
    body: Json = {
        "id": str(interaction.id),
        "application_id": str(world.application_id),
        "type": interaction.type,
        "data": interaction.data,
        "token": interaction.token,
        "version": 1,
        "locale": user.locale,
        "context": interaction.context,
        "authorizing_integration_owners": interaction.owners,
        "attachment_size_limit": interaction.attachment_size_limit,
        "entitlements": [],
        "entitlement_sku_ids": [],
        "channel_id": str(channel.id),
        "channel": partial_channel_json(world, channel, user),
        "app_permissions": str(app_permissions(world, channel)),
    }
    if guild:
        body |= {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
            "guild_locale": guild.locale,
            "member": partial_member_json(channel, user),
        }
    else:
        body["user"] = user_json(user)
    source = interaction.source
    if interaction.type == MODAL_SUBMIT and interaction.opened_by:
        source = interaction.opened_by.source
    if source:
        body["message"] = message_json(world, source)
    return body


def app_permissions(world: World, channel: Channel) -> int:
    """Return the app's permissions as a member, or those of a user-installed app."""
    if channel.guild is None or channel.guild.has_app:
        return permissions.channel_permissions(channel, world.bot)
    return permissions.permission_bits("attach_files", "embed_links", "mention_everyone", "use_external_emojis")


def partial_channel_json(world: World, channel: Channel, user: User) -> Json:
    """Build the channel of an interaction, with the user's permissions in it."""
    return channel_json(world, channel) | {"permissions": str(permissions.channel_permissions(channel, user))}


def partial_member_json(channel: Channel, user: User) -> Json:
    """Build the member of an interaction, with permissions after roles and overwrites."""
    if channel.guild is None:
        raise ValueError("Only a guild has members.")
    return member_json(channel.guild, user) | {"permissions": str(permissions.channel_permissions(channel, user))}


def callback_json(world: World, interaction: Interaction, kind: int) -> Json:
    """Build the response to `with_response=1`; only types 4 and 7 have a resource."""
    described: Json = {
        "id": str(interaction.id),
        "type": interaction.type,
        "channel_id": str(interaction.channel.id),
    }
    if interaction.guild:
        described["guild_id"] = str(interaction.guild.id)
    answer: Json = {"interaction": described}
    message = interaction.original
    if message and kind in {4, 5, 7}:
        described |= {
            "response_message_id": str(message.id),
            "response_message_loading": message.loading,
            "response_message_ephemeral": bool(message.flags & EPHEMERAL),
        }
    if message and kind in {4, 7}:
        answer["resource"] = {"type": kind, "message": message_json(world, message)}
    return answer
