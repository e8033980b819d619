"""Discord's rules in the fake Discord: raw requests, and actions that clients do not offer."""

from __future__ import annotations

import ssl
import threading
from types import SimpleNamespace

import httpx
import pytest

from tests.fake_discord import DriverError, FakeDiscord

MESSAGES = "/channels/{}/messages"
POST = "POST /channels/{channel_id}/messages"


@pytest.fixture
def fake():
    with FakeDiscord() as fake:
        yield fake


@pytest.fixture
def world(fake):
    anna = fake.add_user("anna")
    guild = fake.add_guild(members=[anna])
    return SimpleNamespace(fake=fake, anna=anna, guild=guild, channel=fake.add_channel(guild))


COMMANDS = [
    {
        "name": "ask",
        "description": "Ask",
        "integration_types": [0, 1],
        "options": [
            {"name": "question", "type": 3, "description": "Q", "required": True, "max_length": 10},
            {"name": "top-k", "type": 4, "description": "K", "min_value": 1, "max_value": 8},
            {"name": "file", "type": 11, "description": "F"},
        ],
    },
    {"name": "settings", "description": "Set", "default_member_permissions": "32"},
]


@pytest.fixture
def api(fake):
    no_store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the system's certificates takes longer than a test
    token = {"Authorization": f"Bot {fake.world.token}"}
    with httpx.Client(base_url=fake.api_url, headers=token, verify=no_store) as client:
        client.put(f"/applications/{fake.bot.id}/commands", json=COMMANDS).raise_for_status()
        yield client


@pytest.fixture
def ask_here(world, api):
    def ask_here(kind=None, data=None, person=None, channel=None):
        asked = (person or world.anna).slash("ask", channel=channel or world.channel, question="Why?")
        if kind:
            answer(api, asked, kind, data).raise_for_status()
        return asked

    return ask_here


def answer(api, interaction, kind, data=None):
    body = {"type": kind, **({"data": data} if data else {})}
    path = f"/interactions/{interaction.id}/{interaction.token}/callback"
    return api.post(path, params={"with_response": 1}, json=body)


def hook(fake, interaction, rest=""):
    return f"/webhooks/{fake.bot.id}/{interaction.token}{rest}"


def code_of(response):
    return response.status_code, response.json()["code"]


def test_callback__once_and_within_three_seconds(fake, api, ask_here):
    asked = ask_here(5)
    assert code_of(answer(api, asked, 5)) == (400, 40060)
    late = ask_here()
    fake.clock.advance(3.1)
    assert code_of(answer(api, late, 5)) == (404, 10062)
    with pytest.raises(DriverError, match="too late"):
        late.wait_acknowledged()
    assert not late.acknowledged


def test_callback__resource_comes_with_a_message_only(api, ask_here):
    deferred = answer(api, ask_here(), 5).json()
    assert "resource" not in deferred
    assert deferred["interaction"]["response_message_loading"]
    assert answer(api, ask_here(), 4, {"content": "x"}).json()["resource"]["message"]["content"] == "x"
    assert code_of(answer(api, ask_here(), 7, {"content": "x"})) == (400, 50035)


def test_token__ends_after_fifteen_minutes_but_the_channel_route_does_not(fake, world, api, ask_here):
    asked = ask_here(5)
    fake.clock.advance(901)
    assert code_of(api.patch(hook(fake, asked, "/messages/@original"), json={"content": "x"})) == (401, 50027)
    path = f"{MESSAGES.format(world.channel.id)}/{asked.original.id}"
    assert api.patch(path, json={"content": "late"}).status_code == 200
    assert asked.wait_message().text == "late"


def test_follow_up__the_first_after_a_deferral_is_the_loading_message(fake, world, api, ask_here):
    asked = ask_here(5, {"flags": 64})
    for text in ("one", "two"):
        api.post(hook(fake, asked), json={"content": text}).raise_for_status()
    first, second = asked.messages_seen
    assert (first.text, first.ephemeral, second.text, second.ephemeral) == ("one", True, "two", False)
    path = f"{MESSAGES.format(world.channel.id)}/{first.id}"
    assert code_of(api.get(path)) == (404, 10008)


