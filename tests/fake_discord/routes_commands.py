"""Routes for global and guild commands."""

from __future__ import annotations

from typing import Any, Final

from tests.fake_discord.errors import ApiError, FormErrors
from tests.fake_discord.registration import CHAT, check_command, check_commands
from tests.fake_discord.routing import NO_CONTENT, Call, Reply, Route

DAILY_CREATES: Final = 200
DAY_S: Final = 86_400.0


def _scope(call: Call) -> int | None:
    if call.number("application_id") != call.world.application_id:
        raise ApiError(10002)
    if "guild_id" not in call.params:
        return None
    number = call.number("guild_id")
    if number not in call.world.guilds or not call.world.guilds[number].has_app:
        raise ApiError(50001)
    return number


def _command_json(call: Call, command: dict[str, Any]) -> dict[str, Any]:
    if call.request.query.get("with_localizations", "true") in {"true", "1"} or call.request.method != "GET":
        return command
    return {key: value for key, value in command.items() if not key.endswith("_localizations")}


def _store_command(call: Call, scope: int | None, body: dict[str, Any]) -> dict[str, Any]:
    world = call.world
    kind = body.get("type", CHAT)
    known = world.commands.setdefault(scope, {})
    old = next((c for c in known.values() if (c["type"], c["name"]) == (kind, body["name"])), None)
    if old is None:
        _count_create(call, scope)
    command = {
        "id": old["id"] if old else str(world.ids.new()),
        "application_id": str(world.application_id),
        "version": str(world.ids.new()),
        "type": kind,
        "description": "",
        "nsfw": False,
        "name_localizations": None,
        "description_localizations": None,
        **{key: value for key, value in body.items() if key not in {"id", "version"}},
    }
    command["default_member_permissions"] = _as_text(body.get("default_member_permissions"))
    if scope is None:
        command |= {"contexts": body.get("contexts"), "integration_types": body.get("integration_types") or [0]}
        command["dm_permission"] = body.get("dm_permission", True)
    else:
        command["guild_id"] = str(scope)
    return command


def _as_text(permissions: Any) -> str | None:
    return None if permissions is None else str(permissions)  # discord.py sends an integer, Discord answers a string


def _count_create(call: Call, scope: int | None) -> None:
    world = call.world
    since = world.clock.now() - DAY_S
    if sum(at > since and where == scope for at, where in world.command_creates) >= DAILY_CREATES:
        raise ApiError(30034)
    world.command_creates.append((world.clock.now(), scope))


def _find(call: Call) -> tuple[int | None, dict[str, Any]]:
    scope = _scope(call)
    command = call.world.commands.get(scope, {}).get(call.number("command_id"))
    if command is None:
        raise ApiError(10063)
    return scope, command


def list_commands(call: Call) -> Reply:
    """List the commands of a scope."""
    return Reply(200, [_command_json(call, command) for command in call.world.commands.get(_scope(call), {}).values()])


def replace_commands(call: Call) -> Reply:
    """Replace all commands of a scope; same name and type keeps the id."""
    scope = _scope(call)
    errors = FormErrors()
    check_commands(call.body, errors)
    errors.raise_if_any()
    commands = [_store_command(call, scope, body) for body in call.body]
    call.world.commands[scope] = {int(command["id"]): command for command in commands}
    return Reply(200, commands)


def create_command(call: Call) -> Reply:
    """Add a command, or replace the one of the same name and type."""
    scope, body = _scope(call), call.fields
    errors = FormErrors()
    check_command(body, "", errors)
    errors.raise_if_any()
    command = _store_command(call, scope, body)
    known = call.world.commands.setdefault(scope, {})
    status = 200 if int(command["id"]) in known else 201
    known[int(command["id"])] = command
    return Reply(status, command)


def read_command(call: Call) -> Reply:
    """Answer with one command."""
    return Reply(200, _find(call)[1])


def change_command(call: Call) -> Reply:
    """Change a command."""
    scope, command = _find(call)
    merged = {**command, **call.fields}
    errors = FormErrors()
    check_command(merged, "", errors)
    errors.raise_if_any()
    merged["default_member_permissions"] = _as_text(merged.get("default_member_permissions"))
    call.world.commands[scope][int(command["id"])] = merged | {"version": str(call.world.ids.new())}
    return Reply(200, call.world.commands[scope][int(command["id"])])


def delete_command(call: Call) -> Reply:
    """Remove a command."""
    scope, command = _find(call)
    del call.world.commands[scope][int(command["id"])]
    return NO_CONTENT


ROUTES = [
    route
    for prefix in ("/applications/{application_id}", "/applications/{application_id}/guilds/{guild_id}")
    for route in (
        Route("GET", f"{prefix}/commands", list_commands),
        Route("PUT", f"{prefix}/commands", replace_commands),
        Route("POST", f"{prefix}/commands", create_command),
        Route("GET", f"{prefix}/commands/{{command_id}}", read_command),
        Route("PATCH", f"{prefix}/commands/{{command_id}}", change_command),
        Route("DELETE", f"{prefix}/commands/{{command_id}}", delete_command),
    )
]
