"""State of the bot process in the database: its heartbeat, and the hash of the registered commands."""

from __future__ import annotations

import os
import secrets
import socket

from bot.services.async_database import AsyncDatabase, DatabaseService, on_thread
from db import commands_hash, workers
from db.workers import WorkerStatus


class BotProcess(DatabaseService):
    """One bot process among several."""

    def __init__(self, database: AsyncDatabase) -> None:
        """Create a name that no other process uses, not even this one after a restart."""
        super().__init__(database)
        self.owner = f"bot@{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._status = WorkerStatus(self.owner, "bot", (), socket.gethostname(), os.getpid(), "")

    @on_thread
    def send_heartbeat(self) -> None:
        """Send a heartbeat, and read the settings that other processes changed."""
        with self._database.system() as session:
            workers.record_heartbeat(session, self._status, took_task=False)
        self._database.load_all_settings()

    @on_thread
    def delete_heartbeat(self) -> None:
        """Delete the heartbeat at a clean stop."""
        with self._database.system() as session:
            workers.delete(session, self.owner)

    @on_thread
    def commands_hash(self, application_id: str) -> str:
        """Return the hash of the registered commands; empty if none is stored."""
        with self._database.system() as session:
            return commands_hash.read(session, application_id)

    @on_thread
    def store_commands_hash(self, application_id: str, digest: str) -> None:
        """Store the hash of the registered commands."""
        with self._database.system() as session:
            commands_hash.store(session, application_id, digest)
