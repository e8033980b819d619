"""Validate modals and build the payloads of submissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.fake_discord.components import SELECTS, check_select, check_unique_ids
from tests.fake_discord.errors import ApiError, DriverError, FormErrors
from tests.fake_discord.model import walk

ROW, TEXT_INPUT, TEXT, LABEL, FILE_UPLOAD, RADIO, CHECKBOXES, CHECKBOX = 1, 4, 10, 18, 19, 21, 22, 23
FIELDS: Final = {TEXT_INPUT, FILE_UPLOAD, RADIO, CHECKBOXES, CHECKBOX, *SELECTS}


def check_modal(data: Any) -> None:
    """Check the form of a callback of type 9."""
    errors = FormErrors()
    if not isinstance(data, dict):
        raise ApiError(50035, {"data": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "Required."}]}})
    errors.length("data.title", data.get("title"), 1, 45)
    errors.length("data.custom_id", data.get("custom_id"), 1, 100)
    components = data.get("components") or []
    if not 1 <= len(components) <= 5:
        errors.add("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for place, component in enumerate(components):
        path = f"data.components.{place}"
        kind = component.get("type")
        if kind == LABEL:
            errors.length(f"{path}.label", component.get("label"), 1, 45)
            if component.get("description") is not None:
                errors.length(f"{path}.description", component["description"], 0, 100)
            _check_field(component.get("component") or {}, f"{path}.component", errors)
        elif kind == ROW and len(component.get("components") or ()) == 1:
            _check_field(component["components"][0], f"{path}.components.0", errors, labelled=True)
        elif kind != TEXT:
            errors.add(f"{path}.type", "UNION_TYPE_CHOICES", "A modal holds labels, rows of one input and texts.")
    check_unique_ids(components, errors)
    errors.raise_if_any()


def _check_field(field: dict[str, Any], path: str, errors: FormErrors, *, labelled: bool = False) -> None:
    kind = field.get("type")
    if kind not in FIELDS or (labelled and kind != TEXT_INPUT):
        errors.add(f"{path}.type", "UNION_TYPE_CHOICES", f"Type {kind} cannot stand here.")
        return
    if kind in SELECTS:
        check_select(field, path, errors)
        return
    errors.length(f"{path}.custom_id", field.get("custom_id"), 1, 100)
    if kind != TEXT_INPUT:
        return
    if labelled:
        errors.length(f"{path}.label", field.get("label"), 1, 45)
    if field.get("style") not in {1, 2}:
        errors.add(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2}.")
    for key, longest in (("value", 4000), ("placeholder", 100)):
        if field.get(key) is not None:
            errors.length(f"{path}.{key}", field[key], 0, longest)
    low, high = field.get("min_length") or 0, field.get("max_length") or 4000
    if not 0 <= low <= high <= 4000:
        errors.add(f"{path}.max_length", "NUMBER_TYPE_MAX", "Lengths lie between 0 and 4000.")


def build_submission(
    modal: dict[str, Any], values: dict[str, Any], upload: Callable[[Any], str]
) -> list[dict[str, Any]]:
    """Return the components of a submission; `values` are by custom_id or label, `upload` stores a file."""
    names = _field_names(modal)
    unknown = [name for name in values if name not in names]
    if unknown:
        raise DriverError(f"The form has no field {unknown}; it has {sorted(names)}.")
    given = {names[name]: value for name, value in values.items()}
    for part in walk(modal["components"]):
        if part["type"] == FILE_UPLOAD and part["custom_id"] in given:
            files = given[part["custom_id"]]
            given[part["custom_id"]] = [upload(file) for file in (files if isinstance(files, list) else [files])]
    return [_build_answer(component, given) for component in modal["components"] if component["type"] != TEXT]


def _field_names(modal: dict[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for component in modal["components"]:
        for part in walk([component]):
            if part.get("custom_id"):
                names[part["custom_id"]] = part["custom_id"]
                for label in (component.get("label"), part.get("label")):
                    if label:
                        names[label] = part["custom_id"]
    return names


def _build_answer(component: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    if component["type"] == LABEL:
        return {"type": LABEL, "id": component.get("id", 1), "component": _build_answer(component["component"], given)}
    if component["type"] == ROW:
        return {"type": ROW, "id": 1, "components": [_build_answer(part, given) for part in component["components"]]}
    name = component["custom_id"]
    found: dict[str, Any] = {"type": component["type"], "id": component.get("id", 2), "custom_id": name}
    if component["type"] == TEXT_INPUT:
        return found | {"value": _check_typed_text(component, given.get(name))}
    value = given.get(name)
    if component["type"] in {RADIO, CHECKBOX}:
        return found | {"value": value}
    values = value if isinstance(value, list) else [] if value is None else [value]
    if component.get("required", True) and not values:
        raise DriverError(f"The field {name!r} must be filled in.")
    return found | {"values": values}


def _check_typed_text(field: dict[str, Any], value: Any) -> str:
    text = str(field.get("value") or "") if value is None else str(value)
    if field.get("required", True) and not text:
        raise DriverError(f"The field {field['custom_id']!r} must be filled in.")
    if len(text) > (field.get("max_length") or 4000) or (text and len(text) < (field.get("min_length") or 0)):
        raise DriverError(f"Discord does not let a person type {len(text)} characters into {field['custom_id']!r}.")
    return text
