"""The benchmark of abstentions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import abstention
from db import profiles
from evaluation import ingestion
from pipeline.answer_parts import AnswerParts
from tests.answer_fakes import PROFILE, FakeStore


class FakeDatabase:
    """A database without sessions."""

    def system(self) -> Any:
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def test_open_libraries__waits_for_the_vectors_of_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    backlog = [5, 2, 0]
    parts = SimpleNamespace(
        ingest=SimpleNamespace(chunk_tokens=100, chunk_overlap=10),
        answer_with=lambda _store: AnswerParts(FakeStore(()), None, {}, None),
    )
    dataset = SimpleNamespace(name="notes", document_ids=frozenset())
    monkeypatch.setattr(abstention, "build_parts", lambda *_, **__: parts)
    monkeypatch.setattr(abstention, "load_dataset", lambda _: dataset)
    monkeypatch.setattr(abstention, "open_workspace", lambda *_, **__: 1)
    monkeypatch.setattr(abstention, "ingest_dataset", lambda *_, **__: ())
    monkeypatch.setattr(abstention, "PostgresRecall", lambda *_: None)
    monkeypatch.setattr(profiles, "count_missing", lambda _session, _profile_id: backlog.pop(0))
    monkeypatch.setattr(ingestion, "POLL_S", 0.0)
    settings = SimpleNamespace(jobs=SimpleNamespace(max_attempts=3))
    context: Any = SimpleNamespace(settings=settings, database=FakeDatabase(), submitter=None)
    (library,) = abstention.open_libraries(context, PROFILE, [Path("notes")])
    assert library.dataset.name == "notes"
    assert backlog == []
