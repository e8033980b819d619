"""Every bot command end to end: a bot process, workers and a fake Discord."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.acceptance.club import (
    ADDED,
    DOCUMENTS,
    FAILURES,
    LEASE,
    QUESTIONS,
    TIMEOUT_S,
    Club,
    assert_rejected,
    find_custom_id,
)
from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord


@pytest.fixture(scope="module")
def discord(shared_installation: Installation) -> Iterator[FakeDiscord]:
    with FakeDiscord() as fake:
        shared_installation.start_worker("ingest", REFDESK_EMBED_LINGER_S="0.1")
        shared_installation.start_worker("query")
        shared_installation.start_bot(fake, REFDESK_MAX_FILE_MB="1", REFDESK_MAX_QUESTION_CHARS="300")
        yield fake
        assert not fake.problems, "\n".join(map(str, fake.problems))


@pytest.fixture
def club(discord: FakeDiscord, shared_installation: Installation) -> Club:
    owner, anna, ben = (discord.add_user(name) for name in ("owner", "anna", "ben"))
    guild = discord.add_guild("Club", owner=owner, members=[anna, ben])
    return Club(discord, shared_installation, guild, owner, anna, ben, discord.add_channel(guild, "hall"))


# ---------------------------------------------------------------------------------------------------------- questions
def test_ask__public_answer_with_buttons(club: Club):
    club.add(club.anna)
    asked = club.ask(club.ben)
    assert "40 euros" in asked.message.text
    assert not asked.message.ephemeral


def test_ask__private_answer_is_private(club: Club):
    club.add(club.anna)
    assert club.ask(club.ben, private=True).message.ephemeral


def test_ask__invalid_question_is_rejected(club: Club):
    assert_rejected(club.anna.slash("ask", question="   ", channel=club.hall), "The question is empty")
    assert_rejected(club.anna.slash("ask", question="why " * 100, channel=club.hall), "the limit is 300")
    assert club.jobs() == []


def test_ask__in_chinese(club: Club, discord: FakeDiscord):
    li = discord.add_user("li", locale="zh-CN")
    discord.add_member(club.guild, li)
    assert_rejected(li.slash("ask", question=" ", channel=club.hall), "没有问题")


def test_ask__over_quota_shows_when_to_try_again(club: Club):
    club.owner.slash("settings limits", channel=club.hall, options={"questions-per-person": 1}).wait_message(
        "1 per person"
    )
    club.anna.slash("ask", question="One?", channel=club.hall).wait_message()
    assert_rejected(club.anna.slash("ask", question="Two?", channel=club.hall), "Try again <t:")
    club.ben.slash("ask", question="One?", channel=club.hall).wait_message()
    assert len(club.jobs()) == 2


def test_ask_again__is_public_only_for_the_original_asker(club: Club):
    club.add(club.anna)
    answer = club.ask(club.anna).message
    ways = club.anna.click(answer, "Ask differently").wait_message("Ask the same question", TIMEOUT_S)
    assert ways.ephemeral
    assert "late-interaction" not in str(ways.components)
    again = club.anna.click(ways, "Read more passages")
    again.wait_message("40 euros", TIMEOUT_S)
    assert not again.message.ephemeral
    assert sorted(club.rows(QUESTIONS.format("j.payload -> 'options' ->> 'top_k'"))) == ["3", "8"]
    ways = club.owner.click(answer, "Ask differently").wait_message("Ask the same question", TIMEOUT_S)
    again = club.owner.select(ways, "Choose a method", ["late-interaction"])
    again.wait_message("40 euros", TIMEOUT_S)
    assert again.message.ephemeral


def test_ask_about_this__passes_the_message_as_conversation(club: Club):
    club.add(club.anna)
    message = club.anna.say(club.hall, "I would like to rent the hall for my birthday.")
    form = club.ben.message_command("Ask about this", message)
    asked = club.ben.submit_modal(form, {"question": "What does the lease cost?"})
    asked.wait_message("40 euros", TIMEOUT_S)
    before = club.rows(QUESTIONS.format("j.payload -> 'conversation' -> 0 ->> 'question'"))
    assert before == ["I would like to rent the hall for my birthday."]


# ---------------------------------------------------------------------------------------------------------- documents
def test_ingest__several_sources_share_a_message_and_rejections_are_separate(club: Club):
    added = club.anna.slash(
        "ingest",
        channel=club.hall,
        file=("lease.txt", LEASE.encode()),
        file2=("empty.txt", b""),
        file3=("huge.bin", b"x" * 1_100_000),
        text="Dogs may come along.",
        title="Dogs",
    )
    added.wait_message("2 documents added", TIMEOUT_S)
    rejections = added.wait_message("huge", TIMEOUT_S)
    assert rejections.ephemeral
    assert "is larger than the limit of 1 MB" in rejections.text
    assert "empty" in rejections.text
    assert len(club.jobs()) == 2


def test_ingest__rejections_create_no_jobs(club: Club):
    assert_rejected(club.anna.slash("ingest", channel=club.hall, file=("a.txt", b"")), "is empty")
    assert_rejected(club.anna.slash("ingest", channel=club.hall, file=("b.bin", b"x" * 1_100_000)), "limit of 1 MB")
    assert_rejected(club.anna.slash("ingest", channel=club.hall, link="ftp://example.org/x"), "a valid link")
    assert_rejected(club.anna.slash("ingest", channel=club.hall, text="  "), "The text is empty")
    assert club.jobs() == []


def test_ingest__unsupported_format_fails(club: Club):
    added = club.anna.slash("ingest", channel=club.hall, file=("film.mp4", b"\x00\x00\x00\x20ftypisom" + bytes(500)))
    added.wait_message("couldn't be added", TIMEOUT_S)


def test_retry__by_the_requester_or_a_manager(club: Club):
    damaged = ("book.epub", b"PK\x03\x04 and then nothing")
    message = club.anna.slash("ingest", channel=club.hall, file=damaged).wait_message("couldn't be added", TIMEOUT_S)
    assert club.ben.click(message, "Retry").wait_message("This job belongs to someone else").ephemeral
    for times, who in enumerate((club.anna, club.owner), start=2):
        who.click(message, "Retry").wait_acknowledged()
        ended = lambda times=times: club.rows(FAILURES) == [times]  # noqa: E731
        club.discord.wait_until(ended, TIMEOUT_S, "another failure")
        club.discord.wait_until(lambda: message.component("Retry"), TIMEOUT_S, "the Retry button")


def test_ingest__without_options_opens_a_form(club: Club):
    form = club.anna.slash("ingest", channel=club.hall)
    sent = club.anna.submit_modal(form, {"title": "Lease", "text": LEASE})
    sent.wait_message(ADDED, TIMEOUT_S)


def test_ingest__same_name_is_a_new_version_for_its_owner_and_managers(club: Club):
    club.anna.slash("ingest", channel=club.hall, file=("rules.txt", b"No dogs.")).wait_message(ADDED, TIMEOUT_S)
    rejected = club.ben.slash("ingest", channel=club.hall, file=("rules.txt", b"Cats."))
    assert_rejected(rejected, "Someone else already added")
    for who, content in ((club.anna, b"Dogs on a leash."), (club.owner, b"Dogs are welcome.")):
        who.slash("ingest", channel=club.hall, file=("rules.txt", content)).wait_message(ADDED, TIMEOUT_S)
    assert club.rows(DOCUMENTS.format("d.added_by")) == [str(club.anna.id)]


def test_ingest__only_permitted_members(club: Club, discord: FakeDiscord):
    role = discord.add_role(club.guild, "librarian")
    club.owner.slash("settings access", channel=club.hall, options={"add-by": "managers"}).wait_message(
        "members who manage"
    )
    assert_rejected(club.anna.slash("ingest", channel=club.hall, text=LEASE), "Only members who manage")
    club.owner.slash("settings access", channel=club.hall, role=role).wait_message("members with")
    discord.add_member(club.guild, club.ben, role)
    assert_rejected(club.anna.slash("ingest", channel=club.hall, text=LEASE), "Only members with the role")
    club.ben.slash("ingest", channel=club.hall, text=LEASE).wait_message(ADDED, TIMEOUT_S)


def test_add_to_library__attachments_and_text_with_a_link_to_the_message(club: Club):
    with_file = club.anna.say(club.hall, "See the file", attachments=[("lease.txt", LEASE.encode())])
    club.ben.message_command("Add to library", with_file).wait_message(ADDED, TIMEOUT_S)
    with_text = club.anna.say(club.hall, "The caretaker is called Mr Miller.")
    club.ben.message_command("Add to library", with_text).wait_message(ADDED, TIMEOUT_S)
    origins = club.rows(DOCUMENTS.format("d.origin") + " ORDER BY d.id")
    channel_url = f"https://discord.com/channels/{club.guild.id}/{club.hall.id}"
    assert origins == [f"{channel_url}/{with_file.id}", f"{channel_url}/{with_text.id}"]


def test_docs__list_show_original_and_delete_after_confirmation(club: Club):
    number = club.add(club.anna)
    assert "Lease" in club.ben.slash("docs list", channel=club.hall).wait_message("1 document").text
    club.ben.slash("docs list", channel=club.hall, search="nothing").wait_message("No documents match")
    listed = club.ben.slash("docs list", channel=club.hall).wait_message("1 document")
    club.ben.select(listed, "Open a document", [number]).wait_message("40 euros")
    found = club.ben.autocomplete("docs show", "document", "lea", channel=club.hall)
    assert [choice.value for choice in found] == [number]
    message = club.ben.slash("docs show", channel=club.hall, document="lease").wait_message("40 euros")
    assert message.ephemeral
    assert message.component("Delete") is None
    original = club.ben.click(message, find_custom_id(message, "file")).wait_message()
    assert [file.filename for file in original.attachments] == ["Lease.md"]

    assert_rejected(club.ben.slash("docs delete", channel=club.hall, document=number), "added by someone else")
    confirm = club.anna.slash("docs delete", channel=club.hall, document=number).wait_message("Delete **Lease**")
    club.anna.click(confirm, "Cancel").wait_acknowledged()
    club.discord.wait_until(lambda: "**Lease** stays." in confirm.text, 10, "the reply to Cancel")
    confirm = club.anna.slash("docs delete", channel=club.hall, document=number).wait_message("Delete **Lease**")
    club.anna.click(confirm, "Delete").wait_acknowledged()
    club.discord.wait_until(lambda: "was deleted" in confirm.text, 10, "the reply to Delete")
    assert_rejected(club.anna.slash("docs show", channel=club.hall, document=number), "is visible to you")


def test_docs__reingest(club: Club):
    number = club.add(club.anna)
    again = club.anna.slash("docs reingest", channel=club.hall, document=number)
    again.wait_message(ADDED, TIMEOUT_S)
    assert club.jobs() == ["succeeded", "succeeded"]


def test_docs__of_a_restricted_channel_are_visible_to_its_members(club: Club, discord: FakeDiscord):
    board = discord.add_channel(club.guild, "board")
    discord.deny(board, club.guild.everyone, "view_channel")
    discord.allow(board, club.anna, "view_channel")
    number = club.add(club.anna, "The secret budget is 900 euros.", "Budget", board)
    assert club.ben.autocomplete("docs show", "document", "", channel=club.hall) == []
    assert_rejected(club.ben.slash("docs show", channel=club.hall, document=number), "is visible to you")
    club.anna.slash("docs show", channel=club.hall, document=number).wait_message("900 euros")
    question = "What is the secret budget?"
    public = club.anna.slash("ask", question=question, channel=club.hall)
    club.discord.wait_until(lambda: "Ask differently" in public.text, TIMEOUT_S, "an abstention")
    assert "900" not in public.text
    assert "900 euros" in club.ask(club.anna, question, private=True).text
    assert "900 euros" in club.ask(club.anna, question, channel=board).text


# ----------------------------------------------------------------------------------------------------- jobs, why, votes
def test_jobs__visible_to_their_requester(club: Club):
    club.add(club.anna)
    asked = club.ask(club.anna, private=True)
    job = str(re.search(r"rd:why:(\d+)", str(asked.message.buttons)).group(1))  # type: ignore[union-attr]
    mine = club.anna.slash("jobs list", channel=club.hall).wait_message("What does the lease")
    club.anna.select(mine, "Open a job", [job]).wait_message("40 euros")
    club.ben.slash("jobs list", channel=club.hall).wait_message("no jobs yet")
    all_jobs = club.owner.slash("jobs list", channel=club.hall, all=True).wait_message("Jobs on this server")
    assert "(private question)" in all_jobs.text
    assert "What does the lease" not in all_jobs.text
    assert "40 euros" in club.anna.slash("jobs show", channel=club.hall, job=job).wait_message("40 euros").text
    assert "40 euros" not in club.owner.slash("jobs show", channel=club.hall, job=job).wait_message(f"Job {job}").text
    assert_rejected(club.ben.slash("jobs show", channel=club.hall, job=job), "isn't visible to you")
    assert_rejected(club.ben.slash("jobs cancel", channel=club.hall, job=job), "This job belongs to someone else")
    assert_rejected(club.anna.slash("jobs cancel", channel=club.hall, job=job), "has already ended")
    assert_rejected(club.anna.slash("jobs retry", channel=club.hall, job=job), "Only failed or cancelled jobs")
    assert_rejected(club.anna.slash("jobs show", channel=club.hall, job="soon"), "isn't visible to you")
    club.anna.slash("jobs why", channel=club.hall, job=job).wait_message(f"Job {job}")
    assert [c.value for c in club.anna.autocomplete("jobs show", "job", "lease of", channel=club.hall)] == [job]


def test_why__explains_the_last_answer_in_this_channel_with_a_plot(club: Club):
    assert_rejected(club.anna.slash("why", channel=club.hall), "no answers in this channel yet")
    club.add(club.anna)
    club.ask(club.anna)
    why = club.anna.slash("why", channel=club.hall).wait_message("Why these sources?", TIMEOUT_S)
    assert why.ephemeral
    assert [file.filename for file in why.attachments] == ["ranks.png"]


def test_answer_of_another_user__visible_only_if_public_in_this_channel(club: Club, discord: FakeDiscord):
    club.add(club.anna)
    public = club.ask(club.anna).message
    club.ben.click(public, "Sources").wait_message("40 euros", TIMEOUT_S)
    private = club.ask(club.anna, private=True).message
    job = find_custom_id(private, "why").rpartition(":")[2]
    assert_rejected(club.ben.slash("why", channel=club.hall, answer=job), "belongs to someone else")
    assert_rejected(club.owner.slash("why", channel=club.hall, answer=job), "belongs to someone else")
    elsewhere = discord.add_channel(club.guild, "elsewhere")
    job = find_custom_id(public, "why").rpartition(":")[2]
    assert_rejected(club.ben.slash("why", channel=elsewhere, answer=job), "belongs to someone else")


def test_votes__are_stored_changed_and_removed(club: Club):
    club.add(club.anna)
    answer = club.ask(club.anna).message
    for action, reply, vote in (("up", "helped", [1]), ("down", "didn't help", [-1]), ("down", "was removed", [])):
        assert club.ben.click(answer, find_custom_id(answer, action)).wait_message(reply, TIMEOUT_S).ephemeral
        votes = "SELECT f.vote FROM feedback f JOIN workspaces w ON w.id = f.workspace_id WHERE w.key = :key"
        assert club.rows(votes) == vote


# ------------------------------------------------------------------------------------------------- settings and help
def test_settings__shown_changed_and_reset_by_managers_only(club: Club, discord: FakeDiscord):
    by_override = club.anna.slash("settings show", channel=club.hall, by_override=True)
    assert_rejected(by_override, "Only members with the Manage Server permission")
    assert "(default)" in club.owner.slash("settings show", channel=club.hall).wait_message("Method").text
    options = {"method": "none", "passages": 5, "language": "zh"}
    shown = club.owner.slash("settings answers", channel=club.hall, options=options).wait_message("**Method** · none")
    assert "Chinese" in shown.text
    asked = club.anna.slash("ask", question="What?", channel=club.hall)
    asked.wait_message()
    chosen = [club.rows(QUESTIONS.format(f"j.payload -> 'options' ->> '{name}'")) for name in ("reranker", "language")]
    assert chosen == [["none"], ["zh"]]
    assert "zh" not in club.owner.slash("settings reset", channel=club.hall).wait_message("auto").text


def test_settings__public_answers_in_chosen_channels_only(club: Club, discord: FakeDiscord):
    library = discord.add_channel(club.guild, "library")
    club.add(club.anna)
    menu = club.owner.slash("settings access", channel=club.hall).wait_message("Public answers in")
    club.owner.select(menu, "Channels with public answers (none selected: all channels)", [library]).wait_acknowledged()
    club.discord.wait_until(lambda: str(library.id) in menu.text, 10, "the settings with the channel")
    assert club.ask(club.anna).message.ephemeral
    assert not club.ask(club.anna, channel=library).message.ephemeral


def test_help__shows_settings_only_to_managers(club: Club):
    shown = club.anna.slash("help", channel=club.hall).wait_message("How to use this bot")
    assert shown.ephemeral
    assert "/settings" not in shown.text
    assert "/settings" in club.owner.slash("help", channel=club.hall).wait_message("How to use this bot").text


# ---------------------------------------------------------------------------------------------------------- follow-ups
def test_follow_up__in_a_thread_and_by_reply_includes_the_conversation(club: Club):
    club.add(club.anna)
    answer = club.ask(club.anna).message
    thread = club.ben.start_thread(answer, "about the hall")
    club.ben.say(thread, "And who has the key?", mentions_bot=True)
    club.discord.wait_until(
        lambda: any("caretaker" in m.text and m.author is club.discord.bot for m in thread.messages),
        60,
        "an answer in the thread",
    )
    club.ben.say(club.hall, "And the key?", mentions_bot=True, reply_to=answer)
    questions = QUESTIONS.format("j.payload -> 'conversation' -> 0 ->> 'question'")
    asked = "What does the lease of the hall cost?"
    club.discord.wait_until(lambda: club.rows(questions) == [None, asked, asked], 20, "two follow-ups")


def test_mention_elsewhere__is_a_question(club: Club):
    club.ben.say(club.hall, "hello all")
    club.ben.say(club.hall, mentions_bot=True)
    asked = club.ben.say(club.hall, "Where is the key?", mentions_bot=True)
    answered = f"SELECT count(*) FROM deliveries WHERE state = 'delivered' AND reply_to_id = '{asked.id}'"
    club.discord.wait_until(lambda: club.rows(answered) == [1], TIMEOUT_S, "an answer")
    assert sum("To ask a question" in m.text for m in club.hall.messages) == 1


# ------------------------------------------------------------------------------------ direct messages, no membership
def test_direct_messages__have_a_separate_library(discord: FakeDiscord, club: Club):
    carl = discord.add_user("carl")
    carl.slash("ingest", text=LEASE, title="Lease").wait_message(ADDED, TIMEOUT_S)
    carl.slash("ask", question="What does the lease of the hall cost?").wait_message("40 euros", TIMEOUT_S)
    carl.slash("settings show").wait_message("Method")
    club.anna.slash("docs list").wait_message("The library is empty")


def test_user_installed_app__works_in_a_server_without_the_bot(discord: FakeDiscord):
    dora = discord.add_user("dora", installed_app=True)
    channel = discord.add_channel(discord.add_guild("Foreign", members=[dora], has_app=False))
    dora.slash("ingest", text=LEASE, title="Lease").wait_message(ADDED, TIMEOUT_S)
    asked = dora.slash("ask", question="What does the lease of the hall cost?", channel=channel)
    asked.wait_message("40 euros", TIMEOUT_S)
