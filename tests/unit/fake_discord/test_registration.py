"""Command registration and OpenAPI validation in the fake Discord."""

from __future__ import annotations

import json
import ssl

import httpx
import pytest

from tests.fake_discord import FakeDiscord, validate_registration
from tests.fake_discord.checks import load_openapi
from tests.fake_discord.openapi import KNOWN_FINDINGS
from tests.fake_discord.server import ROUTES

POST = "POST /channels/{channel_id}/messages"
TEXT = {"type": 10, "content": "x"}
PICTURE = {"url": "attachment://a.png"}
LONG_CHOICES = [{"name": f"{n:02d}".ljust(100, "x"), "value": f"{n:02d}".ljust(100, "y")} for n in range(25)]


@pytest.fixture
def fake():
    with FakeDiscord() as fake:
        yield fake


@pytest.fixture
def call(fake):
    no_store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the system's certificates takes longer than a test
    token = {"Authorization": f"Bot {fake.world.token}"}
    with httpx.Client(base_url=fake.api_url, headers=token, verify=no_store) as client:
        yield client.request


@pytest.fixture
def messages(fake):
    return f"/channels/{fake.add_channel(fake.add_guild()).id}/messages"


def command(**changes):
    return {"name": "ask", "description": "Ask", "options": [], **changes}


def option(name="question", **changes):
    return {"name": name, "type": 3, "description": "Q", **changes}


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ([command(name="Ask")], "APPLICATION_COMMAND_INVALID_NAME"),
        ([command(name="ask me")], "APPLICATION_COMMAND_INVALID_NAME"),
        ([command(name_localizations={"zh-CN": "提 问"})], "APPLICATION_COMMAND_INVALID_NAME"),
        ([command(name_localizations={"cn": "提问"})], "DICT_TYPE_KEY"),
        ([command(description="")], "0.description"),
        ([command(), command()], "APPLICATION_COMMANDS_DUPLICATE_NAME"),
        ([command(options=[option(), option("b", required=True)])], "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"),
        (
            [
                command(
                    options=[option("a", name_localizations={"fr": "x"}), option("b", name_localizations={"fr": "x"})]
                )
            ],
            "unique in fr",
        ),
        ([command(options=[option(str(n)) for n in range(26)])], "25 or fewer"),
        ([command(options=[option(choices=[{"name": str(n), "value": "x"} for n in range(26)])])], "25 or fewer"),
        ([command(options=[option(autocomplete=True, choices=[{"name": "a", "value": "a"}])])], "AUTOCOMPLETE"),
        ([command(options=[option(), {"name": "sub", "type": 1, "description": "S"}])], "OPTIONS_TYPE_INVALID"),
        ([command(contexts=[2], integration_types=[0])], "APPLICATION_COMMAND_INVALID_CONTEXTS"),
        ([{"name": "Keep it", "type": 3, "description": "no"}], "APPLICATION_COMMAND_CONTEXT_MENU"),
        ([command(options=[option(name, choices=LONG_CHOICES) for name in "ab"])], "APPLICATION_COMMAND_TOO_LARGE"),
    ],
)
def test_registration__rules_beyond_the_schema(payload, complaint):
    assert [line for line in validate_registration(payload) if complaint in line]


def test_registration__valid_commands():
    localized = command(name_localizations={"zh-CN": "提问"}, options=[option("a", required=True), option("b")])
    group = {"name": "show", "type": 2, "description": "S", "options": [{"name": "one", "type": 1, "description": "O"}]}
    menu = {"name": "Add to library", "type": 3}
    assert validate_registration([localized, command(name="docs", options=[group]), menu]) == []


def test_registration__permissions_come_back_as_text(fake, call):
    path = f"/applications/{fake.bot.id}/commands"
    (stored,) = call("PUT", path, json=[command(default_member_permissions=32)]).json()
    assert stored["default_member_permissions"] == "32"
    changed = call("PATCH", f"{path}/{stored['id']}", json={"default_member_permissions": 0}).json()
    assert changed["default_member_permissions"] == "0"
    assert fake.problems == []


