"""Each command end to end: a bot process, workers and a fake Discord."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.conftest import Desk
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.exchange import Interaction
from tests.fake_discord.model import Channel, Guild, Message

PATIENCE_S = 60
ADDED = "Document added"
DOCUMENTS = "SELECT {} FROM documents d JOIN workspaces w ON w.id = d.workspace_id WHERE w.key = :key"
JOBS = "SELECT {} FROM jobs j JOIN workspaces w ON w.id = j.workspace_id WHERE w.key = :key"
FAILURES = (
    "SELECT count(*) FROM job_events e JOIN workspaces w ON w.id = e.workspace_id"
    " WHERE w.key = :key AND e.state = 'failed'"
)
QUESTIONS = JOBS + " AND j.kind = 'ask' ORDER BY j.id"
LEASE = "The lease of the hall costs 40 euros. The key is with the caretaker."


@pytest.fixture(scope="module")
def discord(shared_desk: Desk) -> Iterator[FakeDiscord]:
    with FakeDiscord() as fake:
        shared_desk.start_worker("ingest", REFDESK_EMBED_LINGER_S="0.1")
        shared_desk.start_worker("query")
        shared_desk.start_bot(fake, REFDESK_MAX_FILE_MB="1", REFDESK_MAX_QUESTION_CHARS="300")
        yield fake
        assert not fake.problems, "\n".join(map(str, fake.problems))


@dataclass
class Club:
    """A server for one test: its owner manages it, anna and ben are members."""

    discord: FakeDiscord
    desk: Desk
    guild: Guild
    owner: Person
    anna: Person
    ben: Person
    hall: Channel

    def jobs(self) -> list[str]:
        return self.rows(JOBS.format("j.state"))

    def rows(self, statement: str) -> list[Any]:
        from sqlalchemy import text

        with self.desk.database.owner() as session:
            return list(session.scalars(text(statement), {"key": f"guild:{self.guild.id}"}))

    def add(self, who: Person, text: str = LEASE, title: str = "Lease", channel: Channel | None = None) -> str:
        """Add a text and return the document's ID."""
        added = who.slash("ingest", text=text, title=title, channel=channel or self.hall)
        added.wait_message(ADDED, PATIENCE_S)
        return str(self.rows(DOCUMENTS.format("d.id") + " ORDER BY d.id")[-1])

    def ask(self, who: Person, question: str = "What does the lease of the hall cost?", **options: Any) -> Interaction:
        asked = who.slash("ask", question=question, channel=options.pop("channel", self.hall), **options)
        self.discord.wait_until(
            lambda: any(message.component("Sources") for message in asked.messages_seen), PATIENCE_S, "an answer"
        )
        return asked


@pytest.fixture
def club(discord: FakeDiscord, shared_desk: Desk) -> Club:
    owner, anna, ben = (discord.add_user(name) for name in ("owner", "anna", "ben"))
    guild = discord.add_guild("Club", owner=owner, members=[anna, ben])
    return Club(discord, shared_desk, guild, owner, anna, ben, discord.add_channel(guild, "hall"))


def refusal(interaction: Interaction, text: str) -> Message:
    """Expect a single private message that contains the text."""
    message = interaction.wait_message(text, PATIENCE_S)
    assert message.ephemeral
    assert interaction.messages_seen == [message]
    return message


def press(message: Message, action: str) -> str:
    return str(next(b["custom_id"] for b in message.buttons if b.get("custom_id", "").startswith(f"rd:{action}:")))


# ---------------------------------------------------------------------------------------------------------- questions
def test_ask__public_answer_with_buttons(club: Club):
    club.add(club.anna)
    asked = club.ask(club.ben)
    assert "40 euros" in asked.message.text
    assert not asked.message.ephemeral


def test_ask__private_answer_is_private(club: Club):
    club.add(club.anna)
    assert club.ask(club.ben, private=True).message.ephemeral


def test_ask__what_is_no_question(club: Club):
    refusal(club.anna.slash("ask", question="   ", channel=club.hall), "The question is empty")
    refusal(club.anna.slash("ask", question="why " * 100, channel=club.hall), "the limit is 300")
    assert club.jobs() == []


def test_ask__in_chinese(club: Club, discord: FakeDiscord):
    li = discord.add_user("li", locale="zh-CN")
    discord.add_member(club.guild, li)
    refusal(li.slash("ask", question=" ", channel=club.hall), "没有问题")


