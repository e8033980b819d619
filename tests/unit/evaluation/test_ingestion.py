"""Jobs that the ingestion of a dataset submits."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from db import blobs, documents, jobs
from evaluation import ingestion
from evaluation.datasets import CorpusDocument


def test_ingest_dataset__jobs_have_the_attempts_of_the_settings(monkeypatch):
    submitted: list[jobs.NewJob] = []
    monkeypatch.setattr(blobs, "store_all", lambda _session, _workspace_id, contents: ["0" * 64 for _ in contents])
    monkeypatch.setattr(documents, "list_documents", lambda *_, **__: [])
    monkeypatch.setattr(jobs, "list_jobs", lambda *_, **__: [])
    monkeypatch.setattr(jobs, "count_open", lambda _: 0)
    database: Any = SimpleNamespace(tenant=lambda _: nullcontext())
    submitter: Any = SimpleNamespace(submit=submitted.extend)
    dataset: Any = SimpleNamespace(documents=lambda: [CorpusDocument("d1", "One", "first")])
    ingestion.ingest_dataset(
        dataset,
        database,
        submitter,
        workspace_id=1,
        document_ids=frozenset({"d1"}),
        max_attempts=7,
        on_progress=lambda done, total: None,
    )
    assert [job.max_attempts for job in submitted] == [7]
