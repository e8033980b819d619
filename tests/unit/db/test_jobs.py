"""Jobs are stored without characters that PostgreSQL rejects."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from db import jobs

DIRTY = "a\x00b\udce9c"


class Recorder:
    """Records the parameters of statements in place of a database session."""

    def __init__(self) -> None:
        self.values: list[dict[str, Any]] = []

    def scalar(self, statement: object, values: dict[str, Any]) -> bool:
        self.values.append(values)
        return True

    def execute(self, statement: object, values: dict[str, Any]) -> Any:
        self.values.append(values)
        return SimpleNamespace(all=lambda: [SimpleNamespace(id=1, request_key=None)])


def test_jobs__model_output_is_stored_without_nul_and_surrogates():
    session: Any = Recorder()
    lease: Any = jobs.Lease(1, 1, None, 1, "")  # type: ignore[arg-type]
    jobs.report_progress(session, lease, "generate", text=DIRTY)
    jobs.succeed(session, lease, {"answer": DIRTY})
    jobs.submit(session, jobs.NewJob(1, "ask", {"question": DIRTY}))
    assert session.values[0]["text"] == "abc"
    assert session.values[1]["result"] == '{"answer": "abc"}'
    assert json.loads(session.values[2]["jobs"])[0]["payload"] == {"question": "abc"}
