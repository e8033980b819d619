"""Validation against Discord's OpenAPI file, if it is available.

Each body is validated strictly (Draft 2020-12). A request that fails is validated again with "digit strings are
integers and integers are snowflakes", which the conventions of the file permit. Only the errors of the file and
harmless deviations in `KNOWN_FINDINGS` are accepted.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from tests.fake_discord.recording import Request

Json = dict[str, Any]
Errors = Iterator[Any]
_DIGITS: Final = r"^-?\d+$"
_EDITS: Final = re.compile(r"PATCH /(webhooks|channels)/.*/messages/.*")


@dataclass(frozen=True)
class KnownFinding:
    """An accepted deviation: the reason, and an amendment of the file or a field of some routes."""

    why: str
    amend: Callable[[Json], None] | None = None
    routes: re.Pattern[str] | None = None
    field: str = ""


def _string_codes(document: Json) -> None:
    error: Json = {"$ref": "#/components/schemas/Error"}
    item = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code", "message"]}
    inner = document["components"]["schemas"]["InnerErrors"]["properties"]["_errors"]
    inner["items"] = {"anyOf": [error, item]}


def _optional_limit_code(document: Json) -> None:
    parts = document["components"]["schemas"]["RatelimitedResponse"]["allOf"]
    plain = copy.deepcopy(document["components"]["schemas"]["Error"])
    plain["required"] = ["message"]
    parts[0] = plain


KNOWN_FINDINGS: Final = (
    KnownFinding("The items of `errors` carry texts such as BASE_TYPE_REQUIRED; the file says integer.", _string_codes),
    KnownFinding("The documentation makes `code` of a 429 optional; the file requires it.", _optional_limit_code),
    KnownFinding("discord.py sends `tts` with every edit of a message.", routes=_EDITS, field="tts"),
)
_FORMATS: Final = jsonschema.FormatChecker(formats=())


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


for _name, _check in (("date-time", _is_time), ("uri", _is_uri), ("int32", _is_int32)):
    _FORMATS.checks(_name, raises=ValueError)(_check)


class ApiDescription:
    """Discord's OpenAPI file, prepared for validating requests and responses."""

    def __init__(self, document: Json) -> None:
        for finding in KNOWN_FINDINGS:
            if finding.amend:
                finding.amend(document)
        self.document = document
        self._validators: dict[tuple[str, ...], tuple[Any, Any]] = {}
        self._strict = _validator_class(document)
        self._lenient = _validator_class(_lenient(document))

    def check_request(self, record: Request) -> list[str]:
        """Return the problems of a request: unknown query, missing or invalid body, unknown fields."""
        operation = self._operation(record)
        if operation is None:
            return [f"{record.route} is no operation of the file."]
        return [*self._check_query(operation, record), *self._check_body(operation, record)]

    def check_answer(self, record: Request) -> list[str]:
        """Return the problems of a response of the fake."""
        operation = self._operation(record)
        if operation is None or record.status is None or record.status >= 500:
            return []
        responses = operation["responses"]
        key = next((name for name in (str(record.status), f"{record.status // 100}XX") if name in responses), None)
        if key is None:
            return [f"Status {record.status} is not foreseen."]
        place = [*self._place(record), "responses", key]
        if "$ref" in responses[key]:
            place = responses[key]["$ref"].removeprefix("#/").split("/")
        content = self._at(place).get("content")
        if content is None:
            return ["This answer has no body."] if record.answer_text else []
        return self._errors([*place, "content", "application/json", "schema"], record.answer, lenient=False)

    def _check_body(self, operation: Json, record: Request) -> list[str]:
        described = operation.get("requestBody")
        if described is None:
            return [] if record.body is None else ["This operation takes no body."]
        if record.body is None:
            return ["The body is missing."] if described.get("required") else []
        if record.content_type not in described["content"]:
            return [f"The content type {record.content_type!r} is not foreseen."]
        # A multipart body contains files and one JSON document, which is validated like a JSON body.
        place = [*self._place(record), "requestBody", "content", "application/json", "schema"]
        errors = self._errors(place, record.body, lenient=False)
        if errors and not self._errors(place, record.body, lenient=True):
            errors = []
        return errors + self._unlisted(self._at(place), record)

    def _unlisted(self, schema: Json, record: Request) -> list[str]:
        if not isinstance(record.body, dict):
            return []
        allowed = {finding.field for finding in KNOWN_FINDINGS if finding.routes and finding.routes.match(record.route)}
        found = [name for name in record.body if name not in self._properties(schema)]
        data = record.body.get("data")
        if isinstance(data, dict) and record.template.endswith("/callback"):
            names = {name for part in self._objects(schema) for name in self._data_names(part)}
            found += [f"data.{name}" for name in data if name not in names]
        return [f"The field {name!r} does not exist here." for name in found if name not in allowed]

    def _data_names(self, schema: Json) -> set[str]:
        data = schema.get("properties", {}).get("data")
        return self._properties(data) if data else set()

    def _properties(self, schema: Json) -> set[str]:
        return {name for part in self._objects(schema) for name in part.get("properties", {})}

    def _objects(self, schema: Json) -> Iterator[Json]:
        if "$ref" in schema:
            yield from self._objects(self._at(schema["$ref"].removeprefix("#/").split("/")))
            return
        yield schema
        for key in ("anyOf", "oneOf", "allOf"):
            for part in schema.get(key, ()):
                yield from self._objects(part)

    def _check_query(self, operation: Json, record: Request) -> list[str]:
        listed = {one["name"]: one["schema"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        errors = [f"The query parameter {name!r} does not exist." for name in record.query if name not in listed]
        for name, text in record.query.items():
            kind = listed.get(name, {}).get("type")
            if kind == "boolean" and text.lower() not in {"true", "false", "1", "0"}:
                errors.append(f"The query parameter {name}={text} is no boolean.")
            if kind == "integer" and not re.match(_DIGITS, text):
                errors.append(f"The query parameter {name}={text} is no integer.")
        return errors

    def _operation(self, record: Request) -> Json | None:
        found: Json | None = self.document["paths"].get(record.template, {}).get(record.method.lower())
        return found

    def _place(self, record: Request) -> list[str]:
        return ["paths", record.template, record.method.lower()]

    def _at(self, place: list[str]) -> Json:
        found = self.document
        for part in place:
            found = found[part]
        return found

    def _errors(self, place: list[str], body: Any, *, lenient: bool) -> list[str]:
        key = tuple(place)
        if key not in self._validators:
            schema = self._at(place)
            strict = self._strict(schema, format_checker=_FORMATS)
            self._validators[key] = strict, self._lenient(_lenient(schema), format_checker=_FORMATS)
        validator = self._validators[key][lenient]
        if validator.is_valid(body):
            return []
        error = jsonschema.exceptions.best_match(validator.iter_errors(body))
        return [f"{error.json_path}: {error.message[:300]}"] if error else []


def _validator_class(document: Json) -> Any:
    """Build a validator that resolves references directly and skips alternatives with a different `type`.

    This does not change validity; it takes a fifth of the time, and tests send thousands of messages.
    """
    schemas = {f"#/components/schemas/{name}": schema for name, schema in document["components"]["schemas"].items()}

    def refer(validator: Any, ref: str, instance: Any, _: Any) -> Errors:
        yield from validator.descend(instance, schemas[ref])

    def types_of(schema: Json) -> Any:
        schema = schemas.get(schema.get("$ref", ""), schema)
        return schema.get("properties", {}).get("type", {}).get("enum")

    def only_possible(keyword: Callable[..., Errors]) -> Callable[..., Errors]:
        def check(validator: Any, alternatives: list[Json], instance: Any, schema: Any) -> Errors:
            kind = instance.get("type") if isinstance(instance, dict) else None
            if kind is not None:
                possible = [one for one in alternatives if (types := types_of(one)) is None or kind in types]
                alternatives = possible or alternatives
            yield from keyword(validator, alternatives, instance, schema)

        return check

    plain = jsonschema.Draft202012Validator.VALIDATORS
    faster = {key: only_possible(plain[key]) for key in ("anyOf", "oneOf")}
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, {"$ref": refer, **faster})


def _lenient(part: Any) -> Any:
    if isinstance(part, list):
        return [_lenient(one) for one in part]
    if not isinstance(part, dict):
        return part
    # A nonce of digits then matches both alternatives of its oneOf, which the file's conventions allow.
    found = {"anyOf" if key == "oneOf" else key: _lenient(value) for key, value in part.items()}
    if "integer" in (part.get("type") or ()):
        return {"anyOf": [found, {"type": "string", "pattern": _DIGITS}]}
    if part.get("format") == "snowflake":
        return {"anyOf": [found, {"type": "integer", "minimum": 0}]}
    return found
