"""The recognised pages of documents that are not stored yet: files on the host of an ingest worker."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from db import blobs
from db.engine import Database
from pipeline.backends.documents.recognised_pages import KEEP_DAYS, list_stored


def find_folder(settings: Settings) -> Path:
    """Return the folder on this host."""
    return settings.servers.home / "recognised-pages"


def delete_unneeded(settings: Settings, database: Database) -> None:
    """Delete the pages on this host that no retry needs, for example because their document was erased."""
    stored = list_stored(find_folder(settings))
    if not stored:
        return
    with database.system() as session:
        needed = blobs.list_retryable(session, stored.values(), KEEP_DAYS)
    for path, sha256 in stored.items():
        if sha256 not in needed:
            path.unlink(missing_ok=True)
