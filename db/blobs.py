"""Original bytes, stored once per workspace and content hash."""

from __future__ import annotations

import hashlib

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Blob
from db.sql import named
from pipeline.errors import UnknownName


def store(session: Session, workspace_id: int, content: bytes) -> str:
    """Store original bytes and return their SHA-256 in hex."""
    digest = hashlib.sha256(content)
    statement = insert(Blob).values(workspace_id=workspace_id, sha256=digest.digest(), content=content)
    # The content is needed again, so the sweeper must not delete it as an orphan now.
    renewed = {"created_at": func.now()}
    session.execute(statement.on_conflict_do_update(index_elements=["workspace_id", "sha256"], set_=renewed))
    return digest.hexdigest()


def read(session: Session, workspace_id: int, sha256: str) -> bytes:
    """Return original bytes, or raise `UnknownName`."""
    key = (Blob.workspace_id == workspace_id, Blob.sha256 == bytes.fromhex(sha256))
    content = session.scalars(select(Blob.content).where(*key)).one_or_none()
    if content is None:
        raise UnknownName(f"The original bytes {sha256[:12]}… are no longer stored; add the file again.")
    return content


def delete_orphans(session: Session) -> int:
    """Delete blobs that no version and no open job needs, and return how many (a system transaction)."""
    return int(getattr(session.execute(named("delete_orphan_blobs")), "rowcount", 0))
