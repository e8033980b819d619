"""A Discord server with an owner and two members, for tests of the bot's commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from tests.acceptance.conftest import Installation
from tests.fake_discord import FakeDiscord, Person
from tests.fake_discord.exchange import Interaction
from tests.fake_discord.model import Channel, Guild, Message

TIMEOUT_S = 60
ADDED = "Document added"
DOCUMENTS = "SELECT {} FROM documents d JOIN workspaces w ON w.id = d.workspace_id WHERE w.key = :key"
JOBS = "SELECT {} FROM jobs j JOIN workspaces w ON w.id = j.workspace_id WHERE w.key = :key"
FAILURES = (
    "SELECT count(*) FROM job_events e JOIN workspaces w ON w.id = e.workspace_id"
    " WHERE w.key = :key AND e.state = 'failed'"
)
QUESTIONS = JOBS + " AND j.kind = 'ask' ORDER BY j.id"
LEASE = "The lease of the hall costs 40 euros. The key is with the caretaker."


@dataclass
class Club:
    """A Discord server of one test, with an owner who manages it and two members."""

    discord: FakeDiscord
    installation: Installation
    guild: Guild
    owner: Person
    anna: Person
    ben: Person
    hall: Channel

    def jobs(self) -> list[str]:
        return self.rows(JOBS.format("j.state"))

    def rows(self, statement: str) -> list[Any]:
        with self.installation.database.owner() as session:
            return list(session.scalars(text(statement), {"key": f"guild:{self.guild.id}"}))

    def add(self, who: Person, text: str = LEASE, title: str = "Lease", channel: Channel | None = None) -> str:
        """Add a text and return the document's ID."""
        added = who.slash("ingest", text=text, title=title, channel=channel or self.hall)
        added.wait_message(ADDED, TIMEOUT_S)
        return str(self.rows(DOCUMENTS.format("d.id") + " ORDER BY d.id")[-1])

    def ask(self, who: Person, question: str = "What does the lease of the hall cost?", **options: Any) -> Interaction:
        asked = who.slash("ask", question=question, channel=options.pop("channel", self.hall), **options)
        self.discord.wait_until(
            lambda: any(message.component("Sources") for message in asked.messages_seen), TIMEOUT_S, "an answer"
        )
        return asked


def assert_rejected(interaction: Interaction, text: str) -> Message:
    """Assert that the only reply is a private message that contains the text, and return it."""
    message = interaction.wait_message(text, TIMEOUT_S)
    assert message.ephemeral
    assert interaction.messages_seen == [message]
    return message


def find_custom_id(message: Message, action: str) -> str:
    return str(next(b["custom_id"] for b in message.buttons if b.get("custom_id", "").startswith(f"rd:{action}:")))
