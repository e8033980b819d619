"""Validate and normalise embeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.fake_discord.errors import FormErrors
from tests.fake_discord.payloads import attachment_json, remove_nulls

if TYPE_CHECKING:
    from tests.fake_discord.model import Attachment
    from tests.fake_discord.world import World

MAX_TOTAL_CHARACTERS: Final = 6000
_URL_SCHEMES: Final = ("http://", "https://", "attachment://")


def check_embeds(embeds: Any, errors: FormErrors) -> None:
    """Check number, lengths and URLs, and the total of 6000 characters."""
    if not isinstance(embeds, list):
        errors.add("embeds", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return
    if len(embeds) > 10:
        errors.add("embeds", "BASE_TYPE_BAD_LENGTH", "Must be 10 or fewer in length.")
    for place, embed in enumerate(embeds):
        _check_embed(embed, f"embeds.{place}", errors)
    total = sum(_count_characters(embed) for embed in embeds if isinstance(embed, dict))
    if total > MAX_TOTAL_CHARACTERS:
        errors.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MAX_TOTAL_CHARACTERS}")


def _check_embed(embed: Any, path: str, errors: FormErrors) -> None:
    if not isinstance(embed, dict):
        errors.add(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return
    _check_texts(embed, path, errors)
    fields = embed.get("fields") or []
    if len(fields) > 25:
        errors.add(f"{path}.fields", "BASE_TYPE_BAD_LENGTH", "Must be 25 or fewer in length.")
    for place, one in enumerate(fields):
        _check_field(one, f"{path}.fields.{place}", errors)
    for where, address in _embed_urls(embed):
        if not str(address).startswith(_URL_SCHEMES):
            errors.add(f"{path}.{where}", "URL_TYPE_INVALID_SCHEME", f"Scheme of {address!r} is not supported.")
    if not _count_characters(embed) and not any(embed.get(key) for key in ("image", "thumbnail", "video")):
        errors.require(f"{path}.description")


def _check_texts(embed: dict[str, Any], path: str, errors: FormErrors) -> None:
    for key, longest in (("title", 256), ("description", 4096)):
        if embed.get(key) is not None:
            errors.length(f"{path}.{key}", embed[key], 0, longest)
    for part, key, longest in (("footer", "text", 2048), ("author", "name", 256)):
        if embed.get(part):
            errors.length(f"{path}.{part}.{key}", embed[part].get(key), 0, longest)


def _check_field(one: dict[str, Any], path: str, errors: FormErrors) -> None:
    for key, longest in (("name", 256), ("value", 1024)):
        if not str(one.get(key) or "").strip():
            errors.require(f"{path}.{key}")
        else:
            errors.length(f"{path}.{key}", one[key], 1, longest)


def _embed_urls(embed: dict[str, Any]) -> list[tuple[str, Any]]:
    found = [("url", embed.get("url"))]
    found += [(f"{part}.url", (embed.get(part) or {}).get("url")) for part in ("image", "thumbnail", "author")]
    found += [(f"{part}.icon_url", (embed.get(part) or {}).get("icon_url")) for part in ("footer", "author")]
    return [(where, address) for where, address in found if address]


def _count_characters(embed: dict[str, Any]) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for one in embed.get("fields") or ():
        texts += [one.get("name"), one.get("value")]
    return sum(len(text) for text in texts if isinstance(text, str))


def normalise_embed(world: World, embed: dict[str, Any], files: dict[str, Attachment]) -> dict[str, Any]:
    """Return an embed as Discord returns it; `attachment://` becomes the file's URL."""
    found = {key: value for key, value in remove_nulls(embed).items() if key != "flags"} | {"type": "rich"}
    for part in ("image", "thumbnail"):
        if part in found:
            found[part] = _normalise_picture(world, found[part], files)
    if "fields" in found:
        found["fields"] = [{"inline": False, **one} for one in found["fields"]]
    return found


def _normalise_picture(world: World, picture: dict[str, Any], files: dict[str, Attachment]) -> dict[str, Any]:
    address = str(picture.get("url", ""))
    if not address.startswith("attachment://"):
        return {**picture, "width": 640, "height": 480}
    file = files.get(address.removeprefix("attachment://"))
    if file is None:
        world.problem("rule", f"An embed shows {address}, which is no file of its message.")
        return picture
    body = attachment_json(world, file)
    return {"url": body["url"], "proxy_url": body["proxy_url"], "width": 640, "height": 480}
