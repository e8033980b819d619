import asyncio
import copy
import json
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.client.app import INTENTS, RefdeskBot
from bot.client.registration import build_payload, hash_payload, register_commands, sync_commands
from bot.cogs import COGS
from bot.interactions.accessors import BotClient
from bot.services import Services
from config.settings import Settings
from db.engine import Database
from tasks.submit import Submitter
from tests.fake_discord import Request, validate_registration
from tests.fake_discord.openapi import ApiDescription

APPLICATION = 77


class StoredHash:
    """A bot process whose stored hash of the commands is in memory."""

    def __init__(self, digest: str = "") -> None:
        self.digest = digest

    async def commands_hash(self, application_id):
        return self.digest

    async def store_commands_hash(self, application_id, digest):
        self.digest = digest


class Tree:
    """A command tree that registers its commands in memory."""

    def __init__(self, commands, error=None):
        self.commands = commands
        self.error = error
        self.failures = 10**9
        self.registered = 0
        self.at_discord = []
        self.allowed_contexts = discord.app_commands.AppCommandContext(guild=True)
        self.allowed_installs = discord.app_commands.AppInstallationType(guild=True)

    def get_commands(self):
        return self.commands

    async def sync(self):
        if self.error and self.failures:
            self.failures -= 1
            raise self.error
        self.registered += 1
        self.at_discord = [SimpleNamespace(name=command.name, id=n) for n, command in enumerate(self.commands, 1)]
        return self.at_discord

    async def fetch_commands(self):
        return self.at_discord


@pytest.fixture(scope="module")
def registered():
    """The commands of a bot without a connection, and their registration payload."""

    async def build():
        settings = Settings(_env_file=None)
        database = Database("postgresql://nobody@127.0.0.1:1/none")
        services = Services(database, Submitter(database, "redis://127.0.0.1:1/0", expires_s=60), settings)
        bot = RefdeskBot(services, settings)
        _: BotClient = bot  # mypy checks that the bot implements the protocol
        await bot.add_commands()
        return bot.tree.get_commands(), await build_payload(bot.tree)

    return asyncio.run(build())


@pytest.fixture
def payload(registered):
    return copy.deepcopy(registered[1])


def sync(tree: Any, stored: Any, command_ids: dict[str, str] | None = None) -> bool:
    return asyncio.run(sync_commands(tree, stored, APPLICATION, {} if command_ids is None else command_ids))


def option(payload, *path):
    options = payload
    for name in path:
        found = next(one for one in options if one["name"] == name)
        options = found.get("options", [])
    return found


def test_registration__follows_the_rules_outside_the_schema(payload):
    assert validate_registration(payload) == []


def test_registration__matches_discords_openapi_document(payload, shared):
    document = json.loads((shared / "discord" / "openapi.json").read_text(encoding="utf-8"))
    path = "/applications/{application_id}/commands"
    request = Request("PUT", path, path, 0.0, {}, {}, content_type="application/json", body=payload)
    assert ApiDescription(document).check_request(request) == []
    request.body[0]["contexts"] = [9]
    assert ApiDescription(document).check_request(request) != []


def test_registration__has_every_command(payload):
    names = {command["name"] for command in payload}
    assert names == {
        "ask",
        "ingest",
        "docs",
        "jobs",
        "why",
        "gaps",
        "stats",
        "settings",
        "privacy",
        "help",
        "Add to library",
        "Ask about this",
    }
    assert len(COGS) == 13


def test_registration__works_in_every_context_and_some_require_a_manager(payload):
    assert {(tuple(c["contexts"]), tuple(c["integration_types"])) for c in payload} == {((0, 1, 2), (0, 1))}
    restricted = {c["name"]: int(c["default_member_permissions"]) for c in payload if c["default_member_permissions"]}
    assert restricted == dict.fromkeys(("gaps", "settings", "stats"), discord.Permissions(manage_guild=True).value)


def test_registration__has_every_text_in_both_languages(payload):
    def texts(thing):
        for key in ("name", "description"):
            if thing.get(key):
                yield thing[key], thing.get(f"{key}_localizations") or {}
        for inner in [*thing.get("options", ()), *thing.get("choices", ())]:
            yield from texts(inner)

    for command in payload:
        for text, translated in texts(command):
            assert set(translated) == {"en-US", "en-GB", "zh-CN"}, text
            assert translated["en-US"] == text


def test_registration__autocompletes_names(payload):
    for path in (
        ("ask", "method"),
        ("settings", "answers", "method"),
        ("docs", "show", "document"),
        ("docs", "delete", "document"),
        ("jobs", "cancel", "job"),
        ("why", "answer"),
    ):
        assert option(payload, *path)["autocomplete"] is True


def test_intents__no_privileged_ones():
    assert not INTENTS.message_content
    assert not INTENTS.members
    assert not INTENTS.presences


def test_hash__changes_with_any_visible_difference(payload):
    before = hash_payload(payload)
    assert hash_payload(copy.deepcopy(payload)) == before
    payload[0]["options"][0]["description_localizations"]["zh-CN"] += "。"
    assert hash_payload(payload) != before


def test_hash__is_the_same_in_every_process(registered):
    async def again():
        tree: Any = Tree(registered[0])
        tree.allowed_contexts = discord.app_commands.AppCommandContext(
            guild=True, dm_channel=True, private_channel=True
        )
        tree.allowed_installs = discord.app_commands.AppInstallationType(guild=True, user=True)
        return await build_payload(tree)

    assert hash_payload(asyncio.run(again())) == hash_payload(registered[1])


def test_sync__only_after_a_change():
    tree, stored = Tree([]), StoredHash()
    assert sync(tree, stored)
    assert not sync(tree, stored)
    assert tree.registered == 1
    stored.digest = "another version's"
    assert sync(tree, stored)
    assert tree.registered == 2


def test_sync__stores_the_ids_of_new_and_of_registered_commands(registered):
    tree, stored = Tree(registered[0]), StoredHash()
    sent: dict[str, str] = {}
    fetched: dict[str, str] = {}
    assert sync(tree, stored, sent)
    assert not sync(tree, stored, fetched)
    assert sent == fetched
    assert sent["ask"].isdigit()


def http_error(status: int) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="no", headers={})
    return discord.HTTPException(response, {"code": 0, "message": "no"})


def register(tree: Any, stored: Any) -> None:
    asyncio.run(register_commands(tree, stored, APPLICATION, {}, retry_s=0.01))


def test_register__a_permanent_failure_keeps_the_registered_commands():
    tree, stored = Tree([], http_error(400)), StoredHash("old")
    register(tree, stored)
    assert (stored.digest, tree.registered) == ("old", 0)


@pytest.mark.parametrize("error", [http_error(503), http_error(429), discord.RateLimited(0.01), OSError("no network")])
def test_register__a_temporary_failure_is_retried(error):
    tree, stored = Tree([], error), StoredHash("old")
    tree.failures = 3
    register(tree, stored)
    assert (stored.digest != "old", tree.registered, tree.failures) == (True, 1, 0)


def test_sync__commands_missing_at_discord_are_registered_again(registered):
    tree, stored = Tree(registered[0]), StoredHash()
    assert sync(tree, stored)
    assert not sync(tree, stored)
    tree.at_discord = tree.at_discord[1:]
    assert sync(tree, stored)
    assert tree.registered == 2