def test_ask__over_quota_says_when_there_is_room(club: Club):
    club.owner.slash("settings limits", channel=club.hall, options={"questions-per-person": 1}).wait_message(
        "1 per person"
    )
    club.anna.slash("ask", question="One?", channel=club.hall).wait_message()
    refusal(club.anna.slash("ask", question="Two?", channel=club.hall), "Try again in")
    club.ben.slash("ask", question="One?", channel=club.hall).wait_message()
    assert len(club.jobs()) == 2


def test_ask_again__with_another_method_is_public_for_the_asker_only(club: Club):
    club.add(club.anna)
    answer = club.ask(club.anna).message
    menu = club.anna.click(answer, "Ask again with…").wait_message("Ask the same question", PATIENCE_S)
    assert menu.ephemeral
    again = club.anna.select(menu, "Choose a reranker", ["none"])
    again.wait_message("40 euros", PATIENCE_S)
    assert not again.message.ephemeral
    menu = club.ben.click(answer, "Ask again with…").wait_message("Ask the same question", PATIENCE_S)
    again = club.ben.select(menu, "Choose a number of passages", ["1"])
    again.wait_message("40 euros", PATIENCE_S)
    assert again.message.ephemeral


def test_ask_about_this__takes_the_message_into_account(club: Club):
    club.add(club.anna)
    said = club.anna.say(club.hall, "I would like to rent the hall for my birthday.")
    form = club.ben.message_command("Ask about this", said)
    asked = club.ben.submit_modal(form, {"question": "What does the lease cost?"})
    asked.wait_message("40 euros", PATIENCE_S)
    before = club.rows(QUESTIONS.format("j.payload -> 'conversation' -> 0 ->> 'question'"))
    assert before == ["I would like to rent the hall for my birthday."]


# ---------------------------------------------------------------------------------------------------------- documents
def test_ingest__several_things_are_one_card_and_what_is_refused_is_said_apart(club: Club):
    added = club.anna.slash(
        "ingest",
        channel=club.hall,
        file=("lease.txt", LEASE.encode()),
        file2=("empty.txt", b""),
        file3=("huge.bin", b"x" * 1_100_000),
        text="Dogs may come along.",
        title="Dogs",
    )
    added.wait_message("2 documents added", PATIENCE_S)
    said = added.wait_message("huge", PATIENCE_S)
    assert said.ephemeral
    assert "is larger than the limit of 1 MB" in said.text
    assert "empty" in said.text
    assert len(club.jobs()) == 2


def test_ingest__nothing_but_refusals(club: Club):
    refusal(club.anna.slash("ingest", channel=club.hall, file=("a.txt", b"")), "is empty")
    refusal(club.anna.slash("ingest", channel=club.hall, file=("b.bin", b"x" * 1_100_000)), "limit of 1 MB")
    refusal(club.anna.slash("ingest", channel=club.hall, link="ftp://example.org/x"), "a valid link")
    refusal(club.anna.slash("ingest", channel=club.hall, text="  "), "The text is empty")
    assert club.jobs() == []


def test_ingest__a_kind_of_file_that_cannot_be_read(club: Club):
    added = club.anna.slash("ingest", channel=club.hall, file=("film.mp4", b"\x00\x00\x00\x20ftypisom" + bytes(500)))
    added.wait_message("couldn't be added", PATIENCE_S)


def test_card__tried_again_by_who_added_it_or_a_manager(club: Club):
    damaged = ("book.epub", b"PK\x03\x04 and then nothing")
    card = club.anna.slash("ingest", channel=club.hall, file=damaged).wait_message("couldn't be added", PATIENCE_S)
    assert club.ben.click(card, "Retry").wait_message("This job belongs to someone else").ephemeral
    for times, who in enumerate((club.anna, club.owner), start=2):
        who.click(card, "Retry").wait_acknowledged()
        ended = lambda times=times: club.rows(FAILURES) == [times]  # noqa: E731
        club.discord.wait_until(ended, PATIENCE_S, "another failure")
        club.discord.wait_until(lambda: card.component("Retry"), PATIENCE_S, "the card as it was")


