"""What managers see and do, end to end: a bot process, workers and a fake Discord."""

from __future__ import annotations

from tests.acceptance import test_bot_commands
from tests.acceptance.club import ADDED, DOCUMENTS, TIMEOUT_S, Club, assert_rejected, find_custom_id

discord, club = test_bot_commands.discord, test_bot_commands.club
REASONS = "SELECT f.reason FROM feedback f JOIN workspaces w ON w.id = f.workspace_id WHERE w.key = :key"


def test_vote_reasons__are_offered_in_private_and_stored(club: Club):
    club.add(club.anna)
    answer = club.ask(club.anna).message
    offer = club.ben.click(answer, find_custom_id(answer, "down")).wait_message("What was the problem?", TIMEOUT_S)
    assert offer.ephemeral
    club.ben.click(offer, "Sources are out of date")
    club.discord.wait_until(lambda: "“Sources are out of date”" in offer.text, TIMEOUT_S, "the reason")
    assert club.rows(REASONS) == ["outdated"]
    club.ben.click(offer, "Wrong")
    club.discord.wait_until(lambda: "“Wrong”" in offer.text, TIMEOUT_S, "the other reason")
    assert club.rows(REASONS) == ["wrong"]


def test_gaps__are_answered_and_dismissed_by_managers(club: Club):
    club.add(club.anna)
    for who, question, private in (
        (club.anna, "Who repaired the steam engine of the ferry?", False),
        (club.ben, "who has repaired the ferry's steam engine", False),
        (club.ben, "Where do the penguins sleep?", False),
        (club.anna, "Why is Ben always late?", True),
    ):
        asked = who.slash("ask", question=question, channel=club.hall, private=private)
        asked.wait_message("I found nothing", TIMEOUT_S)

    assert_rejected(club.anna.slash("gaps", channel=club.hall, by_override=True), "Only members with the Manage Server")
    shown = club.owner.slash("gaps", channel=club.hall).wait_message("2 questions need an answer")
    assert shown.ephemeral
    assert "asked 2 times · 2 without an answer" in shown.text
    assert "Ben always late" not in shown.text
    assert "Not shown: 1 question" in shown.text

    def open_gap(number: int):
        menu = shown.component("Open a question") or {}
        return club.owner.select(shown, "Open a question", [menu["options"][number]["value"]]).wait_message(
            "as its title"
        )

    card = open_gap(0)
    assert "Who repaired the steam engine" in card.text
    form = club.owner.click(card, "Answer this")
    added = club.owner.submit_modal(form, {"answer": "Ole repaired the steam engine of the ferry in 1987."})
    assert added.wait_message(ADDED, TIMEOUT_S).ephemeral
    assert club.rows(DOCUMENTS.format("d.title || ' ' || d.added_by") + " AND d.channels IS NULL ORDER BY d.id")[
        -1
    ] == (f"who has repaired the ferry's steam engine {club.owner.id}")
    asked = club.anna.slash("ask", question="Who repaired the steam engine of the ferry?", channel=club.hall)
    asked.wait_message("Ole repaired", TIMEOUT_S)

    penguins = open_gap(1)
    club.owner.click(penguins, "Dismiss")
    club.discord.wait_until(lambda: "was dismissed" in penguins.text, TIMEOUT_S, "the dismissal")
    club.owner.slash("gaps", channel=club.hall).wait_message("No question needs an answer")
    club.ben.slash("ask", question="Where do the penguins sleep?", channel=club.hall).wait_message(
        "I found nothing", 60
    )
    club.owner.slash("gaps", channel=club.hall).wait_message("1 question needs an answer")


def test_gap__answers_of_two_managers_are_both_kept(club: Club):
    club.add(club.anna)
    stewards = club.discord.add_role(club.guild, "stewards", "manage_guild")
    steward = club.discord.add_user("steward")
    club.discord.add_member(club.guild, steward, stewards)
    asked = club.anna.slash("ask", question="Who feeds the swans?", channel=club.hall)
    asked.wait_message("I found nothing", TIMEOUT_S)
    forms = []
    for manager in (club.owner, steward):
        shown = manager.slash("gaps", channel=club.hall).wait_message("1 question needs an answer")
        menu = shown.component("Open a question") or {}
        card = manager.select(shown, "Open a question", [menu["options"][0]["value"]]).wait_message("as its title")
        forms.append((manager, manager.click(card, "Answer this")))
    for (manager, form), answer in zip(forms, ("Ole feeds the swans.", "Nobody feeds the swans."), strict=True):
        manager.submit_modal(form, {"answer": answer}).wait_message(ADDED, TIMEOUT_S)
    found = club.rows(DOCUMENTS.format("d.added_by") + " AND d.title = 'Who feeds the swans?' ORDER BY d.id")
    assert found == [str(club.owner.id), str(steward.id)]
    club.owner.slash("gaps", channel=club.hall).wait_message("No question needs an answer")


def test_stats__are_shown_to_managers(club: Club):
    club.add(club.anna)
    club.ask(club.ben)
    assert_rejected(
        club.anna.slash("stats", channel=club.hall, by_override=True), "Only members with the Manage Server"
    )
    shown = club.owner.slash("stats", channel=club.hall).wait_message("Last 30 days")
    assert shown.ephemeral
    assert "1 question · 1 new document" in shown.text
