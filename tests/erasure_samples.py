"""Search a whole database for a text, and build answers from stored documents."""

from __future__ import annotations

from sqlalchemy import text

from db import jobs, traces, verify
from db.engine import Database
from pipeline.types import (
    Answer,
    AnswerOptions,
    Candidate,
    Citation,
    GenerationResult,
    RankedCandidate,
    RecallResult,
    RerankResult,
    RewriteResult,
)
from tasks.results import build_answer_json

COLUMNS = """
    SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' ORDER BY 1, 2
"""


def find_text(database: Database, marker: str) -> dict[str, int]:
    """Return in how many rows of each `table.column` a text occurs, whatever the type of the column, ignoring case."""
    found: dict[str, int] = {}
    with database.owner() as session:
        for table, column, kind in session.execute(text(COLUMNS)).all():
            value = f"encode({column}, 'escape')" if kind == "bytea" else f"CAST({column} AS text)"
            query = text(f"SELECT count(*) FROM {table} WHERE position(:marker IN lower({value})) > 0")
            if count := session.scalar(query, {"marker": marker.lower()}):
                found[f"{table}.{column}"] = count
    return found


def find_damage(database: Database) -> dict[str, str]:
    """Return the invariants that are broken, with their first finding."""
    results = verify.verify(database, grace_s=0, full=True)
    return {result.invariant.label: result.findings[0].detail for result in results if result.findings}


def answer_from(library, question: str, *, first: int, quote: str, searched_as: str = "") -> Answer:
    """Build an answer that cites document `first`; the first chunks of all documents are its candidates."""
    with library.database.owner() as session:
        rows = session.execute(
            text(
                "SELECT c.id, c.document_id, d.title, c.text, d.source"
                " FROM chunks c JOIN documents d ON d.id = c.document_id"
                " WHERE c.ordinal = 0 AND d.workspace_id = :workspace ORDER BY c.document_id <> :first, c.document_id"
            ),
            {"workspace": library.workspace, "first": first},
        ).all()
    ranked = tuple(
        RankedCandidate(
            Candidate(row.id, row.document_id, row.title, row.text, n, 1 / n, source=row.source),
            n,
            1 / n,
            reason=f"about {row.text}",
            method="llm-listwise",
        )
        for n, row in enumerate(rows, 1)
    )
    cited = ranked[0].candidate
    citation = Citation(1, cited.chunk_id, cited.document_id, cited.title, None, quote, source=cited.source)
    return Answer(
        question=question,
        options=AnswerOptions(top_k=1),
        recalled=RecallResult(tuple(item.candidate for item in ranked), 50, "exact"),
        reranking=RerankResult(ranked, "llm-listwise"),
        generated=GenerationResult(f"{quote} [1]", (citation,), abstained=False, model="extractive"),
        timings_ms={"total": 1.0},
        fallbacks=(),
        rewriting=RewriteResult(searched_as, searched_as) if searched_as else None,
    )


def ask(library, answer: Answer, *, requester: str = "42", conversation=(), **values) -> int:
    """Store an answered question and return its job."""
    payload = {"question": answer.question, "conversation": list(conversation)}
    with library.database.tenant(library.workspace) as session:
        new = jobs.NewJob(library.workspace, "ask", payload, requester=requester, **values)
        job = jobs.submit(session, new)
    store_answer(library, library.claim(job), answer)
    return job


def store_answer(library, lease: jobs.Lease, answer: Answer) -> None:
    """Store trace and result of a question as the answer task does."""
    with library.database.tenant(library.workspace) as session:
        traces.require_documents(session, library.workspace, answer)
        jobs.lock_lease(session, lease)
        traces.store_trace(session, lease, answer)
        jobs.succeed(session, lease, build_answer_json(lease.job_id, answer))
