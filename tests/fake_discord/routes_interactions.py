"""Routes for interaction responses: callbacks within 3 seconds, token messages for 15 minutes."""

from __future__ import annotations

from typing import Any, Final

from tests.fake_discord import authoring, permissions
from tests.fake_discord.errors import ApiError, FormErrors
from tests.fake_discord.exchange import (
    ACK_WINDOW_S,
    AUTOCOMPLETE,
    COMPONENT,
    MODAL_SUBMIT,
    TOKEN_LIFE_S,
    Acknowledgement,
    Interaction,
)
from tests.fake_discord.interaction_payloads import callback_json
from tests.fake_discord.message_payloads import message_json
from tests.fake_discord.message_rules import check_message
from tests.fake_discord.modals import check_modal
from tests.fake_discord.model import EPHEMERAL, Message
from tests.fake_discord.registration import check_choices
from tests.fake_discord.routing import NO_CONTENT, Call, Reply, Route

MESSAGE, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
MAX_FOLLOWUPS: Final = 5


def callback(call: Call) -> Reply:
    """Accept the single acknowledgement of an interaction."""
    interaction = call.world.interactions.get(call.params["interaction_token"])
    if interaction is None or interaction.id != call.number("interaction_id"):
        raise ApiError(10062)
    try:
        return _acknowledge(call, interaction)
    except ApiError as refusal:
        interaction.refused.append(refusal.code)
        raise


def _acknowledge(call: Call, interaction: Interaction) -> Reply:
    body, latency_s = call.fields, call.request.at - interaction.created_at
    if interaction.ack:
        raise ApiError(40060)
    if latency_s > ACK_WINDOW_S:
        raise ApiError(10062)
    kind = _check_kind(interaction, body.get("type"))
    _apply_callback(call, interaction, kind, body.get("data") or {})
    interaction.ack = Acknowledgement(kind, call.request.at, latency_s)
    if call.request.query.get("with_response", "false") not in {"1", "true"}:
        return NO_CONTENT
    return Reply(200, callback_json(call.world, interaction, kind))


def _apply_callback(call: Call, interaction: Interaction, kind: int, data: dict[str, Any]) -> None:
    if interaction.channel.deleted and kind in {MESSAGE, DEFER}:
        raise ApiError(10003)
    if kind == MESSAGE:
        check_message(data, call.files, path="data", webhook=True)
        _answer(call, interaction, data)
    elif kind == DEFER:
        hidden = bool((data.get("flags") or 0) & EPHEMERAL) or _is_forced_ephemeral(interaction)
        interaction.original = authoring.create_loading(call.world, interaction, ephemeral=hidden)
    elif kind == DEFER_UPDATE:
        interaction.original = _source(interaction)
    elif kind == UPDATE:
        interaction.original = _source(interaction)
        check_message(data, call.files, old=interaction.original, path="data", webhook=True)
        authoring.edit(call.world, interaction.original, data, call.files)
    elif kind == CHOICES:
        _store_choices(interaction, data)
    else:
        check_modal(data)
        interaction.modal = data


def _check_kind(interaction: Interaction, kind: Any) -> int:
    if interaction.type == AUTOCOMPLETE:
        allowed = {CHOICES}
    else:
        allowed = {MESSAGE, DEFER, MODAL}
        if interaction.type == COMPONENT or (interaction.type == MODAL_SUBMIT and _opener_source(interaction)):
            allowed |= {DEFER_UPDATE, UPDATE}
        if interaction.type == MODAL_SUBMIT:
            allowed -= {MODAL}
    if kind not in allowed:
        errors = FormErrors()
        text = f"Value must be one of {sorted(allowed)} for an interaction of type {interaction.type}."
        errors.add("type", "INTERACTION_CALLBACK_TYPE_INVALID", text)
        errors.raise_if_any()
    return int(kind)


def _opener_source(interaction: Interaction) -> Message | None:
    return interaction.opened_by.source if interaction.opened_by else None


def _source(interaction: Interaction) -> Message:
    source = interaction.source or _opener_source(interaction)
    if source is None or source.deleted:
        raise ApiError(10008)
    return source


