"""Original bytes, stored once per workspace and content hash."""

from __future__ import annotations

import hashlib

from sqlalchemy.orm import Session

from db.sql import named
from pipeline.errors import UnknownName


def store(session: Session, workspace_id: int, content: bytes) -> str:
    """Keep original bytes and give their sha256 in hex."""
    digest = hashlib.sha256(content)
    session.execute(named("store_blob"), {"workspace_id": workspace_id, "sha256": digest.digest(), "content": content})
    return digest.hexdigest()


def read(session: Session, workspace_id: int, sha256: str) -> bytes:
    """Read original bytes or raise `UnknownName`."""
    content = session.scalar(named("read_blob"), {"workspace_id": workspace_id, "sha256": bytes.fromhex(sha256)})
    if content is None:
        raise UnknownName("The original bytes are no longer kept; add the file again.")
    return bytes(content)


def delete_orphans(session: Session) -> int:
    """Remove original bytes that nothing needs any more (a system transaction)."""
    return int(getattr(session.execute(named("delete_orphan_blobs")), "rowcount", 0))
