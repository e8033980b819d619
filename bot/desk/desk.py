"""The desk: everything the bot asks of ledger and store, by subject."""

from __future__ import annotations

from bot.desk.asking import Asking
from bot.desk.door import Door, Rules
from bot.desk.ledger import Ledger
from bot.desk.library import Library
from bot.desk.preferences import Preferences
from bot.desk.presence import Presence
from bot.interactions.scope import Place
from config.settings import Settings
from db.engine import Database
from tasks.submit import Submitter


class Desk:
    """One door, one submitter, and a part for each subject."""

    def __init__(self, database: Database, submitter: Submitter, settings: Settings) -> None:
        """Bind to database and queue; nothing connects yet."""
        self.settings = settings
        self.door = Door(database, settings)
        self.asking = Asking(self.door, submitter)
        self.library = Library(self.door, submitter)
        self.ledger = Ledger(self.door, submitter)
        self.preferences = Preferences(self.door)
        self.presence = Presence(self.door)

    def known_rules(self, place: Place) -> Rules:
        """Give what is known of a workspace's settings without reading anything."""
        return self.door.known_rules(place)

    def close(self) -> None:
        """Stop the threads."""
        self.door.close()
