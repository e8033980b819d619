"""Who may ask where: the settings in the database, and the services that check them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.services.questions import QuestionRequest
from bot.services.refusals import Refusal
from db import workspace_settings
from db.workspace_settings import CHANGEABLE, ChannelRule
from pipeline.errors import InvalidInput, UnknownName
from tests.integration.test_bot_services import ANNA, BOSS, GUILD, answered, refused, row, run, services, target

__all__ = ["row", "services", "target"]

MEMBER = replace(ANNA, role_ids=frozenset({"100", "5"}), guild_roles=frozenset({"100", "5", "6"}))
QUESTION = QuestionRequest("Why?")


# --------------------------------------------------------------------------------------------------------- the database
def test_channel_rules__changes_are_merged_and_empty_rules_removed(library):
    def change(channel, existing=None, **changes):
        with library.database.tenant(library.workspace) as session:
            return workspace_settings.update_channel(
                session, library.workspace, "42", channel, changes, existing=existing
            ).channel_rules

    assert change("301", answers="private") == {"301": ChannelRule(answers="private")}
    assert change("301", ask_roles=("5",)) == {"301": ChannelRule(("5",), "private")}
    assert change("302", threads=True)["302"] == ChannelRule(threads=True)
    assert change("301", answers=None, ask_roles=None) == {"302": ChannelRule(threads=True)}
    assert change("303", answers="public", existing=["301", "303"]) == {"303": ChannelRule(answers="public")}
    assert change("303", answers=None) == {}
    assert library.count("workspace_settings", "channel_rules IS NULL AND updated_by = '42'") == 1


def test_channel_rules__a_change_without_effect_stores_no_rule(library):
    with library.database.tenant(library.workspace) as session:
        assert (
            workspace_settings.update_channel(session, library.workspace, "42", "301", {"answers": None}).channel_rules
            == {}
        )
    assert library.count("workspace_settings", "channel_rules IS NULL") == 1


def test_settings__reset_removes_who_may_ask(library):
    with library.database.tenant(library.workspace) as session:
        workspace_settings.update(session, library.workspace, "42", ask_roles=("5",), direct_messages=False)
        workspace_settings.update_channel(session, library.workspace, "42", "301", {"threads": True})
        stored = workspace_settings.read(session, library.workspace)
        assert (stored.ask_roles, stored.direct_messages) == (("5",), False)
        workspace_settings.update(session, library.workspace, "42", **dict.fromkeys(CHANGEABLE))
        empty = workspace_settings.read(session, library.workspace)
    assert (empty.ask_roles, empty.direct_messages, empty.channel_rules) == (None, None, {})
    assert library.count("workspace_settings", "channel_rules IS NULL") == 1


@pytest.mark.parametrize(
    ("channel", "changes", "error", "sentence"),
    [
        ("301", {"answers": "loud"}, UnknownName, "must be one of public, private"),
        ("301", {"threads": 1}, InvalidInput, "true or false"),
        ("301", {"ask_roles": ("staff",)}, InvalidInput, "Discord IDs"),
        ("301", {"top_k": 5}, UnknownName, "no setting 'top_k'"),
        ("general", {"threads": True}, InvalidInput, "Discord IDs"),
        ("9" * 40, {"threads": True}, InvalidInput, "Discord IDs"),
    ],
)
def test_channel_rules__invalid_values_are_rejected(library, channel, changes, error, sentence):
    with pytest.raises(error, match=sentence), library.database.tenant(library.workspace) as session:
        workspace_settings.update_channel(session, library.workspace, "42", channel, changes)
    assert library.count("workspace_settings") == 0


@pytest.mark.parametrize(
    "changes", [{"direct_messages": "no"}, {"ask_roles": ("\x00",)}, {"channel_rules": {"301": {"threads": True}}}]
)
def test_settings__invalid_values_are_rejected(library, changes):
    with pytest.raises(InvalidInput), library.database.tenant(library.workspace) as session:
        workspace_settings.update(session, library.workspace, "42", **changes)


# --------------------------------------------------------------------------------------------------------- the services
def test_ask__only_with_a_role_of_the_server_or_the_channel(services, target):
    run(services.workspace_settings.change(BOSS, ask_roles=("6",)))
    refused("refusal-may-not-ask", services.questions.ask(MEMBER, QUESTION, target()))
    refused("refusal-may-not-ask", services.questions.ask(MEMBER, QUESTION, target(private=True)))
    run(services.questions.ask(BOSS, QUESTION, target()))
    run(services.workspace_settings.change_channel(BOSS, "301", ask_roles=("5",)))
    run(services.questions.ask(MEMBER, QUESTION, target()))
    elsewhere = replace(MEMBER, channel_id="302")
    refused("refusal-may-not-ask", services.questions.ask(elsewhere, QUESTION, target()))
    refused("refusal-managers-only", services.workspace_settings.change_channel(MEMBER, "302", ask_roles=None))


def test_ask__the_refusal_names_only_roles_that_exist(services, target):
    run(services.workspace_settings.change(BOSS, ask_roles=("6", "9")))
    with pytest.raises(Refusal) as caught:
        run(services.questions.ask(MEMBER, QUESTION, target()))
    assert caught.value.args_of_key == {"roles": "<@&6>"}
    run(services.workspace_settings.change(BOSS, ask_roles=("9",)))
    refused("refusal-may-not-ask-deleted", services.questions.ask(MEMBER, QUESTION, target()))
    run(services.workspace_settings.change(BOSS, ingest_by="role", ingest_role="9"))
    refused("refusal-may-not-add-deleted", services.library.check_quota(MEMBER, 1))


def test_retry__only_by_a_person_who_may_still_ask(services, target):
    job = run(services.questions.ask(MEMBER, QUESTION, target()))
    run(services.jobs.cancel(MEMBER, [job]))
    run(services.workspace_settings.change(BOSS, ask_roles=("6",)))
    refused("refusal-may-not-ask", services.jobs.retry(MEMBER, [job]))
    assert run(services.jobs.retry(BOSS, [job])) == [job]


@pytest.mark.parametrize("retried_in", ["301", "302"])
def test_retry__of_a_public_answer_only_where_its_channel_still_allows_it(services, target, retried_in):
    job = run(services.questions.ask(MEMBER, QUESTION, target()))
    run(services.jobs.cancel(MEMBER, [job]))
    here = replace(MEMBER, channel_id=retried_in)
    run(services.workspace_settings.change_channel(BOSS, "301", answers="private"))
    refused("refusal-private-only", services.jobs.retry(here, [job]))
    run(services.workspace_settings.change_channel(BOSS, "301", answers=None, ask_roles=("6",)))
    refused("refusal-may-not-ask", services.jobs.retry(here, [job]))
    run(services.workspace_settings.change_channel(BOSS, "301", ask_roles=None))
    assert run(services.jobs.retry(here, [job])) == [job]


def test_retry__from_another_channel_by_the_settings_of_the_parent_of_a_thread(services, target):
    thread = replace(MEMBER, channel_id="401", parent_id="301")
    job = run(services.questions.ask(thread, QUESTION, target()))
    run(services.jobs.cancel(MEMBER, [job]))
    run(services.workspace_settings.change_channel(BOSS, "301", answers="private"))
    for place in (thread, replace(MEMBER, channel_id="302"), replace(MEMBER, channel_id="402", parent_id="302")):
        refused("refusal-private-only", services.jobs.retry(place, [job]))
    run(services.workspace_settings.change_channel(BOSS, "301", answers=None))
    run(services.workspace_settings.change_channel(BOSS, "302", answers="private"))
    assert run(services.jobs.retry(replace(MEMBER, channel_id="302"), [job])) == [job]


def test_ask__from_direct_messages_only_where_it_is_allowed(services, target, row):
    direct = replace(MEMBER, channel_id="777", viewable_channels=("301",), from_direct_messages=True)
    job = run(services.questions.ask(direct, QUESTION, target(private=True)))
    assert row(job).payload["channels"] == ["301", "777"]
    run(services.workspace_settings.change(BOSS, direct_messages=False))
    refused("refusal-direct-messages-off", services.questions.ask(direct, QUESTION, target(private=True)))
    run(services.questions.ask(MEMBER, QUESTION, target()))


def test_ask__a_public_answer_only_where_the_channel_allows_it(services, target):
    run(services.workspace_settings.change_channel(BOSS, "301", answers="private"))
    refused("refusal-private-only", services.questions.ask(MEMBER, QUESTION, target()))
    run(services.questions.ask(MEMBER, QUESTION, target(private=True)))


def test_server_conversation__only_of_the_persons_answer_in_these_direct_messages(services, library, target):
    direct = replace(MEMBER, channel_id="777", from_direct_messages=True)
    question = QuestionRequest("And the key?", conversation=(("Who?", "Ole."),))
    shown = target(private=True)
    job = run(services.questions.ask(direct, question, shown))
    personal = replace(ANNA, guild_id=None, channel_id="777")
    found = run(services.questions.server_conversation(personal, shown.message_id))
    assert (found.guild_id, found.exchanges) == (GUILD, (("Who?", "Ole."),))
    answered(library, job, "With Ole.")
    found = run(services.questions.server_conversation(personal, shown.message_id))
    assert found.exchanges == (("Who?", "Ole."), ("And the key?", "With Ole."))
    for other in (replace(personal, user_id="2"), replace(personal, channel_id="778")):
        assert run(services.questions.server_conversation(other, shown.message_id)) is None
    assert run(services.questions.server_conversation(personal, "1")) is None
    public = target()
    run(services.questions.ask(replace(MEMBER, channel_id="777"), QUESTION, public))
    assert run(services.questions.server_conversation(personal, public.message_id)) is None
