"""What the bot's process keeps of itself: its signs of life, and which commands are registered."""

from __future__ import annotations

import os
import secrets
import socket

from bot.services.async_database import AsyncDatabase
from db import commands_hash, workers
from db.workers import WorkerStatus


class BotProcess:
    """One bot process among others."""

    def __init__(self, async_database: AsyncDatabase) -> None:
        """Take a name that no other process has, nor this one after a restart."""
        self._async_database = async_database
        self.owner = f"bot@{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._sign = WorkerStatus(self.owner, "bot", (), socket.gethostname(), os.getpid(), "")

    async def beat(self) -> None:
        """Give a sign of life, and learn what other processes changed of the settings."""
        await self._async_database.run(self._beat)

    async def leave(self) -> None:
        """Take the sign of life away."""
        await self._async_database.run(self._leave)

    async def commands_hash(self, application_id: str) -> str:
        """Give the hash of the registered commands; empty when nothing is known."""
        return await self._async_database.run(lambda: self._read_hash(application_id))

    async def keep_commands_hash(self, application_id: str, digest: str) -> None:
        """Remember what was registered."""
        await self._async_database.run(lambda: self._keep_hash(application_id, digest))

    def _beat(self) -> None:
        with self._async_database.database.system() as session:
            workers.beat(session, self._sign, took_task=False)
        self._async_database.read_all_settings()

    def _leave(self) -> None:
        with self._async_database.database.system() as session:
            workers.leave(session, self.owner)

    def _read_hash(self, application_id: str) -> str:
        with self._async_database.database.system() as session:
            return commands_hash.read(session, application_id)

    def _keep_hash(self, application_id: str, digest: str) -> None:
        with self._async_database.database.system() as session:
            commands_hash.keep(session, application_id, digest)
