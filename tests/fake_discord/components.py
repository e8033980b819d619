"""Validate and normalise message components: rows, buttons, selects and Components V2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.fake_discord.errors import FormErrors
from tests.fake_discord.model import walk
from tests.fake_discord.payloads import attachment_json, remove_nulls

if TYPE_CHECKING:
    from tests.fake_discord.model import Attachment
    from tests.fake_discord.world import World

ROW, BUTTON, SELECT, TEXT_INPUT, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = (
    *(1, 2, 3, 4),
    *(9, 10, 11, 12, 13, 14, 17),
)
SELECTS: Final = {SELECT, 5, 6, 7, 8}
V2_TOP: Final = {ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER}
ALLOWED_CHILDREN: Final = {
    ROW: {BUTTON, *SELECTS},
    SECTION: {TEXT},
    CONTAINER: V2_TOP - {CONTAINER},
}
MAX_ROWS, MAX_PARTS, MAX_V2_TEXT = 5, 40, 4000
LINK, PREMIUM = 5, 6


def check_components(components: Any, errors: FormErrors, *, v2: bool, files: set[str]) -> None:
    """Check the components of a message; `files` are the names that `attachment://` may point to."""
    if not isinstance(components, list):
        errors.add("components", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return
    allowed = V2_TOP if v2 else {ROW}
    for place, component in enumerate(components):
        _check_child(component, f"components.{place}", allowed, errors, files)
    parts = list(walk(components))
    if not v2 and len(components) > MAX_ROWS:
        errors.add("components", "BASE_TYPE_BAD_LENGTH", f"Must be {MAX_ROWS} or fewer in length.")
    if v2 and len(parts) > MAX_PARTS:
        errors.add("components", "COMPONENT_MAX_TOTAL_COMPONENTS", f"At most {MAX_PARTS} components.")
    if sum(len(str(part.get("content", ""))) for part in parts) > MAX_V2_TEXT:
        errors.add("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", f"Text exceeds {MAX_V2_TEXT}.")
    check_unique_ids(components, errors)


def check_unique_ids(components: list[Any], errors: FormErrors) -> None:
    """Report a custom_id that two components share."""
    names = [part["custom_id"] for part in walk(components) if part.get("custom_id")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        errors.add("components", "COMPONENT_CUSTOM_ID_DUPLICATED", f"Component custom id {name!r} is not unique")


def _check_child(component: Any, path: str, allowed: set[int], errors: FormErrors, files: set[str]) -> None:
    kind = component.get("type") if isinstance(component, dict) else None
    if kind not in allowed:
        choices = ", ".join(str(number) for number in sorted(allowed))
        errors.add(f"{path}.type", "UNION_TYPE_CHOICES", f"Value of field 'type' must be one of ({choices}).")
        return
    if kind in ALLOWED_CHILDREN:
        _check_container(component, path, errors, files)
    elif kind == BUTTON:
        _check_button(component, path, errors)
    elif kind in SELECTS:
        check_select(component, path, errors)
    elif kind == TEXT:
        errors.length(f"{path}.content", component.get("content"), 1, MAX_V2_TEXT)
    else:
        _check_display(component, path, errors, files)


def _check_display(component: dict[str, Any], path: str, errors: FormErrors, files: set[str]) -> None:
    kind = component["type"]
    if kind == THUMBNAIL:
        _check_media(component.get("media"), f"{path}.media", errors, files)
    elif kind == FILE:
        _check_media(component.get("file"), f"{path}.file", errors, files, only_attachments=True)
    elif kind == GALLERY:
        items = component.get("items") or []
        if not 1 <= len(items) <= 10:
            errors.add(f"{path}.items", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
        for place, item in enumerate(items):
            _check_media(item.get("media"), f"{path}.items.{place}.media", errors, files)


def _check_container(component: dict[str, Any], path: str, errors: FormErrors, files: set[str]) -> None:
    kind, children = component["type"], component.get("components") or []
    selects = sum(child.get("type") in SELECTS for child in children)
    most = {ROW: 1 if selects else 5, SECTION: 3, CONTAINER: MAX_PARTS}[kind]
    if not 1 <= len(children) <= most:
        errors.add(f"{path}.components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {most} in length.")
    for place, child in enumerate(children):
        _check_child(child, f"{path}.components.{place}", ALLOWED_CHILDREN[kind], errors, files)
    if kind == SECTION:
        _check_child(component.get("accessory"), f"{path}.accessory", {BUTTON, THUMBNAIL}, errors, files)


def _check_button(button: dict[str, Any], path: str, errors: FormErrors) -> None:
    style = button.get("style")
    if style not in range(1, 7):
        errors.add(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}.")
    if button.get("label") is not None:
        errors.length(f"{path}.label", button["label"], 0, 80)
    if style == LINK:
        if "custom_id" in button:
            errors.add(f"{path}.custom_id", "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A link has none.")
        if not str(button.get("url") or "").startswith(("http://", "https://", "discord://")):
            errors.add(f"{path}.url", "URL_TYPE_INVALID_SCHEME", "Scheme must be http, https or discord.")
        errors.length(f"{path}.url", button.get("url") or "", 1, 512)
    elif style != PREMIUM:
        errors.length(f"{path}.custom_id", button.get("custom_id"), 1, 100)
    if style != PREMIUM and not button.get("label") and not button.get("emoji"):
        errors.add(f"{path}", "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji.")


def check_select(select: dict[str, Any], path: str, errors: FormErrors) -> None:
    """Check a select of a message or a modal."""
    errors.length(f"{path}.custom_id", select.get("custom_id"), 1, 100)
    if select.get("placeholder") is not None:
        errors.length(f"{path}.placeholder", select["placeholder"], 0, 150)
    options = select.get("options") or []
    if select["type"] == SELECT:
        if not 1 <= len(options) <= 25:
            errors.add(f"{path}.options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
        for place, option in enumerate(options):
            errors.length(f"{path}.options.{place}.label", option.get("label"), 1, 100)
            errors.length(f"{path}.options.{place}.value", option.get("value"), 1, 100)
            if option.get("description") is not None:
                errors.length(f"{path}.options.{place}.description", option["description"], 0, 100)
        values = [option.get("value") for option in options]
        if len(set(values)) != len(values):
            errors.add(f"{path}.options", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "Option values repeat.")
    fewest, most = select.get("min_values", 1), select.get("max_values", 1)
    if not 0 <= fewest <= most <= (len(options) if select["type"] == SELECT and options else 25):
        errors.add(f"{path}.max_values", "NUMBER_TYPE_MAX", "min_values, max_values and options do not fit.")


def _check_media(media: Any, path: str, errors: FormErrors, files: set[str], *, only_attachments: bool = False) -> None:
    address = str((media or {}).get("url") or "")
    if address.startswith("attachment://"):
        if address.removeprefix("attachment://") not in files:
            errors.add(
                path, "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", f"The file of {address} was not uploaded."
            )
    elif only_attachments or not address.startswith(("http://", "https://")):
        errors.add(path, "UNFURLED_MEDIA_ITEM_INVALID_URL", f"{address!r} cannot be shown.")


def normalise_components(
    world: World, components: list[dict[str, Any]], files: dict[str, Attachment]
) -> list[dict[str, Any]]:
    """Return components as Discord returns them: numbered, with defaults and resolved files."""
    numbers = iter(range(1, 1000))
    return [_normalise_component(world, component, files, numbers) for component in components]


def _normalise_component(
    world: World, component: dict[str, Any], files: dict[str, Attachment], numbers: Any
) -> dict[str, Any]:
    defaults: dict[int, dict[str, Any]] = {
        BUTTON: {},
        SELECT: {"min_values": 1, "max_values": 1},
        SEPARATOR: {"spacing": 1, "divider": True},
        CONTAINER: {"accent_color": None, "spoiler": False},
        THUMBNAIL: {"description": None, "spoiler": False},
        FILE: {"spoiler": False, "name": None, "size": None},
    }
    kind = component["type"]
    found = {**defaults.get(kind, {}), **remove_nulls(component)}
    found["id"] = component.get("id") or next(numbers)
    if "components" in found:
        found["components"] = [_normalise_component(world, child, files, numbers) for child in found["components"]]
    if "accessory" in found:
        found["accessory"] = _normalise_component(world, found["accessory"], files, numbers)
    for key in ("media", "file"):
        if isinstance(found.get(key), dict):
            found[key] = _normalise_media(world, found[key], files)
    if kind == FILE and (file := files.get(str(component["file"]["url"]).removeprefix("attachment://"))):
        found |= {"name": file.filename, "size": len(file.data)}
    if "default_values" in found:  # clients send ids as numbers too; ids come back as strings
        found["default_values"] = [{**value, "id": str(value["id"])} for value in found["default_values"]]
    if "items" in found:
        found["items"] = [
            {"description": None, "spoiler": False, **item, "media": _normalise_media(world, item["media"], files)}
            for item in found["items"]
        ]
    return found


def _normalise_media(world: World, media: dict[str, Any], files: dict[str, Attachment]) -> dict[str, Any]:
    address = str(media["url"])
    file = files.get(address.removeprefix("attachment://"))
    if file is None:
        return {"id": str(world.ids.new()), "url": address, "proxy_url": address}
    body = attachment_json(world, file)
    found = {key: body[key] for key in ("url", "proxy_url", "content_type")}
    return {"id": str(world.ids.new()), "attachment_id": body["id"], **found}
