"""Both catalogues have the same keys, every key is used, and command names follow Discord's rules."""

from __future__ import annotations

import ast
import asyncio
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from fluent.runtime.errors import FluentReferenceError
from fluent.syntax import FluentParser
from fluent.syntax import ast as fluent

import bot
from bot.locales.texts import LANGUAGES, Texts, language_for, read_catalogue, texts_for
from bot.locales.translator import CatalogueTranslator, localized
from pipeline.types import RERANKERS

BOT = Path(bot.__file__).parent
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(BOT.rglob("*.py"))}
CONTEXT_MENUS = {"cmd-add-to-library", "cmd-ask-about-this"}
CALLS = {"t", "localized", "Refusal", "Texts"}
"""Names of callables that take a key as their first argument."""


def _messages(language: str) -> dict[str, fluent.Message]:
    resource = FluentParser(with_spans=False).parse(read_catalogue(language))
    broken = [entry.content for entry in resource.body if isinstance(entry, fluent.Junk)]
    assert not broken, broken
    found = [entry for entry in resource.body if isinstance(entry, fluent.Message)]
    names = [entry.id.name for entry in found]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    return {entry.id.name: entry for entry in found}


MESSAGES = {language: _messages(language) for language in LANGUAGES}
KEYS = set(MESSAGES["en"])


def _variables(message: fluent.Message) -> set[str]:
    found: set[str] = set()

    def visit(node: object) -> None:
        if isinstance(node, fluent.VariableReference):
            found.add(node.id.name)
        if isinstance(node, fluent.BaseNode):
            for value in vars(node).values():
                visit(value)
        if isinstance(node, list):
            for item in node:
                visit(item)

    visit(message.value)
    return found


def test_catalogues__same_keys():
    assert set(MESSAGES["zh-CN"]) == KEYS


@pytest.mark.parametrize("key", sorted(KEYS))
def test_catalogues__same_variables(key):
    english, chinese = _variables(MESSAGES["en"][key]), _variables(MESSAGES["zh-CN"][key])
    # Chinese needs no plural variants; errors may omit the English detail.
    assert chinese == english or (key.startswith("error-") and chinese <= {"detail"})


@pytest.mark.parametrize("name", RERANKERS)
def test_catalogues__describe_each_reranker(name):
    assert f"reranker-{name}" in KEYS, f"add reranker-{name} to each catalogue in bot/locales"