def test_registration__keeps_ids_and_counts_new_names(fake, call):
    path = f"/applications/{fake.bot.id}/commands"
    first = call("PUT", path, json=[command()]).json()[0]["id"]
    assert call("PUT", path, json=[command(description="Other")]).json()[0]["id"] == first
    assert call("PATCH", f"{path}/{first}", json={"description": "Third"}).json()["description"] == "Third"
    assert call("POST", path, json=command(name="docs")).status_code == 201
    assert call("DELETE", f"{path}/{first}").status_code == 204
    assert [one["name"] for one in call("GET", path).json()] == ["docs"]
    for batch in range(2):
        last = call("PUT", path, json=[command(name=f"c{batch}-{n}") for n in range(100)])
    assert (last.status_code, last.json()["code"]) == (400, 30034)


def test_openapi__every_route_of_the_fake_is_in_the_file(shared):
    description = load_openapi(shared / "discord" / "openapi.json")
    assert description
    paths = description.document["paths"]
    assert [r.method + r.template for r in ROUTES if r.method.lower() not in paths.get(r.template, {})] == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"content": 7}, "$.content"),
        ({"content": "x", "nonces": "1"}, "'nonces' does not exist"),
        ({"content": "x", "message_reference": {"message_id": 175928847299117063}}, None),
        ({"content": "x", "nonce": "175928847299117063"}, None),
    ],
)
def test_openapi__requests_are_validated(shared, fake, call, messages, body, complaint):
    call("POST", messages, json=body)
    found = [str(problem) for problem in fake.problems if problem.kind == "openapi-request"]
    assert [complaint in text for text in found] == ([True] if complaint else [])


def test_openapi__answers_are_validated_and_known_findings_let_through(shared, fake, call, messages, monkeypatch):
    call("POST", messages, json={"content": "x" * 2001})
    fake.rate_limit(POST, retry_after_s=0.1)
    call("POST", messages, json={"content": "x"})
    assert {problem.kind for problem in fake.problems} == {"rule"}
    assert len(KNOWN_FINDINGS) == 3
    monkeypatch.setattr(fake.bot, "name", None)
    call("GET", "/users/@me")
    assert [problem.kind for problem in fake.problems[1:]] == ["openapi-answer"]


def test_openapi__answers_of_all_kinds_are_valid(shared, fake, call):
    anna = fake.add_user("anna", installed_app=True)
    guild = fake.add_guild(members=[anna])
    channel = fake.add_channel(guild)
    place = f"/channels/{channel.id}/messages"
    parts = [
        {"type": 9, "components": [TEXT], "accessory": {"type": 11, "media": PICTURE}},
        {"type": 14},
        {"type": 12, "items": [{"media": PICTURE}]},
        {"type": 13, "file": {"url": "attachment://a.txt"}},
        {"type": 1, "components": [{"type": 2, "style": 1, "custom_id": "b", "emoji": {"id": None, "name": "👍"}}]},
        {"type": 1, "components": [{"type": 3, "custom_id": "s", "options": [{"label": "One", "value": "1"}]}]},
    ]
    body = {"flags": 1 << 15, "components": [{"type": 17, "components": parts}, TEXT]}
    files = {"files[0]": ("a.png", b"png"), "files[1]": ("a.txt", b"text"), "payload_json": (None, json.dumps(body))}
    call("POST", place, files=files)
    shown = channel.messages[0]
    pressed = anna.select(shown, "s", ["One"])
    call("POST", f"/interactions/{pressed.id}/{pressed.token}/callback?with_response=1", json={"type": 5})
    call("POST", f"/webhooks/{fake.bot.id}/{pressed.token}?wait=1", json={"content": "done"})
    assert pressed.message.reply_to is shown
    said = anna.say(channel, "hello", attachments=[("a b.pdf", b"%PDF")], reply_to=shown)
    call("POST", f"{place}/{said.id}/threads", json={"name": "log"})
    call("PUT", f"{place}/{said.id}/reactions/%F0%9F%91%8D/@me")
    for path in (
        *("/users/@me", "/users/@me/guilds", "/oauth2/applications/@me", "/gateway/bot", f"/users/{anna.id}"),
        *(
            f"/guilds/{guild.id}{rest}"
            for rest in ("", "/channels", "/roles", "/threads/active", f"/members/{anna.id}")
        ),
        *(place, f"{place}?around={said.id}&limit=2", f"{place}/{said.id}", f"/channels/{said.id}"),
    ):
        assert call("GET", path).status_code == 200
    assert list(map(str, fake.problems)) == []


def test_openapi__missing_file_is_reported(tmp_path):
    with FakeDiscord(openapi=tmp_path / "none.json") as fake:
        httpx.get(f"{fake.api_url}/gateway?odd=1")
        assert fake.problems == []
        assert fake.validation.startswith("not validated")
