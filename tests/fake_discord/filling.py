"""Build command and select payloads; names and types must match the registered commands, as in a client."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any

from tests.fake_discord import permissions
from tests.fake_discord.errors import DriverError
from tests.fake_discord.interaction_payloads import partial_channel_json, partial_member_json
from tests.fake_discord.model import Channel, Role, User
from tests.fake_discord.payloads import Json, attachment_json, role_json, user_json
from tests.fake_discord.recording import Upload
from tests.fake_discord.registration import CHAT, iterate_leaves

if TYPE_CHECKING:
    from tests.fake_discord.world import World

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
PLAIN: dict[int, type | tuple[type, ...]] = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float)}


def as_upload(file: Upload | tuple[str, bytes], index: int = 0) -> Upload:
    """Return an upload for a pair of name and bytes; the content type is guessed from the name."""
    if isinstance(file, Upload):
        return Upload(file.filename, file.data, file.content_type, index)
    name, data = file
    return Upload(name, data, mimetypes.guess_type(name)[0] or "application/octet-stream", index)


def visible_commands(world: World, user: User, channel: Channel, *, by_override: bool = False) -> list[Json]:
    """Return the commands that the client offers a user in a channel, by context, installation and permissions."""
    guild = channel.guild
    found = list(world.commands[None].values())
    if guild and guild.has_app:
        found += world.commands.get(guild.id, {}).values()
    context = 0 if guild else 1 if channel.owner is world.bot else 2
    installed = {1} if user.installed_app else set()
    if (guild and guild.has_app) or context == 1:
        installed.add(0)
    return [
        command
        for command in found
        if context in (command.get("contexts") or ([0, 1, 2] if command.get("dm_permission", True) else [0]))
        and installed & set(command.get("integration_types") or [0])
        and (by_override or _is_permitted(command, channel, user))
    ]


def _is_permitted(command: Json, channel: Channel, user: User) -> bool:
    if channel.guild is None:
        return True
    held = permissions.channel_permissions(channel, user)
    wanted = command.get("default_member_permissions")
    if held == permissions.ALL_PERMISSIONS:
        return True
    if not held & permissions.permission_bits("use_application_commands"):
        return False
    return wanted is None or (wanted != "0" and held & int(wanted) == int(wanted))


def find_menu(world: World, user: User, channel: Channel, name: str, kind: int) -> Json:
    """Find a menu command by name."""
    offered = [one for one in visible_commands(world, user, channel) if one["type"] == kind]
    for command in offered:
        if command["name"] == name:
            return command
    raise DriverError(f"{user.name} has no menu command {name!r} here, only {[one['name'] for one in offered]}.")


def build_command_data(
    world: World,
    user: User,
    channel: Channel,
    name: str,
    values: dict[str, Any],
    *,
    focused: str | None = None,
    by_override: bool = False,
) -> Json:
    """Build the data of a slash command or of an autocomplete request."""
    if channel.deleted or (channel.guild and not permissions.has_permissions(channel, user, "view_channel")):
        raise DriverError(f"{user.name} does not see {channel.name}.")
    offered = [one for one in visible_commands(world, user, channel, by_override=by_override) if one["type"] == CHAT]
    called = {full: (command, chain, last) for command in offered for full, chain, last in iterate_leaves(command)}
    if name not in called:
        raise DriverError(f"{user.name} is offered no command {name!r} here, only {sorted(called)}.")
    command, chain, last = called[name]
    resolved: Json = {}
    options = _build_options(world, user, channel, last.get("options") or [], values, focused, resolved)
    for one in reversed(chain):
        options = [{"type": one["type"], "name": one["name"], "options": options}]
    data: Json = {"id": command["id"], "name": command["name"], "type": CHAT, "options": options}
    if command.get("guild_id"):
        data["guild_id"] = command["guild_id"]
    return data | ({"resolved": resolved} if resolved else {})


def _build_options(
    world: World,
    user: User,
    channel: Channel,
    declared: list[Json],
    values: dict[str, Any],
    focused: str | None,
    resolved: Json,
) -> list[Json]:
    known = {option["name"]: option for option in declared}
    if unknown := set(values) - set(known):
        raise DriverError(f"The command has no option {sorted(unknown)}; it has {sorted(known)}.")
    missing = [name for name, option in known.items() if option.get("required") and values.get(name) is None]
    if missing and focused is None:
        raise DriverError(f"The client does not send the command without {missing}.")
    filled: list[Json] = []
    for name, option in known.items():
        value = values.get(name)
        if value is None:
            continue
        one: Json = {"name": name, "type": option["type"]}
        if name == focused:
            if not option.get("autocomplete"):
                raise DriverError(f"The option {name!r} has no autocomplete.")
            one |= {"value": str(value), "focused": True}
        else:
            one["value"] = _build_value(world, user, channel, option, value, resolved)
        filled.append(one)
    return filled


def _build_value(world: World, user: User, channel: Channel, option: Json, value: Any, resolved: Json) -> Any:
    kind, name = option["type"], option["name"]
    if kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind != BOOLEAN and isinstance(value, bool)):
            raise DriverError(f"The option {name!r} does not accept {type(value).__name__} values.")
        _check_range(option, value)
        return value
    if kind == ATTACHMENT:
        return attach(world, channel, resolved, value)
    return resolve(world, user, channel, value, resolved, {USER: User, CHANNEL: Channel, ROLE: Role}.get(kind))


def attach(world: World, channel: Channel, resolved: Json, file: Upload | tuple[str, bytes]) -> str:
    """Store a file of an interaction, add its resolved data, and return its ID."""
    stored = world.store(as_upload(file), channel, ephemeral=True)
    resolved.setdefault("attachments", {})[str(stored.id)] = attachment_json(world, stored)
    return str(stored.id)


def resolve(world: World, user: User, channel: Channel, value: Any, resolved: Json, wanted: type | None) -> str:
    """Return the ID of a user, role or channel and add its resolved data."""
    if wanted and not isinstance(value, wanted):
        raise DriverError(f"{value!r} is not a {wanted.__name__}.")
    key = str(value.id)
    if isinstance(value, User):
        resolved.setdefault("users", {})[key] = user_json(value)
        if channel.guild and value.id in channel.guild.members:
            member = partial_member_json(channel, value)
            del member["user"]
            resolved.setdefault("members", {})[key] = member
    elif isinstance(value, Role):
        resolved.setdefault("roles", {})[key] = role_json(value, world.bot.id)
    else:
        resolved.setdefault("channels", {})[key] = partial_channel_json(world, value, user)
    return key


def _check_range(option: Json, value: Any) -> None:
    name = option["name"]
    choices = [choice["value"] for choice in option.get("choices") or ()]
    if choices and value not in choices:
        raise DriverError(f"{value!r} is not a choice of {name!r}: {choices}.")
    size = len(value) if isinstance(value, str) else value
    for low, high in (("min_length", "max_length"), ("min_value", "max_value")):
        bottom, top = option.get(low), option.get(high)
        if (bottom is not None and size < bottom) or (top is not None and size > top):
            raise DriverError(f"The client does not take {value!r} for {name!r} ({bottom} to {top}).")
    if isinstance(value, str) and len(value) > 6000:
        raise DriverError("The client accepts at most 6000 characters.")


def build_select_data(world: World, user: User, channel: Channel, menu: Json, values: list[Any]) -> Json:
    """Build the data of a select."""
    if menu["type"] not in {3, 5, 6, 7, 8}:
        raise DriverError(f"{menu.get('custom_id')!r} is not a select.")
    if not menu.get("min_values", 1) <= len(values) <= menu.get("max_values", 1):
        raise DriverError(f"The select takes {menu.get('min_values', 1)} to {menu.get('max_values', 1)} values.")
    data: Json = {"component_type": menu["type"], "custom_id": menu["custom_id"], "id": menu["id"]}
    if menu["type"] == 3:
        names = {option["label"]: option["value"] for option in menu["options"]}
        chosen = [names.get(value, value) for value in values]
        if unknown := [value for value in chosen if value not in names.values()]:
            raise DriverError(f"The select has no option {unknown}; it has {names}.")
        return data | {"values": chosen}
    resolved: Json = {}
    chosen = [resolve(world, user, channel, value, resolved, None) for value in values]
    return data | {"values": chosen, "resolved": resolved}
