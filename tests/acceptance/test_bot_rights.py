"""Who may ask where: a bot process, workers and a fake Discord."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.model import Channel, Guild, Message, Role

TIMEOUT_S = 60
LEASE = "The lease of the hall costs 40 euros. The key is with the caretaker."
QUESTION = "What does the lease of the hall cost?"


@pytest.fixture(scope="module")
def discord(shared_installation: Installation) -> Iterator[FakeDiscord]:
    with FakeDiscord() as fake:
        shared_installation.start_worker("ingest", REFDESK_EMBED_LINGER_S="0.1")
        shared_installation.start_worker("query")
        shared_installation.start_bot(fake)
        yield fake
        assert not fake.problems, "\n".join(map(str, fake.problems))


@dataclass
class Club:
    """A Discord server of one test, with a document that every member can find."""

    discord: FakeDiscord
    installation: Installation
    guild: Guild
    owner: Person
    anna: Person
    hall: Channel

    def channels_of_questions(self) -> list[list[str]]:
        """Return the channels whose documents each question may use."""
        statement = (
            "SELECT j.payload -> 'channels' FROM jobs j JOIN workspaces w ON w.id = j.workspace_id"
            " WHERE w.key = :key AND j.kind = 'ask' ORDER BY j.id"
        )
        with self.installation.database.owner() as session:
            return list(session.scalars(text(statement), {"key": f"guild:{self.guild.id}"}))


@pytest.fixture
def club(discord: FakeDiscord, shared_installation: Installation) -> Club:
    owner, anna = discord.add_user("owner"), discord.add_user("anna")
    guild = discord.add_guild("**Club**\u202e", owner=owner, members=[anna])
    hall = discord.add_channel(guild, "hall")
    owner.slash("ingest", text=LEASE, title="Lease", channel=hall).wait_message("Document added", TIMEOUT_S)
    return Club(discord, shared_installation, guild, owner, anna, hall)


def wait_for(club: Club, channel: Channel, words: str) -> Message:
    def found() -> list[Message]:
        return [message for message in channel.messages if words in message.text]

    club.discord.wait_until(found, TIMEOUT_S, f"a message with {words!r}")
    return found()[-1]


# ------------------------------------------------------------------------------------------------------ direct messages
def open_menu(who: Person, message: Message) -> Message:
    return who.click(message, "Ask a server…").wait_message("Choose the server")


def _answers(club: Club) -> list[Message]:
    return [message for message in club.anna.dm.messages if "40 euros" in message.text and message.component("Sources")]


def test_direct_messages__ask_a_server_with_the_channels_of_the_person(club: Club):
    board = club.discord.add_channel(club.guild, "board")
    club.discord.deny(board, club.guild.everyone, "view_channel")
    personal = club.anna.slash("ask", question=QUESTION).wait_message("library", TIMEOUT_S)
    club.discord.wait_until(lambda: personal.component("Ask a server…"), TIMEOUT_S, "the button")
    menu = open_menu(club.anna, personal)
    club.anna.select(menu, "Choose a server", [str(club.guild.id)]).wait_acknowledged()
    answer = wait_for(club, club.anna.dm, "40 euros")
    assert answer.component("Ask a server…") is None
    assert r"sent to **\*\*Club\*\***. The" in menu.text
    (channels,) = club.channels_of_questions()
    assert str(club.hall.id) in channels
    assert str(board.id) not in channels
    # The answer belongs to the person, also for managers of the server.
    assert "(private question)" in club.owner.slash("jobs list", all=True, channel=club.hall).wait_message("Jobs").text
    sources = club.anna.click(answer, "Sources").wait_message("Lease")
    assert "40 euros" in sources.text
    # Ask differently asks the server again; a member is not offered the methods by name.
    ways = club.anna.click(answer, "Ask differently").wait_message("Read more passages")
    assert ways.component("Choose a method") is None
    club.anna.click(ways, "Read more passages").wait_message(r"sent to **\*\*Club\*\***. The")
    club.discord.wait_until(lambda: len(_answers(club)) == 2, TIMEOUT_S, "the second answer")
    # A reply continues the conversation with the server; another message is about the personal library.
    club.anna.say(club.anna.dm, "And who has the key?", reply_to=answer)
    wait_for(club, club.anna.dm, "caretaker")
    club.anna.say(club.anna.dm, "And who has the key?")
    wait_for(club, club.anna.dm, "personal library is searched")
    assert club.channels_of_questions() == [channels] * 3
    club.owner.slash("settings asking", channel=club.hall, options={"direct-messages": False}).wait_message("Who can")
    club.anna.say(club.anna.dm, "And the roof?", reply_to=answer)
    wait_for(club, club.anna.dm, "doesn't allow questions from direct messages")


def test_direct_messages__sources_in_the_channels_that_the_person_can_view_now(club: Club):
    board = club.discord.add_channel(club.guild, "board")
    keepers = club.discord.add_role(club.guild, "keepers")
    club.discord.deny(board, club.guild.everyone, "view_channel")
    club.discord.allow(board, keepers, "view_channel")
    club.discord.set_member_roles(club.guild, club.anna, keepers)
    minutes = "The boiler of the chapel was replaced in May by the Miller company."
    club.owner.slash("ingest", text=minutes, title="Minutes", channel=board).wait_message("Document added", TIMEOUT_S)
    personal = club.anna.slash("ask", question="Who replaced the boiler of the chapel?").wait_message(
        "library", TIMEOUT_S
    )
    club.discord.wait_until(lambda: personal.component("Ask a server…"), TIMEOUT_S, "the button")
    menu = open_menu(club.anna, personal)
    club.anna.select(menu, "Choose a server", [str(club.guild.id)]).wait_acknowledged()
    answer = wait_for(club, club.anna.dm, "Miller company")
    assert "Minutes" in club.anna.click(answer, "Sources").wait_message("Miller company").text
    club.discord.set_member_roles(club.guild, club.anna)
    hidden = club.anna.click(answer, "Sources").wait_message("Sources")
    assert "Miller company" not in hidden.text


def test_direct_messages__of_a_person_without_a_common_server(club: Club):
    stranger = club.discord.add_user("stranger")
    personal = stranger.slash("ask", question=QUESTION).wait_message("library", TIMEOUT_S)
    club.discord.wait_until(lambda: personal.component("Ask a server…"), TIMEOUT_S, "the button")
    stranger.click(personal, "Ask a server…").wait_message("no server in common")


def test_direct_messages__of_a_person_who_left_the_server(club: Club):
    personal = club.anna.slash("ask", question=QUESTION).wait_message("library", TIMEOUT_S)
    club.discord.wait_until(lambda: personal.component("Ask a server…"), TIMEOUT_S, "the button")
    menu = open_menu(club.anna, personal)
    club.discord.remove_member(club.guild, club.anna)
    club.anna.select(menu, "Choose a server", [str(club.guild.id)]).wait_message("can't use this bot on that server")
    assert club.channels_of_questions() == []


# ----------------------------------------------------------------------------------------------- permissions of the bot
def test_missing_embed_links__no_message_contains_an_embed(club: Club):
    club.discord.deny(club.hall, club.discord.bot, "embed_links")
    before = len(club.discord.requests)
    asked = club.anna.slash("ask", question=QUESTION, channel=club.hall)
    answer = wait_for(club, club.hall, "**[1]** Lease")
    assert answer.component("Sources")
    club.anna.click(answer, "Sources").wait_message("40 euros")
    club.anna.slash("docs list", channel=club.hall).wait_message("1 document in the library")
    added = club.anna.slash("ingest", text="The tower has two doors.", title="Tower", channel=club.hall)
    added.wait_message("Document added", TIMEOUT_S)
    sent = [request.body for request in club.discord.requests[before:] if isinstance(request.body, dict)]
    assert [body for body in sent if body.get("embeds") or (body.get("data") or {}).get("embeds")] == []
    assert asked.message is answer


# ---------------------------------------------------------------------------------------------------------- who may ask
ROLES_MENU = "Roles that can ask (none selected: everyone)"
CHANNEL_MENU = "Roles that can ask in this channel (none selected: same as the server)"


def choose_roles(club: Club, menu: Message, placeholder: str, *roles: Role) -> None:
    club.owner.select(menu, placeholder, list(roles)).wait_acknowledged()
    club.discord.wait_until(lambda: all(f"<@&{role.id}>" in menu.text for role in roles), 10, "the settings")


def test_asking__only_with_a_role(club: Club):
    keepers = club.discord.add_role(club.guild, "**keepers**")
    menu = club.owner.slash("settings asking", channel=club.hall).wait_message("Who can ask")
    choose_roles(club, menu, ROLES_MENU, keepers)
    refused = club.anna.slash("ask", question=QUESTION, channel=club.hall).wait_message(
        f"with <@&{keepers.id}> can ask"
    )
    assert refused.ephemeral
    club.anna.say(club.hall, QUESTION, mentions_bot=True)
    reason = wait_for(club, club.anna.dm, "can ask here")
    assert r"Only members with **\*\*keepers\*\*** can ask here" in reason.text
    assert club.channels_of_questions() == []
    club.discord.set_member_roles(club.guild, club.anna, keepers)
    club.anna.slash("ask", question=QUESTION, channel=club.hall).wait_message("40 euros", TIMEOUT_S)

    club.discord.delete_role(club.guild, keepers)
    club.anna.slash("ask", question=QUESTION, channel=club.hall).wait_message("The role that can ask here was deleted")
    club.owner.slash("settings show", channel=club.hall).wait_message("members with (deleted role) and managers")
    club.owner.slash("settings reset", channel=club.hall).wait_message("everyone (default)")
    club.anna.slash("ask", question=QUESTION, channel=club.hall).wait_message("40 euros", TIMEOUT_S)


def test_asking__channels_differ_from_the_server(club: Club):
    desk = club.discord.add_channel(club.guild, "desk")
    keepers = club.discord.add_role(club.guild, "keepers")
    menu = club.owner.slash("settings channel", channel=club.hall, options={"channel": desk}, answers="private")
    card = menu.wait_message(f"<#{desk.id}>: private answers")
    answer = club.anna.slash("ask", question=QUESTION, channel=desk).wait_message("40 euros", TIMEOUT_S)
    assert answer.ephemeral
    assert (
        not club.anna.slash("ask", question=QUESTION, channel=club.hall).wait_message("40 euros", TIMEOUT_S).ephemeral
    )
    choose_roles(club, card, CHANNEL_MENU, keepers)
    club.anna.slash("ask", question=QUESTION, channel=desk).wait_message("can ask here")
    club.anna.slash("ask", question=QUESTION, channel=club.hall).wait_message("40 euros", TIMEOUT_S)
    club.owner.slash("settings channel", channel=desk, answers="server").wait_message(f"- <#{desk.id}>: can ask")


def test_asking__not_from_direct_messages(club: Club):
    club.owner.slash("settings asking", channel=club.hall, options={"direct-messages": False}).wait_message(
        "not allowed"
    )
    personal = club.anna.slash("ask", question=QUESTION).wait_message("library", TIMEOUT_S)
    club.discord.wait_until(lambda: personal.component("Ask a server…"), TIMEOUT_S, "the button")
    club.anna.click(personal, "Ask a server…").wait_message("no server in common")
    club.anna.slash("settings asking").wait_message("only for servers")


def test_threads__are_started_on_answers_and_continue_the_conversation(club: Club):
    club.owner.slash("settings channel", channel=club.hall, threads=True).wait_message("a thread on each answer")
    question = f"{QUESTION} \u202e" + "Really? " * 20
    answer = club.anna.slash("ask", question=question, channel=club.hall).wait_message("40 euros", TIMEOUT_S)
    club.discord.wait_until(lambda: answer.thread, TIMEOUT_S, "a thread")
    assert answer.thread is not None
    assert answer.thread.name.startswith(QUESTION)
    assert "\u202e" not in answer.thread.name
    club.anna.say(answer.thread, "And who has the key?", mentions_bot=True)
    inside = wait_for(club, answer.thread, "caretaker")
    assert inside.thread is None
    private = club.anna.slash("ask", question=QUESTION, private=True, channel=club.hall)
    private.wait_message("40 euros", TIMEOUT_S)


def test_threads__without_the_permission_the_answer_has_none(club: Club):
    club.owner.slash("settings channel", channel=club.hall, threads=True).wait_message("a thread on each answer")
    club.discord.deny(club.hall, club.discord.bot, "create_public_threads")
    answer = club.anna.slash("ask", question=QUESTION, channel=club.hall).wait_message("40 euros", TIMEOUT_S)
    delivered = f"SELECT state FROM deliveries WHERE message_id = '{answer.id}'"
    club.discord.wait_until(lambda: club.installation.value(delivered) == "delivered", TIMEOUT_S, "the delivery")
    assert answer.thread is None
