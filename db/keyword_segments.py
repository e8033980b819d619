"""Build segments of the keyword index from its tail, and merge them by size.

Each step is one short transaction that waits for nobody and that nobody waits for: questions read the segments of
their snapshot, and new versions and deletions only add changes to the tail. A merge takes many steps, each of which
moves a range of terms to the new segment, and continues after a crash, because that segment records the last term.
With a fan-in of four, a posting is written about seven times until it is in a segment of a million chunks, and a
workspace has about twenty segments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.engine import Database
from db.keyword_blocks import Postings, cut_blocks, sort_and_cancel, unpack_blocks, unpack_changes
from db.sql import named

TAIL_LIMIT = 256
"""Number of changes in the tail from which they become a segment; each question reads the tail of its workspace."""
TAIL_BATCH = 2048
"""Maximum number of changes in a new segment."""
FAN_IN = 4
"""Number of segments of similar size that are merged."""
STEP_POSTINGS = 250_000
"""Maximum number of postings that a step of a merge reads, unless one term has more (about 10 MB)."""

LOCK_POLL_S = 0.05
"""Seconds between two tries to get the lock of a workspace."""


def index_changes(database: Database, stopping: Callable[[], bool] = lambda: False) -> int:
    """Build and merge segments until nothing is left to do, and return the number of steps."""
    steps = 0
    while not stopping():
        with database.system() as session:
            values = {"tail_limit": TAIL_LIMIT, "fan_in": FAN_IN}
            waiting = list(session.scalars(named("list_workspaces_to_index"), values))
        done = sum(_run_step(database, workspace_id) for workspace_id in waiting if not stopping())
        if not done:
            break
        steps += done
        database.autocommit(named("vacuum_keyword_index"))
    return steps


def rewrite(database: Database, workspace_id: int) -> None:
    """Rewrite the index of a workspace as one segment, so that it contains no postings of deleted chunks.

    It reads and writes the whole index, in steps; a merge otherwise cancels such postings when it reaches them.
    """
    started = False
    while True:
        with database.system() as session:
            values = {"workspace_id": workspace_id}
            if not session.scalar(named("try_segment_lock"), values):
                time.sleep(LOCK_POLL_S)
            elif (not started and _build(session, workspace_id, tail_limit=0)) or _continue_merge(
                session, workspace_id
            ):
                continue
            elif started or not session.execute(named("start_rewrite"), values).all():
                return
            else:
                started = True


def _run_step(database: Database, workspace_id: int) -> bool:
    """Run one step for a workspace; return whether there was one and no other process was at work."""
    with database.system() as session:
        if not session.scalar(named("try_segment_lock"), {"workspace_id": workspace_id}):
            return False
        return _build(session, workspace_id) or _merge(session, workspace_id)


def _build(session: Session, workspace_id: int, tail_limit: int | None = None) -> bool:
    """Move the oldest changes of a long tail into a segment."""
    limit = TAIL_LIMIT if tail_limit is None else tail_limit
    values = {"workspace_id": workspace_id, "tail_limit": limit, "limit": TAIL_BATCH}
    rows = session.execute(named("read_tail"), values).all()
    if not rows:
        return False
    postings = sort_and_cancel(unpack_changes(rows))
    scopes, chunks, terms = _count_by_scope(rows)
    segment_id = session.scalar(
        named("insert_segment"),
        {
            "workspace_id": workspace_id,
            "postings": len(postings),
            "scope_ids": scopes,
            "scope_chunks": chunks,
            "scope_terms": terms,
        },
    )
    _insert_blocks(session, workspace_id, int(segment_id or 0), postings)
    session.execute(named("delete_tail"), {"workspace_id": workspace_id, "ids": [row.id for row in rows]})
    return True


def _count_by_scope(rows: Sequence[Any]) -> tuple[list[int], list[int], list[int]]:
    scopes, places = np.unique([row.scope_id for row in rows], return_inverse=True)
    chunks = np.zeros(len(scopes), dtype=np.int64)
    terms = np.zeros(len(scopes), dtype=np.int64)
    np.add.at(chunks, places, [row.change for row in rows])
    np.add.at(terms, places, [row.change * row.length for row in rows])
    return scopes.tolist(), chunks.tolist(), terms.tolist()


def _merge(session: Session, workspace_id: int) -> bool:
    """Start a merge, or continue or finish the one that has been started."""
    if _continue_merge(session, workspace_id):
        return True
    return bool(session.execute(named("start_merge"), {"workspace_id": workspace_id, "fan_in": FAN_IN}).all())


def _continue_merge(session: Session, workspace_id: int) -> bool:
    """Continue or finish the merge that has been started; return whether there is one."""
    values = {"workspace_id": workspace_id, "step_postings": STEP_POSTINGS}
    merge = session.execute(named("find_merge"), values).one_or_none()
    if merge is None:
        return False
    if merge.up_to is None:
        session.execute(named("finish_merge"), {"id": merge.id})
        return True
    span = {"id": merge.id, "built_to": merge.built_to, "up_to": merge.up_to}
    postings = unpack_blocks(session.execute(named("read_merge_blocks"), span).all())
    in_span = (postings.term > merge.built_to) & (postings.term <= merge.up_to)
    merged = sort_and_cancel(postings.take(np.flatnonzero(in_span)))
    _insert_blocks(session, workspace_id, merge.id, merged)
    session.execute(named("advance_merge"), {"id": merge.id, "built_to": merge.up_to, "added": len(merged)})
    session.execute(named("delete_merged_blocks"), span)
    return True


def _insert_blocks(session: Session, workspace_id: int, segment_id: int, postings: Postings) -> None:
    blocks = cut_blocks(postings)
    values: dict[str, Any] = {
        "workspace_id": workspace_id,
        "segment_id": segment_id,
        "blocks": list(range(len(blocks))),
        "last_terms": [block.last_term for block in blocks],
        "first_terms": [block.first_term for block in blocks],
        "sizes": [block.size for block in blocks],
        "max_frequencies": [block.max_frequency for block in blocks],
        "min_lengths": [block.min_length for block in blocks],
    }
    for name, one, parts in (
        ("directories", "directory", [block.directory for block in blocks]),
        ("postings", "postings", [block.postings for block in blocks]),
    ):
        sizes = [len(part) for part in parts]
        values |= {
            name: b"".join(parts),
            f"{one}_sizes": sizes,
            f"{one}_starts": list(accumulate(sizes, initial=1))[:-1],
        }
    session.execute(named("insert_blocks"), values)
