"""What managers see and do, end to end: a bot process, workers and a fake Discord."""

from __future__ import annotations

from tests.acceptance import test_bot_commands
from tests.acceptance.club import TIMEOUT_S, Club, find_custom_id

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
