import asyncio
import copy
import json
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.client.app import INTENTS, RefdeskBot
from bot.client.registration import keep_registered, payload_hash, registration_payload, sync_commands
from bot.cogs import COGS
from bot.interactions.accessors import BotClient
from bot.services import Services
from config.settings import Settings
from db.engine import Database
from pipeline.types import RERANKERS
from tasks.submit import Submitter
from tests.fake_discord import Request, validate_registration
from tests.fake_discord.openapi import ApiDescription

APPLICATION = 77


class Kept:
    """The database's memory of what is registered."""

    def __init__(self, digest: str = "") -> None:
        self.digest = digest

    async def commands_hash(self, application_id):
        return self.digest

    async def store_commands_hash(self, application_id, digest):
        self.digest = digest


class Tree:
    """A command tree whose registration goes nowhere."""

    def __init__(self, commands, refusal=None):
        self.commands = commands
        self.refusal = refusal
        self.refusals = 10**9
        self.registered = 0
        self.there = []
        self.allowed_contexts = discord.app_commands.AppCommandContext(guild=True)
        self.allowed_installs = discord.app_commands.AppInstallationType(guild=True)

    def get_commands(self):
        return self.commands

    async def sync(self):
        if self.refusal and self.refusals:
            self.refusals -= 1
            raise self.refusal
        self.registered += 1
        self.there = list(self.commands)
        return self.commands

    async def fetch_commands(self):
        return self.there


@pytest.fixture(scope="module")
def registered():
    """Give the commands and what is sent of them, from a bot that has no connection."""

    async def build():
        settings = Settings(_env_file=None)
        database = Database("postgresql://nobody@127.0.0.1:1/none")
        services = Services(database, Submitter(database, "redis://127.0.0.1:1/0", expires_s=60), settings)
        bot = RefdeskBot(services, settings)
        _: BotClient = bot  # mypy checks that the bot implements the protocol
        await bot.add_parts()
        return bot.tree.get_commands(), await registration_payload(bot.tree)

    return asyncio.run(build())


@pytest.fixture
def payload(registered):
    return copy.deepcopy(registered[1])


def sync(tree: Any, kept: Any) -> bool:
    return asyncio.run(sync_commands(tree, kept, APPLICATION))


def option(payload, *path):
    options = payload
    for name in path:
        found = next(one for one in options if one["name"] == name)
        options = found.get("options", [])
    return found


def test_registration__keeps_the_rules_that_no_schema_makes(payload):
    assert validate_registration(payload) == []


def test_registration__passes_discords_own_description(payload, shared):
    document = json.loads((shared / "discord" / "openapi.json").read_text(encoding="utf-8"))
    path = "/applications/{application_id}/commands"
    request = Request("PUT", path, path, 0.0, {}, {}, content_type="application/json", body=payload)
    assert ApiDescription(document).check_request(request) == []
    request.body[0]["contexts"] = [9]
    assert ApiDescription(document).check_request(request) != []


def test_registration__has_every_command(payload):
    names = {command["name"] for command in payload}
    assert names == {"ask", "ingest", "docs", "jobs", "why", "settings", "help", "Add to library", "Ask about this"}
    assert len(COGS) == 9


def test_registration__works_everywhere_and_settings_ask_for_a_manager(payload):
    assert {(tuple(c["contexts"]), tuple(c["integration_types"])) for c in payload} == {((0, 1, 2), (0, 1))}
    restricted = {c["name"]: int(c["default_member_permissions"]) for c in payload if c["default_member_permissions"]}
    assert restricted == {"settings": discord.Permissions(manage_guild=True).value}


def test_registration__speaks_both_languages_everywhere(payload):
    def texts(thing):
        for key in ("name", "description"):
            if thing.get(key):
                yield thing[key], thing.get(f"{key}_localizations") or {}
        for inner in [*thing.get("options", ()), *thing.get("choices", ())]:
            yield from texts(inner)

    for command in payload:
        for text, translated in texts(command):
            assert {"en-US", "en-GB", "zh-CN", "zh-TW"} <= set(translated), text
            assert translated["en-US"] == text


def test_registration__offers_every_reranker_and_completes_what_people_pick(payload):
    for path in (("ask", "reranker"), ("settings", "answers", "reranker")):
        assert [choice["value"] for choice in option(payload, *path)["choices"]] == list(RERANKERS)
    for path in (
        ("docs", "show", "document"),
        ("docs", "delete", "document"),
        ("jobs", "cancel", "job"),
        ("why", "answer"),
    ):
        assert option(payload, *path)["autocomplete"] is True


def test_intents__none_is_privileged():
    assert not INTENTS.message_content
    assert not INTENTS.members
    assert not INTENTS.presences


def test_hash__changes_with_anything_that_discord_would_see(payload):
    before = payload_hash(payload)
    assert payload_hash(copy.deepcopy(payload)) == before
    payload[0]["options"][0]["description_localizations"]["zh-CN"] += "。"
    assert payload_hash(payload) != before


def test_hash__is_the_same_in_every_process(registered):
    async def again():
        tree: Any = Tree(registered[0])
        tree.allowed_contexts = discord.app_commands.AppCommandContext(
            guild=True, dm_channel=True, private_channel=True
        )
        tree.allowed_installs = discord.app_commands.AppInstallationType(guild=True, user=True)
        return await registration_payload(tree)

    assert payload_hash(asyncio.run(again())) == payload_hash(registered[1])


def test_sync__only_when_something_changed():
    tree, kept = Tree([]), Kept()
    assert sync(tree, kept)
    assert not sync(tree, kept)
    assert tree.registered == 1
    kept.digest = "another version's"
    assert sync(tree, kept)
    assert tree.registered == 2


def refused(status: int) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="no", headers={})
    return discord.HTTPException(response, {"code": 0, "message": "no"})


def keep(tree: Any, kept: Any) -> None:
    asyncio.run(keep_registered(tree, kept, APPLICATION, pause_s=0.01))


def test_sync__a_refusal_leaves_what_was_there():
    tree, kept = Tree([], refused(400)), Kept("old")
    keep(tree, kept)
    assert (kept.digest, tree.registered) == ("old", 0)


@pytest.mark.parametrize("error", [refused(503), refused(429), discord.RateLimited(0.01), OSError("no network")])
def test_sync__what_may_work_later_is_tried_again(error):
    tree, kept = Tree([], error), Kept("old")
    tree.refusals = 3
    keep(tree, kept)
    assert (kept.digest != "old", tree.registered, tree.refusals) == (True, 1, 0)


def test_sync__commands_that_discord_lost_are_registered_again(registered):
    tree, kept = Tree(registered[0]), Kept()
    assert sync(tree, kept)
    assert not sync(tree, kept)
    tree.there = tree.there[1:]
    assert sync(tree, kept)
    assert tree.registered == 2