def test_user_install__five_follow_ups_and_no_channel(fake, api, ask_here):
    ben = fake.add_user("ben", installed_app=True)
    place = fake.add_channel(fake.add_guild("elsewhere", owner=ben, has_app=False))
    asked = ask_here(4, {"content": "x"}, ben, place)
    posts = [api.post(hook(fake, asked), json={"content": "x"}) for _ in range(6)]
    assert [post.status_code for post in posts] == [200] * 5 + [400]
    assert posts[-1].json()["code"] == 40094
    assert code_of(api.post(MESSAGES.format(place.id), json={"content": "x"})) == (403, 50001)
    other = fake.add_guild("strict", has_app=False)
    fake.set_role_permissions(other, other.everyone, "view_channel", "use_application_commands")
    fake.add_member(other, ben)
    assert ask_here(4, {"content": "x"}, ben, fake.add_channel(other)).message.ephemeral


EMBED = {"description": "x" * 4000}
BUTTON = {"type": 2, "style": 1, "label": "a", "custom_id": "a"}
ROW = {"type": 1, "components": [BUTTON]}
TEXT = {"type": 10, "content": "x"}


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({"content": "x" * 2001}, 50035, "content"),
        ({"content": "  "}, 50006, None),
        ({"embeds": [EMBED, EMBED]}, 50035, "embeds"),
        ({"embeds": [{"title": "x" * 257}]}, 50035, "embeds"),
        ({"embeds": [{"fields": [{"name": "", "value": "x"}]}]}, 50035, "embeds"),
        ({"content": "x", "components": [ROW, ROW]}, 50035, "components"),
        ({"content": "x", "components": [{**ROW, "components": []}]}, 50035, "components"),
        ({"content": "x", "components": [TEXT]}, 50035, "components"),
        ({"content": "x", "flags": 1 << 15, "components": [TEXT]}, 50035, "content"),
        ({"flags": 1 << 15, "components": [{**TEXT, "content": "x" * 4001}]}, 50035, "components"),
        ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, 50035, "allowed_mentions"),
        ({"content": "x", "nonce": "x" * 26}, 50035, "nonce"),
        ({"content": "x", "message_reference": {"message_id": "1"}}, 50035, "message_reference"),
        ({"content": "x", "attachments": [{"id": "0"}]}, 50035, "attachments"),
    ],
)
def test_message__beyond_a_limit_is_refused(fake, world, api, body, code, where):
    response = api.post(MESSAGES.format(world.channel.id), json=body)
    assert code_of(response) == (400, code)
    assert list(response.json().get("errors", {None: 0})) == [where]
    assert world.channel.messages == []
    assert "rule" in {problem.kind for problem in fake.problems}


def test_message__files_are_kept_replaced_and_expire(fake, world, api):
    path = MESSAGES.format(world.channel.id)
    files = {"files[0]": ("a b.txt", b"one"), "payload_json": (None, '{"attachments": [{"id": "0"}]}')}
    sent = api.post(path, files=files).json()
    file = sent["attachments"][0]
    assert (file["filename"], httpx.get(file["url"]).content) == ("a_b.txt", b"one")
    body = {"content": "x", "attachments": []}
    assert api.patch(f"{path}/{sent['id']}", json=body).json()["attachments"] == []
    fake.clock.advance(24 * 3600 + 1)
    assert httpx.get(file["url"]).status_code == 404
    large = {"files[0]": ("a.bin", bytes(world.guild.attachment_size_limit + 1))}
    assert code_of(api.post(path, files=large)) == (413, 40005)


def test_message__nonce_deduplicates_posts(fake, world, api):
    body = {"content": "x", "nonce": "7", "enforce_nonce": True}
    first, second = (api.post(MESSAGES.format(world.channel.id), json=body).json()["id"] for _ in range(2))
    fake.clock.advance(3600)
    third = api.post(MESSAGES.format(world.channel.id), json=body).json()["id"]
    assert first == second != third