def test_ingest__without_anything_opens_a_form(club: Club):
    form = club.anna.slash("ingest", channel=club.hall)
    sent = club.anna.submit_modal(form, {"title": "Lease", "text": LEASE})
    sent.wait_message(ADDED, PATIENCE_S)


def test_ingest__the_same_name_is_a_new_version_for_who_added_it_and_managers(club: Club):
    club.anna.slash("ingest", channel=club.hall, file=("rules.txt", b"No dogs.")).wait_message(ADDED, PATIENCE_S)
    refusal(club.ben.slash("ingest", channel=club.hall, file=("rules.txt", b"Cats.")), "Someone else already added")
    for who, content in ((club.anna, b"Dogs on a leash."), (club.owner, b"Dogs are welcome.")):
        who.slash("ingest", channel=club.hall, file=("rules.txt", content)).wait_message(ADDED, PATIENCE_S)
    assert club.rows(DOCUMENTS.format("d.added_by")) == [str(club.anna.id)]


def test_ingest__only_those_who_may(club: Club, discord: FakeDiscord):
    role = discord.add_role(club.guild, "librarian")
    club.owner.slash("settings access", channel=club.hall, options={"add-by": "managers"}).wait_message(
        "members who manage"
    )
    refusal(club.anna.slash("ingest", channel=club.hall, text=LEASE), "Only members who manage")
    club.owner.slash("settings access", channel=club.hall, role=role).wait_message("members with")
    discord.add_member(club.guild, club.ben, role)
    refusal(club.anna.slash("ingest", channel=club.hall, text=LEASE), "Only members with the role")
    club.ben.slash("ingest", channel=club.hall, text=LEASE).wait_message(ADDED, PATIENCE_S)


def test_add_to_library__attachments_and_text_with_a_link_to_the_message(club: Club):
    said = club.anna.say(club.hall, "See the file", attachments=[("lease.txt", LEASE.encode())])
    club.ben.message_command("Add to library", said).wait_message(ADDED, PATIENCE_S)
    wordy = club.anna.say(club.hall, "The caretaker is called Mr Miller.")
    club.ben.message_command("Add to library", wordy).wait_message(ADDED, PATIENCE_S)
    origins = club.rows(DOCUMENTS.format("d.origin") + " ORDER BY d.id")
    place = f"https://discord.com/channels/{club.guild.id}/{club.hall.id}"
    assert origins == [f"{place}/{said.id}", f"{place}/{wordy.id}"]


def test_docs__listed_shown_with_the_original_and_deleted_after_a_question(club: Club):
    number = club.add(club.anna)
    assert "Lease" in club.ben.slash("docs list", channel=club.hall).wait_message("1 document").text
    club.ben.slash("docs list", channel=club.hall, search="nothing").wait_message("No documents match")
    found = club.ben.autocomplete("docs show", "document", "lea", channel=club.hall)
    assert [choice.value for choice in found] == [number]
    card = club.ben.slash("docs show", channel=club.hall, document="lease").wait_message("40 euros")
    assert card.ephemeral
    assert card.component("Delete") is None
    original = club.ben.click(card, press(card, "file")).wait_message()
    assert [file.filename for file in original.attachments] == ["Lease.md"]

    refusal(club.ben.slash("docs delete", channel=club.hall, document=number), "added by someone else")
    confirm = club.anna.slash("docs delete", channel=club.hall, document=number).wait_message("Delete **Lease**")
    club.anna.click(confirm, "Cancel").wait_acknowledged()
    club.discord.wait_until(lambda: "wasn't deleted" in confirm.text, 10, "the answer to Cancel")
    confirm = club.anna.slash("docs delete", channel=club.hall, document=number).wait_message("Delete **Lease**")
    club.anna.click(confirm, "Delete").wait_acknowledged()
    club.discord.wait_until(lambda: "was deleted" in confirm.text, 10, "the answer to Delete")
    refusal(club.anna.slash("docs show", channel=club.hall, document=number), "is visible to you")


def test_docs__read_again(club: Club):
    number = club.add(club.anna)
    again = club.anna.slash("docs reingest", channel=club.hall, document=number)
    again.wait_message(ADDED, PATIENCE_S)
    assert club.jobs() == ["succeeded", "succeeded"]


