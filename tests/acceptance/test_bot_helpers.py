"""Asking the helpers of a server about a question without an answer: a bot process, workers and a fake Discord."""

from __future__ import annotations

import pytest

from tests.acceptance import test_bot_commands
from tests.acceptance.club import ADDED, TIMEOUT_S, Club, assert_rejected
from tests.fake_discord.exchange import Interaction
from tests.fake_discord.model import Message, Role

discord, club = test_bot_commands.discord, test_bot_commands.club
HELPERS = "SELECT h.user_id FROM helper_requests h JOIN workspaces w ON w.id = h.workspace_id WHERE w.key = :key"


@pytest.fixture
def role(club: Club) -> Role:
    """A role that one helper has."""
    role = club.discord.add_role(club.guild, "Stewards", mentionable=True)
    steward = club.discord.add_user("steward")
    club.discord.add_member(club.guild, steward, role)
    club.owner.slash("settings helpers", channel=club.hall, role=role).wait_message("✏️ **Helpers**")
    return role


def _ask(club: Club, question: str = "Who painted the ceiling?", *, private: bool = False) -> Interaction:
    asked = club.anna.slash("ask", question=question, channel=club.hall, private=private)
    club.discord.wait_until(
        lambda: any(message.component("Add a document") for message in asked.messages_seen), TIMEOUT_S, "an abstention"
    )
    return asked


def _posted(club: Club, role: Role) -> list[Message]:
    return [message for message in club.hall.messages if role.id in message.pings.roles]


def test_helper__is_notified_once_about_a_public_question(club: Club, role: Role):
    club.add(club.anna)
    asked = _ask(club).message
    reply = club.ben.click(asked, "Ask a helper").wait_message("was posted for", TIMEOUT_S)
    assert reply.ephemeral
    (posted,) = _posted(club, role)
    assert posted.pings.roles == frozenset({role.id})
    assert not posted.pings.users
    assert not posted.pings.everyone
    assert "Who painted the ceiling?" in posted.text
    assert f"/{asked.id})" in posted.content
    assert_rejected(club.anna.click(asked, "Ask a helper"), "already asked")
    assert club.rows(HELPERS) == [str(club.ben.id)]
    for number in range(3):
        again = _ask(club, f"Who painted wall {number}?").message
        reply = club.ben.click(again, "Ask a helper").wait_message("", TIMEOUT_S)
        assert ("3 times in 24 hours" in reply.text) is (number == 2)
    assert len(_posted(club, role)) == 3


def test_helper__private_question_is_posted_after_a_confirmation_only(club: Club, role: Role):
    club.add(club.anna)
    asked = _ask(club, private=True).message
    confirm = club.anna.click(asked, "Ask a helper").wait_message("everyone can read it", TIMEOUT_S)
    assert confirm.ephemeral
    club.anna.click(confirm, "Don't post").wait_acknowledged()
    club.discord.wait_until(lambda: "Nothing was posted" in confirm.text, TIMEOUT_S, "the reply to Don't post")
    assert not _posted(club, role)
    confirm = club.anna.click(asked, "Ask a helper").wait_message("everyone can read it", TIMEOUT_S)
    club.anna.click(confirm, "Post the question").wait_acknowledged()
    club.discord.wait_until(lambda: "was posted for" in confirm.text, TIMEOUT_S, "the reply to Post the question")
    (posted,) = _posted(club, role)
    assert "Who painted the ceiling?" in posted.text


def test_helper__role_that_cannot_help_is_explained_in_private(club: Club, role: Role):
    club.add(club.anna)
    asked = _ask(club).message
    club.discord.deny(club.hall, club.guild.everyone, "send_messages")
    club.discord.deny(club.hall, club.discord.bot_role(club.guild), "send_messages")
    assert_rejected(club.anna.click(asked, "Ask a helper"), "may not post in this channel")
    assert club.rows(HELPERS) == []
    empty = club.discord.add_role(club.guild, "Nobody", mentionable=True)
    club.owner.slash("settings helpers", channel=club.hall, role=empty).wait_message("✏️ **Helpers**")
    assert_rejected(club.anna.click(asked, "Ask a helper"), "Nobody has the role")
    club.discord.delete_role(club.guild, empty)
    assert_rejected(club.anna.click(asked, "Ask a helper"), "was deleted")
    everyone = club.owner.slash("settings helpers", channel=club.hall, role=club.guild.everyone)
    assert_rejected(everyone, "Choose a role that only helpers have")
    club.owner.slash("settings helpers", channel=club.hall, off=True).wait_message("**Helpers** · nobody")
    assert_rejected(club.anna.click(asked, "Ask a helper"), "No helpers are set")


def test_add_a_document__opens_the_form(club: Club):
    club.add(club.anna)
    asked = _ask(club).message
    assert asked.component("Ask a helper") is None, "there are no helpers by default"
    form = club.ben.click(asked, "Add a document")
    added = club.ben.submit_modal(form, {"Title": "Ceiling", "Text": "Marta painted the ceiling in 2019."})
    added.wait_message(ADDED, TIMEOUT_S)
    by_managers = club.owner.slash("settings access", channel=club.hall, options={"add-by": "managers"})
    by_managers.wait_message("who manage the server")
    assert_rejected(club.ben.click(asked, "Add a document"), "Only members who manage this server")