def test_catalogues__are_two_languages():
    chinese = [key for key in KEYS if re.search(r"[\u4e00-\u9fff]", texts_for("zh-CN")(key, **_any(key)))]
    same = KEYS - set(chinese)
    assert all(
        not re.search(r"[a-z]{4}", re.sub(r"`[^`]*`", "", texts_for("zh-CN")(key, **_any(key)))) for key in same
    ), same
    assert not [key for key in KEYS if re.search(r"[\u4e00-\u9fff]", texts_for("en")(key, **_any(key)))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues__every_text_can_be_formatted(language):
    for key in KEYS:
        for number in (0, 1, 2, 1234):
            said = Texts(language)(key, **_any(key, number))
            assert said.strip()
            assert "{" not in said
            assert "\u2068" not in said, "direction marks would stand in what people copy"


def _any(key: str, number: int = 3) -> dict[str, object]:
    counted = {"n", "done", "total", "failed", "position", "recalled", "read"}
    return {name: number if name in counted else str(number) for name in _variables(MESSAGES["en"][key])}


# ------------------------------------------------------------------------------------------------------- used in bot


def _used_keys(tree: ast.Module) -> Iterator[tuple[str, set[str] | None]]:
    """Yield the keys that a module uses, as patterns (f-string fields match any text), with their variables.

    Variables are None if they come from a mapping and cannot be determined.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _takes_key(node.func):
            names = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
            given = names if len(names) == len(node.keywords) else None
            yield from ((pattern, given) for pattern in _branches(node.args[0]))


def _takes_key(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in CALLS
    if isinstance(function, ast.Call) and isinstance(function.func, ast.Name):
        return function.func.id == "texts_for"
    return False


def _branches(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _branches(node.body)
        yield from _branches(node.orelse)
    elif (pattern := _pattern(node)) is not None:
        yield pattern


def _pattern(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) or ".+" if isinstance(part, ast.Constant) else ".+" for part in node.values)
    return None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(BOT)))
def test_sources__every_key_exists_and_gets_its_variables(path):
    for pattern, given in _used_keys(SOURCES[path]):
        said = [key for key in KEYS if re.fullmatch(pattern, key)]
        assert said, pattern
        for key in said:
            assert given is None or _variables(MESSAGES["en"][key]) <= given, key


def test_catalogues__every_key_is_used():
    patterns = set()
    for tree in SOURCES.values():
        for node in ast.walk(tree):
            pattern = _pattern(node) if isinstance(node, ast.Constant | ast.JoinedStr) else None
            if pattern is not None and re.match(r"[a-z]", pattern) and "\\ " not in pattern:
                patterns.add(pattern)
    told = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    unused = [key for key in sorted(KEYS) if not told.fullmatch(key)]
    assert not unused, ", ".join(unused)


# -------------------------------------------------------------------------------------- names, as Discord wants them


def _names(language: str, prefix: str) -> dict[str, str]:
    return {
        key: texts_for(language)(key) for key in sorted(KEYS) if key.startswith(prefix) and not key.endswith("-desc")
    }


def _is_name(name: str) -> bool:
    return (
        1 <= len(name) <= 32
        and name == name.lower()
        and all(c in "-_'" or unicodedata.category(c)[0] in "LN" for c in name)
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prefix", ["cmd-", "opt-"])
def test_names__of_commands_and_options(language, prefix):
    for key, name in _names(language, prefix).items():
        if key in CONTEXT_MENUS:
            assert 1 <= len(name) <= 32
            assert f"{key}-desc" not in KEYS
        else:
            assert _is_name(name), (key, name)
            assert 1 <= len(texts_for(language)(f"{key}-desc")) <= 100, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_names__are_unique_per_group(language):
    for prefix in ("cmd-", "opt-"):
        names = _names(language, prefix)
        for key, name in names.items():
            neighbours = [
                other for other in names if other != key and other.rpartition("-")[0] == key.rpartition("-")[0]
            ]
            assert name not in {names[other] for other in neighbours}, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_names__of_choices(language):
    for key, name in _names(language, "choice-").items():
        assert 1 <= len(name) <= 100, key


def test_names__english_ones_are_what_the_api_calls_them():
    for key, name in _names("en", "cmd-").items():
        if key not in CONTEXT_MENUS:
            assert key.endswith(name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names__texts_mention_existing_commands(language):
    names = set(_names(language, "cmd-").values())
    for key in KEYS:
        said = Texts(language)(key, **_any(key))
        for command in re.findall(r"(?<![\w:/])/([^\W\d_]+(?: [^\W\d_]+)?)", said):
            words = command.split()
            assert words[0] in names, (key, command)
            if (
                words[0] in {texts_for(language)(f"cmd-{group}") for group in ("docs", "jobs", "settings")}
                and words[1:]
            ):
                assert words[1] in names or "`" not in said, (key, command)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts__name_no_command_of_the_operator(language):
    for key in KEYS:
        assert "refdesk " not in Texts(language)(key, **_any(key)), f"{key}: members cannot run it"


# ---------------------------------------------------------------------------------------------------------- locales


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("en-US", "en"),
        ("en-GB", "en"),
        ("de", "en"),
        ("zh-CN", "zh-CN"),
        ("zh-TW", "en"),
        ("", "en"),
    ],
)
def test_texts__for_a_locale(locale, language):
    assert language_for(locale) == language
    assert texts_for(locale).language == language


def test_texts__unknown_key_raises():
    assert not texts_for("en").has("no-such-key")
    with pytest.raises(KeyError):
        texts_for("en")("no-such-key")


def test_texts__missing_variable_raises():
    with pytest.raises(FluentReferenceError):
        texts_for("en")("more")


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (discord.Locale.american_english, "ask"),
        (discord.Locale.british_english, "ask"),
        (discord.Locale.chinese, "提问"),
        (discord.Locale.taiwan_chinese, None),
        (discord.Locale.german, None),
    ],
)
def test_translator__translates_localized_texts(locale, said):
    context: Any = None
    translate = CatalogueTranslator().translate
    assert asyncio.run(translate(localized("cmd-ask"), locale, context)) == said
    assert asyncio.run(translate(app_commands.locale_str("plain"), locale, context)) is None
    assert str(localized("cmd-ask")) == "ask"