def test_docs__of_a_closed_channel_are_for_its_people(club: Club, discord: FakeDiscord):
    board = discord.add_channel(club.guild, "board")
    discord.deny(board, club.guild.everyone, "view_channel")
    discord.allow(board, club.anna, "view_channel")
    number = club.add(club.anna, "The secret budget is 900 euros.", "Budget", board)
    assert club.ben.autocomplete("docs show", "document", "", channel=club.hall) == []
    refusal(club.ben.slash("docs show", channel=club.hall, document=number), "is visible to you")
    club.anna.slash("docs show", channel=club.hall, document=number).wait_message("900 euros")
    question = "What is the secret budget?"
    public = club.anna.slash("ask", question=question, channel=club.hall)
    club.discord.wait_until(lambda: "Ask again with" in public.text, PATIENCE_S, "an abstention")
    assert "900" not in public.text
    assert "900 euros" in club.ask(club.anna, question, private=True).text
    assert "900 euros" in club.ask(club.anna, question, channel=board).text


# ----------------------------------------------------------------------------------------------------- jobs, why, votes
def test_jobs__listed_shown_explained_to_whom_they_belong(club: Club):
    club.add(club.anna)
    asked = club.ask(club.anna, private=True)
    job = str(re.search(r"rd:why:(\d+)", str(asked.message.buttons)).group(1))  # type: ignore[union-attr]
    assert "What does the lease" in club.anna.slash("jobs list", channel=club.hall).wait_message("Your jobs").text
    club.ben.slash("jobs list", channel=club.hall).wait_message("no jobs yet")
    everybodys = club.owner.slash("jobs list", channel=club.hall, all=True).wait_message("Jobs on this server")
    assert "(private question)" in everybodys.text
    assert "What does the lease" not in everybodys.text
    assert "40 euros" in club.anna.slash("jobs show", channel=club.hall, job=job).wait_message("40 euros").text
    assert "40 euros" not in club.owner.slash("jobs show", channel=club.hall, job=job).wait_message(f"Job {job}").text
    refusal(club.ben.slash("jobs show", channel=club.hall, job=job), "isn't visible to you")
    refusal(club.ben.slash("jobs cancel", channel=club.hall, job=job), "This job belongs to someone else")
    refusal(club.anna.slash("jobs cancel", channel=club.hall, job=job), "has already ended")
    refusal(club.anna.slash("jobs retry", channel=club.hall, job=job), "Only failed or cancelled jobs")
    refusal(club.anna.slash("jobs show", channel=club.hall, job="soon"), "isn't visible to you")
    club.anna.slash("jobs why", channel=club.hall, job=job).wait_message(f"Job {job}")
    assert [c.value for c in club.anna.autocomplete("jobs show", "job", "lease of", channel=club.hall)] == [job]


def test_why__with_a_picture_for_the_last_answer_here(club: Club):
    refusal(club.anna.slash("why", channel=club.hall), "no answers in this channel yet")
    club.add(club.anna)
    club.ask(club.anna)
    why = club.anna.slash("why", channel=club.hall).wait_message("Why these sources?", PATIENCE_S)
    assert why.ephemeral
    assert [file.filename for file in why.attachments] == ["ranks.png"]


def test_answer_of_somebody_else__public_here_or_not_at_all(club: Club, discord: FakeDiscord):
    club.add(club.anna)
    public = club.ask(club.anna).message
    club.ben.click(public, "Sources").wait_message("40 euros", PATIENCE_S)
    private = club.ask(club.anna, private=True).message
    job = press(private, "why").rpartition(":")[2]
    refusal(club.ben.slash("why", channel=club.hall, answer=job), "belongs to someone else")
    refusal(club.owner.slash("why", channel=club.hall, answer=job), "belongs to someone else")
    elsewhere = discord.add_channel(club.guild, "elsewhere")
    job = press(public, "why").rpartition(":")[2]
    refusal(club.ben.slash("why", channel=elsewhere, answer=job), "belongs to someone else")


def test_votes__are_kept_changed_and_taken_back(club: Club):
    club.add(club.anna)
    answer = club.ask(club.anna).message
    for action, said, vote in (("up", "helped", [1]), ("down", "didn't help", [-1]), ("down", "was removed", [])):
        assert club.ben.click(answer, press(answer, action)).wait_message(said, PATIENCE_S).ephemeral
        votes = "SELECT f.vote FROM feedback f JOIN workspaces w ON w.id = f.workspace_id WHERE w.key = :key"
        assert club.rows(votes) == vote


