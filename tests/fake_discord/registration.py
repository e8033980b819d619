"""Validate command registrations against rules that the schema does not express."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from tests.fake_discord.errors import FormErrors

CHAT, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, GROUP, STRING, INTEGER, NUMBER = 1, 2, 3, 4, 10
MAX_PER_SCOPE: Final = {CHAT: 100, USER_MENU: 15, MESSAGE_MENU: 15}
MAX_OPTIONS, MAX_CHOICES, MAX_TOTAL = 25, 25, 8000
LOCALES: Final = frozenset(
    re.split(
        r"\s+",
        "id da de en-GB en-US es-ES es-419 fr hr it lt hu nl no pl pt-BR ro fi sv-SE vi tr cs el bg ru uk hi th zh-CN "
        "ja zh-TW ko",
    )
)
_MARKS: Final = re.compile(r"[\u0900-\u097F\u0E00-\u0E7F]")  # Devanagari and Thai, marks included


def validate_registration(payload: list[dict[str, Any]]) -> list[str]:
    """Check all commands of a scope like a bulk registration; an empty list means that Discord accepts them."""
    errors = FormErrors()
    check_commands(payload, errors)
    return errors.lines()


def check_commands(payload: Any, errors: FormErrors) -> None:
    """Check every command, the number of commands per type, and duplicate names."""
    if not isinstance(payload, list):
        errors.add("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return
    seen: set[tuple[int, str]] = set()
    for place, command in enumerate(payload):
        check_command(command, str(place), errors)
        key = (command.get("type", CHAT), str(command.get("name")))
        if key in seen:
            text = "Application command names must be unique"
            errors.add(f"{place}.name", "APPLICATION_COMMANDS_DUPLICATE_NAME", text)
        seen.add(key)
    for kind, most in MAX_PER_SCOPE.items():
        if sum(command.get("type", CHAT) == kind for command in payload) > most:
            errors.add("", "BASE_TYPE_BAD_LENGTH", f"At most {most} commands of type {kind}.")


def check_command(command: dict[str, Any], path: str, errors: FormErrors) -> None:
    """Check one command with its options, names in all languages, contexts and size."""
    kind = command.get("type", CHAT)
    where = f"{path}." if path else ""
    if kind == CHAT:
        _check_names(command, where, errors)
        errors.length(f"{where}description", command.get("description"), 1, 100)
        _check_translations(command, "description", where, errors)
        _check_options(command.get("options") or [], f"{where}options", errors, depth=0)
    else:
        errors.length(f"{where}name", command.get("name"), 1, 32)
        _check_locales(command, "name", where, errors)
        for key in ("description", "options"):
            if command.get(key):
                errors.add(f"{where}{key}", "APPLICATION_COMMAND_CONTEXT_MENU", f"A menu command has no {key}.")
    _check_contexts(command, where, errors)
    if count_characters(command) > MAX_TOTAL:
        errors.add(path, "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({MAX_TOTAL})")


def is_valid_name(name: Any) -> bool:
    """Return whether a name is valid for a command or option: letters, digits, - _ ', lowercase, 1 to 32 long."""
    if not isinstance(name, str) or not 1 <= len(name) <= 32 or name != name.lower():
        return False
    return all(c in "-_'" or unicodedata.category(c)[0] in "LN" or _MARKS.match(c) for c in name)


def _check_names(thing: dict[str, Any], where: str, errors: FormErrors) -> None:
    text = "Command name is invalid: letters, digits, - and _ only, lowercase, 1 to 32 characters"
    if not is_valid_name(thing.get("name")):
        errors.add(f"{where}name", "APPLICATION_COMMAND_INVALID_NAME", text)
    _check_locales(thing, "name", where, errors)
    for locale, name in (thing.get("name_localizations") or {}).items():
        if not is_valid_name(name):
            errors.add(f"{where}name_localizations.{locale}", "APPLICATION_COMMAND_INVALID_NAME", text)


def _check_translations(thing: dict[str, Any], key: str, where: str, errors: FormErrors) -> None:
    _check_locales(thing, key, where, errors)
    for locale, text in (thing.get(f"{key}_localizations") or {}).items():
        errors.length(f"{where}{key}_localizations.{locale}", text, 1, 100)


def _check_locales(thing: dict[str, Any], key: str, where: str, errors: FormErrors) -> None:
    for locale in thing.get(f"{key}_localizations") or {}:
        if locale not in LOCALES:
            errors.add(f"{where}{key}_localizations", "DICT_TYPE_KEY", f"Unknown locale {locale!r}.")


