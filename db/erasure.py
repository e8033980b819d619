"""Erasure: remove what remains of deleted documents in traces, jobs and stored bytes.

A trace keeps ranks, scores, times and costs. An answer that used a deleted document is removed as a whole, because it
consists of sentences of its documents, or repeats them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from db.sql import named


@dataclass(frozen=True, slots=True)
class DocumentRemains:
    """What refers to documents that are about to be deleted."""

    workspace_id: int
    document_ids: tuple[int, ...]
    ingest: RowMapping
    """Their ingest jobs, and the hashes of their bytes."""


def count_document_rows(session: Session, document_id: int) -> dict[str, int]:
    """Return the number of rows with texts of a document by what they are, without zeros (a tenant transaction)."""
    rows = session.execute(named("count_document_rows"), {"document_id": document_id})
    return {row.name: row.rows for row in rows if row.rows}


def lock_documents(session: Session, workspace_id: int, document_ids: Sequence[int]) -> DocumentRemains:
    """Lock what refers to documents before they are deleted; their open jobs are already cancelled.

    Args:
        session: A session of the tenant, whose transaction has locked nothing but ingest jobs.
        workspace_id: The workspace.
        document_ids: The documents.
    """
    values = {"document_ids": list(document_ids)}
    rows = session.execute(named("lock_ingest_jobs"), values).mappings().one()
    return DocumentRemains(workspace_id, tuple(document_ids), rows)


def lock_library(session: Session, workspace_id: int) -> None:
    """Wait for the answers that are being stored; call it before any other lock of the transaction."""
    session.execute(named("lock_library"), {"workspace_id": workspace_id})


def list_deleted_documents(session: Session) -> list[tuple[int, int]]:
    """Return documents whose texts an earlier version left in traces and jobs, as workspace and document (system)."""
    return [(row.workspace_id, row.document_id) for row in session.execute(named("list_deleted_documents"))]


def erase_deleted_documents(session: Session, workspace_id: int, document_ids: Sequence[int]) -> None:
    """Remove the texts of documents of `list_deleted_documents` (a tenant transaction)."""
    lock_library(session, workspace_id)
    values = {"workspace_id": workspace_id, "document_ids": list(document_ids)}
    rows = session.execute(named("lock_jobs_of_deleted_documents"), values).mappings().one()
    erase_remains(session, DocumentRemains(workspace_id, tuple(document_ids), rows))


def erase_remains(session: Session, remains: DocumentRemains) -> None:
    """Remove the texts of documents that this transaction has deleted."""
    documents: dict[str, Any] = {"document_ids": list(remains.document_ids)}
    jobs = {"job_ids": remains.ingest["job_ids"]}
    session.execute(named("erase_ingest_jobs"), jobs)
    session.execute(named("erase_job_notes"), jobs)
    traces = session.execute(named("list_traces_of_documents"), documents).all()
    used = [trace for trace in traces if trace.used]
    answers = {"used_ids": [trace.id for trace in used], "used_job_ids": [trace.job_id for trace in used]}
    session.execute(named("erase_candidates"), documents)
    session.execute(named("erase_reasons"), answers)
    session.execute(named("erase_answers"), answers)
    of_answers = {"job_ids": [trace.job_id for trace in traces if trace.job_id is not None]}
    session.execute(named("lock_ask_jobs"), of_answers)
    session.execute(named("erase_results"), answers | of_answers)
    erase_exchanges(session, remains.workspace_id, answers=[trace.answer for trace in used if trace.answer])
    delete_bytes(session, remains.workspace_id, remains.ingest["hashes"], remains.ingest["stored_until"])


def delete_bytes(
    session: Session, workspace_id: int, hashes: Collection[str], stored_until: dt.datetime | None = None
) -> None:
    """Delete original bytes that no version and no open job needs.

    Args:
        session: A session.
        workspace_id: The workspace.
        hashes: SHA-256 of the bytes in hex.
        stored_until: Keep bytes that were stored again later; None: now.
    """
    values = {"workspace_id": workspace_id, "hashes": list(hashes), "stored_until": stored_until}
    session.execute(named("delete_unused_blobs"), values)


def erase_exchanges(
    session: Session, workspace_id: int, *, answers: Sequence[str] = (), questions: Sequence[str] = ()
) -> None:
    """Remove exchanges with these answers or questions from the conversations of follow-up questions."""
    if not answers and not questions:
        return
    texts = {"answers": list(answers), "questions": list(questions)}
    follow_ups = list(session.scalars(named("list_follow_ups"), texts | {"workspace_id": workspace_id}))
    values = {"job_ids": follow_ups}
    session.execute(named("lock_ask_jobs"), values)
    session.execute(named("erase_conversations"), texts | values)
    session.execute(named("erase_rewritten_questions"), values)