# ------------------------------------------------------------------------------------------------- settings and help
def test_settings__shown_changed_and_reset_by_managers_only(club: Club, discord: FakeDiscord):
    lifted = club.anna.slash("settings show", channel=club.hall, by_override=True)
    refusal(lifted, "Only members with the Manage Server permission")
    assert "(default)" in club.owner.slash("settings show", channel=club.hall).wait_message("Reranker").text
    set_ = {"reranker": "none", "top-k": 5, "language": "zh"}
    shown = club.owner.slash("settings answers", channel=club.hall, options=set_).wait_message("**Reranker** · none")
    assert "Chinese" in shown.text
    asked = club.anna.slash("ask", question="What?", channel=club.hall)
    asked.wait_message()
    chosen = [club.rows(QUESTIONS.format(f"j.payload -> 'options' ->> '{name}'")) for name in ("reranker", "language")]
    assert chosen == [["none"], ["zh"]]
    assert "zh" not in club.owner.slash("settings reset", channel=club.hall).wait_message("late-interaction").text


def test_settings__public_answers_in_chosen_channels_only(club: Club, discord: FakeDiscord):
    library = discord.add_channel(club.guild, "library")
    club.add(club.anna)
    menu = club.owner.slash("settings access", channel=club.hall).wait_message("Public answers in")
    club.owner.select(menu, "Channels with public answers (none selected: all channels)", [library]).wait_acknowledged()
    club.discord.wait_until(lambda: str(library.id) in menu.text, 10, "the settings with the channel")
    assert club.ask(club.anna).message.ephemeral
    assert not club.ask(club.anna, channel=library).message.ephemeral


def test_help__explains_and_tells_managers_more(club: Club):
    shown = club.anna.slash("help", channel=club.hall).wait_message("How to use this bot")
    assert shown.ephemeral
    assert "/settings" not in shown.text
    assert "/settings" in club.owner.slash("help", channel=club.hall).wait_message("How to use this bot").text


# ---------------------------------------------------------------------------------------------------------- follow-ups
def test_follow_up__in_a_thread_and_by_reply_with_the_conversation(club: Club):
    club.add(club.anna)
    answer = club.ask(club.anna).message
    thread = club.ben.start_thread(answer, "about the hall")
    club.ben.say(thread, "And who has the key?", mentions_bot=True)
    club.discord.wait_until(
        lambda: any("caretaker" in m.text and m.author is club.discord.bot for m in thread.messages), 60, "it"
    )
    club.ben.say(club.hall, "And the key?", mentions_bot=True, reply_to=answer)
    questions = QUESTIONS.format("j.payload -> 'conversation' -> 0 ->> 'question'")
    asked = "What does the lease of the hall cost?"
    club.discord.wait_until(lambda: club.rows(questions) == [None, asked, asked], 20, "two follow-ups")


def test_mention_elsewhere__gets_one_hint_a_minute(club: Club):
    for _ in range(3):
        club.ben.say(club.hall, "hello", mentions_bot=True)
    club.ben.say(club.hall, "hello all")
    club.discord.wait_until(lambda: any("a follow-up question" in m.text for m in club.hall.messages), 10, "hint")
    assert club.jobs() == []
    assert sum("a follow-up question" in m.text for m in club.hall.messages) == 1


# ------------------------------------------------------------------------------------ direct messages, no membership
def test_direct_messages__are_a_library_of_ones_own(discord: FakeDiscord, club: Club):
    carl = discord.add_user("carl")
    carl.slash("ingest", text=LEASE, title="Lease").wait_message(ADDED, PATIENCE_S)
    carl.slash("ask", question="What does the lease of the hall cost?").wait_message("40 euros", PATIENCE_S)
    carl.slash("settings show").wait_message("Reranker")
    club.anna.slash("docs list").wait_message("The library is empty")


def test_installed_by_a_person__in_a_server_without_the_bot(discord: FakeDiscord):
    dora = discord.add_user("dora", installed_app=True)
    channel = discord.add_channel(discord.add_guild("Foreign", members=[dora], has_app=False))
    dora.slash("ingest", text=LEASE, title="Lease").wait_message(ADDED, PATIENCE_S)
    asked = dora.slash("ask", question="What does the lease of the hall cost?", channel=channel)
    asked.wait_message("40 euros", PATIENCE_S)