def test_message__edits_of_old_ones_are_capped(fake, world, api):
    sent = api.post(MESSAGES.format(world.channel.id), json={"content": "x"}).json()["id"]
    fake.clock.advance(3601)
    path = f"{MESSAGES.format(world.channel.id)}/{sent}"
    codes = [api.patch(path, json={"content": str(n)}).status_code for n in range(fake.world.old_edit_cap + 1)]
    assert codes == [200] * fake.world.old_edit_cap + [429]


@pytest.mark.parametrize(
    ("taken", "body", "code"),
    [
        ("view_channel", {"content": "x"}, 50001),
        ("send_messages", {"content": "x"}, 50013),
        ("embed_links", {"embeds": [{"title": "x"}]}, 50013),
    ],
)
def test_permission__is_checked(fake, world, api, taken, body, code):
    fake.deny(world.channel, fake.bot, taken)
    assert code_of(api.post(MESSAGES.format(world.channel.id), json=body)) == (403, code)
    assert fake.problems == []


def test_deleted__channels_messages_users(fake, world, api):
    path = MESSAGES.format(world.channel.id)
    assert code_of(api.patch(f"{path}/1", json={"content": "x"})) == (404, 10008)
    said = world.anna.say(world.channel, "mine")
    assert code_of(api.patch(f"{path}/{said.id}", json={"content": "x"})) == (403, 50005)
    assert code_of(api.delete(f"{path}/{said.id}")) == (403, 50013)
    assert api.get(f"{path}/{said.id}").json()["content"] == ""  # no message content intent
    fake.delete_channel(world.channel)
    assert code_of(api.post(path, json={"content": "x"})) == (404, 10003)
    shy = fake.add_user("shy", dms_open=False)
    fake.add_member(world.guild, shy)
    dm = api.post("/users/@me/channels", json={"recipient_id": str(shy.id)}).json()["id"]
    assert code_of(api.post(MESSAGES.format(dm), json={"content": "x"})) == (403, 50007)


def test_thread__archive_reopen_and_lock(fake, world, api):
    path = MESSAGES.format(world.channel.id)
    sent = api.post(path, json={"content": "x"}).json()["id"]
    started = api.post(f"{path}/{sent}/threads", json={"name": "log", "auto_archive_duration": 60})
    assert started.json()["id"] == sent
    assert code_of(api.post(f"{path}/{sent}/threads", json={"name": "log"})) == (400, 160004)
    inside = api.post(MESSAGES.format(sent), json={"content": "x"}).json()["id"]
    fake.clock.advance(3601)
    assert code_of(api.patch(f"{MESSAGES.format(sent)}/{inside}", json={"content": "y"})) == (400, 50083)
    assert api.post(MESSAGES.format(sent), json={"content": "awake"}).status_code == 200
    fake.archive(fake.world.channels[int(sent)], locked=True)
    assert code_of(api.post(MESSAGES.format(sent), json={"content": "x"})) == (400, 50083)


@pytest.mark.parametrize(
    ("allowed", "everyone", "roles", "users"),
    [(None, True, 1, 1), ({"parse": []}, False, 0, 0), ({"users": ["{anna}"]}, False, 0, 1)],
)
def test_pings__by_allowed_mentions(fake, world, api, allowed, everyone, roles, users):
    role = fake.add_role(world.guild, "team")
    text = f"@everyone <@&{role.id}> <@{world.anna.id}>"
    if allowed is not None:
        allowed = {key: [one.format(anna=world.anna.id) for one in values] for key, values in allowed.items()}
    body = {"content": text, "allowed_mentions": allowed}
    api.post(MESSAGES.format(world.channel.id), json=body).raise_for_status()
    pings = world.channel.messages[0].pings
    assert (pings.everyone, len(pings.roles), len(pings.users)) == (everyone, roles, users)
    assert bool(pings) is bool(everyone or users)