def _check_options(options: list[dict[str, Any]], path: str, errors: FormErrors, *, depth: int) -> None:
    if len(options) > MAX_OPTIONS:
        errors.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be {MAX_OPTIONS} or fewer in length.")
    nested = [option.get("type") in {SUBCOMMAND, GROUP} for option in options]
    if any(nested) and not all(nested):
        text = "Subcommands and other options do not mix."
        errors.add(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", text)
    optional_seen = False
    for place, option in enumerate(options):
        where = f"{path}.{place}."
        _check_names(option, where, errors)
        errors.length(f"{where}description", option.get("description"), 1, 100)
        _check_translations(option, "description", where, errors)
        if option.get("required") and optional_seen:
            text = "Required options must be placed before non-required options"
            errors.add(f"{path}.{place}", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
        optional_seen = optional_seen or not option.get("required")
        if option.get("type") in {SUBCOMMAND, GROUP}:
            too_deep = depth > (0 if option["type"] == GROUP else 1)
            if too_deep or (option["type"] == GROUP and not option.get("options")):
                errors.add(f"{where}type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Nested too deep, or empty.")
            optional_seen = False
            _check_options(option.get("options") or [], f"{where}options", errors, depth=depth + 1)
        else:
            _check_choices(option, where, errors)
    _check_option_names(options, path, errors)


def _check_option_names(options: list[dict[str, Any]], path: str, errors: FormErrors) -> None:
    used: set[tuple[str, str]] = set()
    for place, option in enumerate(options):
        names = {"": option.get("name"), **(option.get("name_localizations") or {})}
        for locale, name in names.items():
            if (locale, str(name)) in used:
                text = f"Option names must be unique{' in ' + locale if locale else ''}"
                errors.add(f"{path}.{place}.name", "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", text)
            used.add((locale, str(name)))


def _check_choices(option: dict[str, Any], where: str, errors: FormErrors) -> None:
    choices = option.get("choices") or []
    if choices and option.get("autocomplete"):
        text = "autocomplete and choices exclude each other."
        errors.add(f"{where}autocomplete", "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID", text)
    if option.get("autocomplete") and option.get("type") not in {STRING, INTEGER, NUMBER}:
        errors.add(f"{where}autocomplete", "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID", "Not of this type.")
    check_choices(choices, f"{where}choices", option.get("type", STRING), errors)
    names = [choice.get("name") for choice in choices]
    if len(set(names)) != len(names):
        errors.add(f"{where}choices", "APPLICATION_COMMAND_OPTIONS_CHOICES_NAME_DUPLICATED", "Names repeat.")
    for low, high, most in (("min_length", "max_length", 6000), ("min_value", "max_value", 2**53)):
        bottom, top = option.get(low), option.get(high)
        if bottom is not None and top is not None and not bottom <= top <= most:
            errors.add(f"{where}{high}", "NUMBER_TYPE_MAX", f"{low} and {high} do not fit.")


def check_choices(choices: Any, path: str, kind: int, errors: FormErrors) -> None:
    """Check the choices of an option or of an autocomplete response."""
    if not isinstance(choices, list):
        errors.add(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return
    if len(choices) > MAX_CHOICES:
        errors.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be {MAX_CHOICES} or fewer in length.")
    for place, choice in enumerate(choices):
        where = f"{path}.{place}."
        errors.length(f"{where}name", choice.get("name"), 1, 100)
        _check_translations(choice, "name", where, errors)
        value = choice.get("value")
        if kind == STRING:
            errors.length(f"{where}value", value, 1, 100)
        elif isinstance(value, bool) or not isinstance(value, int if kind == INTEGER else (int, float)):
            errors.add(f"{where}value", "NUMBER_TYPE_COERCE", f"Value {value!r} is no number.")


def _check_contexts(command: dict[str, Any], where: str, errors: FormErrors) -> None:
    contexts, types = command.get("contexts"), command.get("integration_types")
    if contexts is not None and (not contexts or not set(contexts) <= {0, 1, 2} or len(set(contexts)) != len(contexts)):
        errors.add(f"{where}contexts", "BASE_TYPE_CHOICES", "Contexts are 0, 1, 2, each once, at least one.")
    if types is not None and (not types or not set(types) <= {0, 1}):
        errors.add(f"{where}integration_types", "BASE_TYPE_CHOICES", "Integration types are 0 and 1, at least one.")
    if 2 in (contexts or ()) and 1 not in (types or ()):
        text = "Context 2 needs installation by users."
        errors.add(f"{where}contexts", "APPLICATION_COMMAND_INVALID_CONTEXTS", text)


def count_characters(command: dict[str, Any]) -> int:
    """Count the characters that Discord limits to 8000: the longest translation of each text, and choice values."""

    def longest(thing: dict[str, Any], key: str) -> int:
        texts = [thing.get(key) or "", *(thing.get(f"{key}_localizations") or {}).values()]
        return max(len(str(text)) for text in texts)

    def count(thing: dict[str, Any]) -> int:
        total = longest(thing, "name") + longest(thing, "description")
        total += sum(longest(choice, "name") + len(str(choice.get("value"))) for choice in thing.get("choices") or ())
        return total + sum(count(option) for option in thing.get("options") or ())

    return count(command)


def iterate_leaves(command: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    """Iterate over callable commands: full name, chain of group and subcommand, and innermost command."""
    chains: list[list[dict[str, Any]]] = [[]]
    while chains:
        chain = chains.pop(0)
        last = chain[-1] if chain else command
        nested = [one for one in last.get("options") or () if one.get("type") in {SUBCOMMAND, GROUP}]
        if nested:
            chains += [[*chain, one] for one in nested]
        else:
            yield " ".join([command["name"], *(one["name"] for one in chain)]), chain, last
