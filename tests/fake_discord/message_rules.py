"""Validate messages against limits that the schema does not express, with Discord's error codes."""

from __future__ import annotations

from typing import Any, Final

from tests.fake_discord.components import check_components
from tests.fake_discord.embeds import check_embeds
from tests.fake_discord.errors import ApiError, FormErrors
from tests.fake_discord.model import COMPONENTS_V2, Message
from tests.fake_discord.recording import Upload

MAX_CONTENT: Final = 2000
MAX_FILES: Final = 10
MAX_NONCE: Final = 25


def check_message(
    body: Any, files: list[Upload], *, old: Message | None = None, path: str = "", webhook: bool = False
) -> None:
    """Check the body of a new or edited message; raise 50035 with field errors, or 50006 if it is empty."""
    if not isinstance(body, dict):
        raise ApiError(50035, {"_errors": [{"code": "MODEL_TYPE_CONVERT", "message": "Only dictionaries."}]})
    errors = FormErrors()
    was_v2 = bool(old and old.flags & COMPONENTS_V2)
    v2 = was_v2 or bool((body.get("flags") or 0) & COMPONENTS_V2)
    if old and was_v2 and "flags" in body and not (body["flags"] or 0) & COMPONENTS_V2:
        errors.add("flags", "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", "The flag cannot be removed.")
    content = body.get("content")
    if content is not None and (not isinstance(content, str) or len(content.strip()) > MAX_CONTENT):
        errors.length("content", content.strip() if isinstance(content, str) else content, 0, MAX_CONTENT)
    if body.get("embeds") is not None:
        check_embeds(body["embeds"], errors)
    if body.get("components") is not None:
        check_components(body["components"], errors, v2=v2, files=_file_names(body, files, old))
    if v2:
        _check_v2(body, errors, old)
    _check_mentions(body.get("allowed_mentions"), errors)
    _check_nonce(body, errors, webhook=webhook)
    if len(files) > MAX_FILES:
        errors.add("files", "BASE_TYPE_BAD_LENGTH", f"Must be {MAX_FILES} or fewer in length.")
    if errors.tree:
        raise ApiError(50035, {path: errors.tree} if path else errors.tree)
    if _is_empty(body, files, old):
        raise ApiError(50006)


def _check_v2(body: dict[str, Any], errors: FormErrors, old: Message | None) -> None:
    fresh = old is not None and not old.flags & COMPONENTS_V2
    for key in ("content", "embeds", "poll", "sticker_ids"):
        left = fresh and key not in body and getattr(old, key, None)
        if body.get(key) or left:
            text = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            errors.add(key, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", text)


def _check_mentions(allowed: Any, errors: FormErrors) -> None:
    if allowed is None:
        return
    if not isinstance(allowed, dict):
        errors.add("allowed_mentions", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return
    parse = allowed.get("parse") or []
    for kind in parse:
        if kind not in {"users", "roles", "everyone"}:
            text = "Value must be one of ('users', 'roles', 'everyone')."
            errors.add("allowed_mentions.parse", "BASE_TYPE_CHOICES", text)
    for kind in ("users", "roles"):
        listed = allowed.get(kind) or []
        if len(listed) > 100:
            errors.add(f"allowed_mentions.{kind}", "BASE_TYPE_BAD_LENGTH", "Must be 100 or fewer in length.")
        if listed and kind in parse:
            text = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            errors.add("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", text)


def _check_nonce(body: dict[str, Any], errors: FormErrors, *, webhook: bool) -> None:
    nonce = body.get("nonce")
    if nonce is None or webhook:
        return
    if isinstance(nonce, str):
        errors.length("nonce", nonce, 0, MAX_NONCE)
    elif isinstance(nonce, bool) or not isinstance(nonce, int):
        errors.add("nonce", "NONCE_TYPE_TYPE", "Must be a string or an integer.")


def _file_names(body: dict[str, Any], files: list[Upload], old: Message | None) -> set[str]:
    named = {upload.filename for upload in files}
    named |= {str(entry["filename"]) for entry in body.get("attachments") or () if entry.get("filename")}
    kept = {str(entry.get("id")) for entry in body.get("attachments") or ()}
    for file in old.attachments if old else ():
        if "attachments" not in body or str(file.id) in kept:
            named.add(file.filename)
    return {name.replace(" ", "_") for name in named}


def _is_empty(body: dict[str, Any], files: list[Upload], old: Message | None) -> bool:
    def left(key: str) -> Any:
        if key in body:
            value = body[key]
            return value.strip() if isinstance(value, str) else value
        return getattr(old, key) if old else None

    return not (files or any(left(key) for key in ("content", "embeds", "components", "attachments")))
