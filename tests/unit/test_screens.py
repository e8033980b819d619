"""The pictures of the bot and the pages about it agree with the product."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bot.locales.texts import texts_for
from tests.unit.bot.locales.test_texts import KEYS, MESSAGES, _any

ROOT = Path(__file__).parent.parent.parent
SCREENS = ROOT / "docs" / "screens"
PAGES = (ROOT / "docs" / "discord.md", ROOT / "docs" / "handbook" / "using-discord.md")
OF_DISCORD = {
    *("New Application", "Bot", "Reset Token", "Privileged Gateway Intents", "Embed Links", "Attach Files", "Apps"),
    *("Manage Server", "Server Settings → Integrations", "Use Application Commands", "Copy Message Link", "@everyone"),
}
"""Names of Discord that the pages quote."""
EMPHASISED = {"private"}
"""Words of the pages that are stressed, not quoted."""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(SCREENS), *sys.path])
    return importlib.import_module("make")


def test_screens__texts_are_those_of_the_product(make: ModuleType):
    drawn = (SCREENS / "texts.txt").read_text(encoding="utf-8")
    assert make.write_texts() == drawn, "draw the pictures again with `python docs/screens/make.py` and look at them"


def test_screens__each_picture_has_a_scene_and_a_place(make: ModuleType):
    drawn = {path.name for path in SCREENS.glob("*.png")}
    scenes = {f"{name}.png" for name in make.scenes.SCENES} | {f"{name}.zh-CN.png" for name in make.IN_CHINESE}
    assert drawn == scenes
    page = PAGES[0].read_text(encoding="utf-8")
    assert {f"{name}.png" for name in make.scenes.SCENES} <= set(re.findall(r"\(screens/([\w.-]+)\)", page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages__quote_texts_of_the_bot(page: Path):
    text = re.sub(r"```.*?```|`[^`]*`|\*\*.+?\*\*", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    quoted = {" ".join(found.split()) for found in re.findall(r"(?<![*\w])\*(?![*\s])([^*]+?)\*(?![*\w])", text)}
    t = texts_for("en")
    texts = [t(key, **_any(key)) for key in KEYS]
    # A short name is a whole text, such as a button; a sentence may be part of one.
    unknown = {
        name
        for name in quoted - OF_DISCORD - EMPHASISED
        if name not in texts and not (len(name.split()) > 3 and any(name in said for said in texts))
    }
    assert not unknown, "the bot has no such text"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages__name_commands_and_options_of_the_bot(page: Path):
    t = texts_for("en")
    text = page.read_text(encoding="utf-8")
    for command in re.findall(r"`/([a-z]+(?: [a-z]+)?)`", text):
        assert f"cmd-{command.replace(' ', '-')}" in MESSAGES["en"], command
    options = {t(key) for key in KEYS if key.startswith("opt-") and not key.endswith("-desc")}
    named = re.findall(r"option `([^`]+)`|^\| `/(?:ask|ingest|why)`(.+?)\|", text, flags=re.MULTILINE)
    for name in (name for one, row in named for name in [one, *re.findall(r"`([^`]+)`", row)] if name):
        assert name in options, name