def _is_forced_ephemeral(interaction: Interaction) -> bool:
    place, person = interaction.channel, interaction.user
    return bool(
        interaction.user_install_only
        and place.guild
        and not permissions.has_permissions(place, person, "use_external_apps")
    )


def _answer(call: Call, interaction: Interaction, data: dict[str, Any]) -> None:
    hidden = bool((data.get("flags") or 0) & EPHEMERAL) or _is_forced_ephemeral(interaction)
    interaction.original = authoring.create(
        call.world,
        interaction.channel,
        call.world.bot,
        data,
        call.files,
        interaction=interaction,
        ephemeral_for=interaction.user if hidden else None,
        reply_to=_source(interaction) if interaction.type == COMPONENT else None,
    )


def _store_choices(interaction: Interaction, data: dict[str, Any]) -> None:
    errors = FormErrors()
    check_choices(data.get("choices"), "data.choices", _focused_type(interaction.data["options"]), errors)
    errors.raise_if_any()
    interaction.choices = list(data["choices"])


def _focused_type(options: list[dict[str, Any]]) -> int:
    for option in options:
        if option.get("focused"):
            return int(option["type"])
        if option.get("options"):
            return _focused_type(option["options"])
    raise ValueError("An autocompletion has one focused option.")


def _by_token(call: Call) -> Interaction:
    world = call.world
    if call.number("webhook_id") != world.application_id:
        raise ApiError(10015)
    interaction = world.interactions.get(call.params["webhook_token"])
    if interaction is None or world.clock.now() - interaction.created_at > TOKEN_LIFE_S:
        raise ApiError(50027)
    if interaction.ack is None:
        raise ApiError(10015)
    return interaction


def _target(call: Call, interaction: Interaction) -> Message:
    name = call.params.get("message_id", "@original")
    if name == "@original":
        found = interaction.original
    else:
        number = call.number("message_id")
        own = [message for message in (interaction.original, *interaction.followups) if message]
        found = next((message for message in own if message.id == number), None)
    if found is None or found.deleted or found.channel.deleted:
        raise ApiError(10008)
    return found


def read(call: Call) -> Reply:
    """Answer with the original answer or a follow-up."""
    return Reply(200, message_json(call.world, _target(call, _by_token(call))))


def change(call: Call) -> Reply:
    """Change the original answer or a follow-up."""
    message = _target(call, _by_token(call))
    check_message(call.fields, call.files, old=message, webhook=True)
    authoring.edit(call.world, message, call.fields, call.files)
    return Reply(200, message_json(call.world, message))


def delete(call: Call) -> Reply:
    """Delete the original answer or a follow-up."""
    authoring.remove(call.world, _target(call, _by_token(call)))
    return NO_CONTENT


def follow_up(call: Call) -> Reply:
    """Add a follow-up; directly after a deferral it replaces the loading message and keeps its ephemeral state."""
    interaction = _by_token(call)
    data = call.fields
    check_message(data, call.files, webhook=True)
    if interaction.channel.deleted:
        raise ApiError(10003)
    original = interaction.original
    if original and original.loading and not original.deleted:
        authoring.edit(call.world, original, data, call.files)
        return Reply(200, message_json(call.world, original))
    if interaction.user_install_only and len(interaction.followups) >= MAX_FOLLOWUPS:
        raise ApiError(40094)
    hidden = bool((data.get("flags") or 0) & EPHEMERAL) or _is_forced_ephemeral(interaction)
    message = authoring.create(
        call.world,
        interaction.channel,
        call.world.bot,
        data,
        call.files,
        interaction=interaction,
        ephemeral_for=interaction.user if hidden else None,
        reply_to=original if original and not original.deleted else None,
    )
    interaction.followups.append(message)
    return Reply(200, message_json(call.world, message))


_HOOK = "/webhooks/{webhook_id}/{webhook_token}"
ROUTES = [
    Route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", callback, needs_token=False),
    Route("POST", _HOOK, follow_up, needs_token=False),
    *(
        Route(method, f"{_HOOK}/messages/{name}", handler, needs_token=False)
        for name in ("@original", "{message_id}")
        for method, handler in (("GET", read), ("PATCH", change), ("DELETE", delete))
    ),
]
