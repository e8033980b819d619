"""Persons and servers are erased in Discord, end to end: a bot process, workers and a fake Discord."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance import test_bot_commands
from tests.acceptance.club import DOCUMENTS, TIMEOUT_S, Club, assert_rejected
from tests.erasure_samples import find_text

discord, club = test_bot_commands.discord, test_bot_commands.club


MARKER = "zebrafinch"


def find_in_files(club: Club, secret: str) -> list[str]:
    """Return the logs and the files of the data folder that contain a text."""
    installation = club.installation
    files = [*installation.logs.iterdir(), *Path(installation.environment["REFDESK_HOME"]).rglob("*")]
    return [str(file) for file in files if file.is_file() and secret.encode() in file.read_bytes()]


def test_privacy__shows_and_deletes_what_is_stored(club: Club):
    club.add(club.anna)
    club.ask(club.ben)
    shown = club.ben.slash("privacy", channel=club.hall).wait_message("1 question, with its answer")
    assert shown.ephemeral
    assert "Delete, but keep my documents" not in shown.text
    form = club.ben.click(shown, "Delete everything")
    assert_rejected(club.ben.submit_modal(form, {"word": "yes"}), "Nothing was deleted")
    form = club.ben.click(shown, "Delete everything")
    club.ben.submit_modal(form, {"word": "delete"}).wait_message("Everything that was stored about you", TIMEOUT_S)
    assert club.rows(f"SELECT count(*) FROM jobs WHERE requester = '{club.ben.id}'") == [0]
    club.ben.slash("privacy", channel=club.hall).wait_message("Nothing is stored about you.")

    shown = club.anna.slash("privacy", channel=club.hall).wait_message("1 document that you added")
    form = club.anna.click(shown, "Delete, but keep my documents")
    club.anna.submit_modal(form, {"word": "DELETE"}).wait_message("Everything that was stored about you", TIMEOUT_S)
    assert club.rows(DOCUMENTS.format("d.added_by")) == [""]
    club.ask(club.owner)


def test_server__is_erased_after_its_name_was_typed(club: Club):
    club.add(club.anna, f"The {MARKER} of the club costs 40 euros.", title=MARKER)
    club.ask(club.ben, f"What does the {MARKER} cost?")
    assert find_text(club.installation.database, MARKER)
    refused = club.anna.slash("settings erase", channel=club.hall, by_override=True)
    assert_rejected(refused, "Only members with the Manage Server")
    form = club.owner.slash("settings erase", channel=club.hall)
    assert_rejected(club.owner.submit_modal(form, {"name": "another"}), "Nothing was deleted")
    assert len(club.rows(DOCUMENTS.format("d.id"))) == 1
    form = club.owner.slash("settings erase", channel=club.hall)
    erased = club.owner.submit_modal(form, {"name": club.guild.name.upper()})
    erased.wait_message("Everything that was stored of this server is deleted", TIMEOUT_S)
    for table in ("documents", "jobs", "queries", "deliveries", "blobs", "keyword_changes"):
        rows = club.rows(f"SELECT count(*) FROM {table} JOIN workspaces w ON w.id = workspace_id WHERE w.key = :key")
        assert rows == [0], table
    for secret in (MARKER, club.guild.id, club.owner.id, club.anna.id, club.ben.id):
        assert find_text(club.installation.database, str(secret)) == {}
        assert find_in_files(club, str(secret)) == []
    club.add(club.anna)
    club.ask(club.ben)
