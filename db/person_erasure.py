"""Erase a person in all workspaces: questions, votes, messages and, unless they are kept, the documents they added."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db import documents, erasure, jobs, keyword_segments, workspace_erasure
from db.engine import Database
from db.models import Document, DocumentVersion, Feedback, HelperRequest, Workspace
from db.spending_models import SpendingReservation
from db.sql import named
from db.trace_models import QueryCandidate

BATCH = 200
"""Jobs per transaction; the candidates of a question are about 50 rows."""
DOCUMENT_BATCH = 10
"""Documents per transaction."""


def count_rows(session: Session, user_id: str) -> dict[str, int]:
    """Return the number of rows with the ID of a person by what they are, without zeros (a system transaction)."""
    rows = session.execute(named("count_personal_rows"), {"user_id": user_id})
    return {row.name: row.rows for row in rows if row.rows}


def erase_person(database: Database, user_id: str, *, keep_documents: bool = False) -> None:
    """Erase a person in all workspaces.

    Args:
        database: The database.
        user_id: ID of a Discord user, or on the command line the name of an account.
        keep_documents: Keep the documents that the person added, without the person.
    """
    with database.system() as session:
        personal = session.scalars(select(Workspace.id).where(Workspace.key == f"user:{user_id}")).one_or_none()
    if personal is not None:
        workspace_erasure.erase_workspace(database, personal)
    with database.system() as session:
        session.execute(named("delete_personal_deliveries"), {"user_id": user_id})
        workspaces = list(session.scalars(named("list_workspaces_of_person"), {"user_id": user_id}))
    for workspace_id in workspaces:
        # Jobs end first, so that no document is added after those of the person were deleted.
        hashes = _erase_jobs(database, workspace_id, user_id)
        if not keep_documents and (found := _delete_documents(database, workspace_id, user_id)):
            hashes |= found
            keyword_segments.rewrite(database, workspace_id)
        with database.system() as session:
            erasure.delete_bytes(session, workspace_id, hashes)
    with database.system() as session:
        session.execute(delete(Feedback).where(Feedback.user_id == user_id))
        session.execute(delete(HelperRequest).where(HelperRequest.user_id == user_id))
        session.execute(named("erase_personal_names"), {"user_id": user_id})


def _erase_jobs(database: Database, workspace_id: int, user_id: str) -> set[str]:
    """Erase the jobs of the person; return the hashes of the bytes that they added."""
    values = {"user_id": user_id, "workspace_id": workspace_id, "limit": BATCH}
    hashes: set[str] = set()
    while True:
        with database.system() as session:
            erasure.lock_library(session, workspace_id)
            rows = session.execute(named("lock_personal_jobs"), values).all()
            if not rows:
                return hashes
            job_ids = [row.id for row in rows]
            session.execute(named("erase_personal_jobs"), {"job_ids": job_ids})
            session.execute(named("erase_personal_job_notes"), {"job_ids": job_ids})
            for row in rows:
                if row.open and row.kind == "ingest":
                    jobs.discard(session, row.id)
            _erase_traces(session, job_ids)
            questions = [row.question for row in rows if row.question]
            answers = [row.answer for row in rows if row.answer]
            erasure.erase_exchanges(session, workspace_id, answers=answers, questions=questions)
            hashes |= {row.sha256 for row in rows if row.sha256}


def _erase_traces(session: Session, job_ids: Sequence[int]) -> None:
    traces = list(session.scalars(named("erase_personal_traces"), {"job_ids": list(job_ids)}))
    session.execute(delete(QueryCandidate).where(QueryCandidate.query_id.in_(traces)))
    for rows in (Feedback, HelperRequest, SpendingReservation):
        session.execute(delete(rows).where(rows.job_id.in_(job_ids)))


def _delete_documents(database: Database, workspace_id: int, user_id: str) -> set[str]:
    """Delete the documents that the person added; return the hashes of their bytes."""
    query = select(Document.id).where(Document.workspace_id == workspace_id, Document.added_by == user_id)
    hashes: set[str] = set()
    while True:
        with database.system() as session:
            batch = list(session.scalars(query.order_by(Document.id).limit(DOCUMENT_BATCH)))
            if not batch:
                return hashes
            versions = select(DocumentVersion.sha256).where(DocumentVersion.document_id.in_(batch))
            hashes |= {sha256.hex() for sha256 in session.scalars(versions)}
            documents.delete_documents(session, batch)
