"""A document from upload to deletion: a bot process, workers, Postgres, Redis and a fake Discord."""

from __future__ import annotations

from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord
from tests.pdf_files import build_pdf

TIMEOUT_S = 90
RULES = build_pdf(
    "The garden is open from eight in the morning until nine in the evening, on Sundays from ten.\n"
    "Whoever leaves last closes both gates and checks that the water is turned off.\n"
    "In winter, from November to March, the garden closes at dusk and the taps stay shut.\n"
    "Guests are welcome with a member, who answers for them and signs the guest book.",
    "A key to the tool shed costs a deposit of 25 euros, which the treasurer pays back.\n"
    "The key stays with the member; whoever lends it to others pays for what goes missing.\n"
    "Tools go back to their hook, clean and dry, on the same day they were taken.\n"
    "The motor mower is lent only to members who have had the introduction to it.",
    "Dogs are welcome when they are kept on a leash, and out of the vegetable beds.\n"
    "Compost goes into the left bin, branches into the right one, weeds with roots into neither.\n"
    "Fires are lit in the iron bowl only, never when the forest service has given a warning.\n"
    "Music is turned off at eight, so that the neighbours stay our friends.",
)
HALL = "The assembly hall can be reserved for two hours by any member. Write the date into the list at the door."


def test_document_lifecycle__from_upload_to_deletion(installation: Installation, discord: FakeDiscord) -> None:
    anna = discord.add_user("anna")
    guild = discord.add_guild("Garden club", members=[anna])
    channel = discord.add_channel(guild, "general")
    installation.start_workers("ingest", "query")
    installation.start_bot(discord)

    # Add a file and a text.
    added = anna.slash("ingest", channel=channel, file=("rules.pdf", RULES))
    message = added.wait_message("3 pages", TIMEOUT_S)
    assert "rules" in message.text
    anna.slash("ingest", channel=channel, text=HALL, title="Assembly hall").wait_message("1 passage", TIMEOUT_S)

    # The answer cites its source and page, in the message that showed "thinking".
    asked = anna.slash("ask", channel=channel, question="How much is the deposit for a key to the tool shed?")
    answer = asked.wait_message("25 euros", TIMEOUT_S)
    discord.wait_until(lambda: answer.component("Sources"), TIMEOUT_S, "the buttons of the answer")
    assert "[1]" in answer.content
    assert "rules" in answer.text
    assert "p. 2" in answer.text
    assert asked.messages_seen == [answer]
    assert not answer.ephemeral

    # Sources quotes the page; Why these sources? shows reasons and the picture, only to the user who asks.
    sources = anna.click(answer, "Sources").wait_message("deposit", TIMEOUT_S)
    assert sources.ephemeral
    why = anna.click(answer, "Why these sources?").wait_message("Why these sources?", TIMEOUT_S)
    assert why.ephemeral
    assert [file.data[:8] for file in why.attachments] == [b"\x89PNG\r\n\x1a\n"]

    # A vote is stored, can be changed, and counts once.
    anna.click(answer, next(b["custom_id"] for b in answer.buttons if ":up:" in b.get("custom_id", ""))).wait_message()
    assert installation.value("SELECT vote FROM feedback") == 1
    anna.click(answer, next(b["custom_id"] for b in answer.buttons if ":down:" in b["custom_id"])).wait_message()
    assert installation.value("SELECT array_agg(vote) FROM feedback") == [-1]

    # After deletion, the document is no longer used; the closest documents are listed.
    document = next(c for c in anna.autocomplete("docs delete", "document", "rul", channel=channel))
    assert "rules" in document.name
    confirm = anna.slash("docs delete", channel=channel, document=document.value).wait_message("rules", TIMEOUT_S)
    anna.click(confirm, next(b["custom_id"] for b in confirm.buttons if "delete" in b["custom_id"])).wait_acknowledged()
    installation.wait_until(lambda: installation.value("SELECT count(*) FROM documents") == 1, "document deleted")
    again = anna.slash("ask", channel=channel, question="How much is the deposit for a key to the tool shed?")
    abstained = again.wait_message("Assembly hall", TIMEOUT_S)
    assert "25 euros" not in again.text
    assert installation.value("SELECT abstained FROM queries ORDER BY id DESC LIMIT 1")

    assert not any(message.pings for message in channel.messages)
    assert abstained in channel.messages
    open_deliveries = "SELECT count(*) FROM deliveries WHERE state = 'open'"
    installation.wait_until(lambda: installation.value(open_deliveries) == 0, "all delivered")