def test_faults__drop_after_processing_and_hold(fake, world, api):
    path = MESSAGES.format(world.channel.id)
    fake.drop(POST, processed=True)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(path, json={"content": "done"})
    fake.drop(POST)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(path, json={"content": "never"})
    with fake.hold(POST) as held:
        sender = threading.Thread(target=lambda: api.post(path, json={"content": "held"}))
        sender.start()
        held.wait_arrived()
        assert [message.text for message in world.channel.messages] == ["done"]
    sender.join()
    fake.fail(POST, status=502)
    assert api.post(path, json={"content": "x"}).status_code == 502
    fake.clear_faults()
    fake.limit(POST, 1, per_s=5)
    assert [api.post(path, json={"content": "x"}).status_code for _ in range(2)] == [200, 429]
    fake.clock.advance(5)
    assert api.post(path, json={"content": "x"}).headers["X-RateLimit-Remaining"] == "0"
    fake.clear_faults()
    fake.limit(POST, 2, per_s=5)
    assert api.post(path, json={"content": "x"}).status_code == 200
    fake.clock.advance(4)
    assert [api.post(path, json={"content": "x"}).status_code for _ in range(2)] == [200, 429]
    fake.clock.advance(1)
    answers = [api.post(path, json={"content": "x"}) for _ in range(2)]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0"], "a new window"


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda w: w.anna.slash("asks", channel=w.channel), "no command 'asks'"),
        (lambda w: w.anna.slash("ask", channel=w.channel), "without"),
        (lambda w: w.anna.slash("ask", channel=w.channel, question="q", wrong=1), "no option"),
        (lambda w: w.anna.slash("ask", channel=w.channel, question=1), "does not accept int values"),
        (lambda w: w.anna.slash("ask", channel=w.channel, question="x" * 11), "does not take"),
        (lambda w: w.anna.slash("ask", channel=w.channel, question="q", options={"top-k": 9}), "does not take"),
        (lambda w: w.anna.slash("settings", channel=w.channel), "no command 'settings'"),
        (lambda w: w.anna.autocomplete("ask", "question", "x", channel=w.channel), "has no autocomplete"),
        (lambda w: w.anna.message_command("Keep", w.anna.say(w.channel, "x")), "no menu command"),
        (lambda w: w.anna.click(w.anna.say(w.channel, "x"), "Vote"), "'Vote' is not a component"),
    ],
)
def test_person__can_do_only_what_a_client_offers(world, api, act, why):
    with pytest.raises(DriverError, match=why):
        act(world)
    world.anna.slash("settings", channel=world.channel, by_override=True)


def test_person__sees_the_app_where_they_brought_it(fake, world, api, ask_here):
    ben = fake.add_user("ben", installed_app=True)
    private = fake.add_private_channel(ben, world.anna)
    asked = ask_here(4, {"content": "x"}, ben, private)
    assert (asked.context, asked.user_install_only, world.anna.sees(asked.message)) == (2, True, True)
    with pytest.raises(DriverError, match="no command"):
        world.anna.slash("ask", channel=private, question="Why?")


def test_person__fills_in_a_form_with_a_file(world, api, ask_here):
    fields = [{"type": 4, "custom_id": "t", "style": 1, "max_length": 3}, {"type": 19, "custom_id": "f"}]
    labels = [{"type": 18, "label": str(place), "component": field} for place, field in enumerate(fields)]
    asked = ask_here(9, {"title": "Form", "custom_id": "form", "components": labels})
    sent = world.anna.submit_modal(asked, {"0": "abc", "f": ("a.txt", b"x")})
    (number,) = sent.data["components"][1]["component"]["values"]
    assert sent.data["resolved"]["attachments"][number]["filename"] == "a.txt"
    for values, why in (({"t": "abcd"}, "type 4 characters"), ({"t": "a"}, "must be filled"), ({"x": "a"}, "no field")):
        with pytest.raises(DriverError, match=why):
            world.anna.submit_modal(asked, values)


def test_person__cannot_press_what_is_disabled_or_not_theirs(fake, world, api, ask_here):
    row = {"type": 1, "components": [{**BUTTON, "disabled": True}]}
    asked = ask_here(4, {"content": "x", "flags": 64, "components": [row]})
    with pytest.raises(DriverError, match="disabled"):
        world.anna.click(asked.message, "a")
    other = fake.add_user("ben")
    fake.add_member(world.guild, other)
    with pytest.raises(DriverError, match="does not see"):
        other.click(asked.message, "a")
