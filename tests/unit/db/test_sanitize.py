"""What reaches the store: nothing in it that PostgreSQL turns down."""

from __future__ import annotations

from typing import Any

from db import jobs
from db.sanitize import sanitize_value

DIRTY = "a\x00b\udce9c"


class Recorder:
    """Stands for a database session and keeps what was to be written."""

    def __init__(self) -> None:
        self.values: list[dict[str, Any]] = []

    def scalar(self, statement: object, values: dict[str, Any]) -> bool:
        self.values.append(values)
        return True


def test_storable__cleans_text_wherever_it_stands():
    assert sanitize_value({DIRTY: [DIRTY, 1, None, 0.5, (DIRTY,)], "ok": "ü😀"}) == {
        "abc": ["abc", 1, None, 0.5, ["abc"]],
        "ok": "ü😀",
    }


def test_jobs__what_a_model_said_is_stored_clean():
    session: Any = Recorder()
    lease: Any = jobs.Lease(1, 1, None, 1, "")  # type: ignore[arg-type]
    jobs.report_progress(session, lease, "generate", text=DIRTY)
    jobs.succeed(session, lease, {"answer": DIRTY})
    jobs.submit(session, jobs.NewJob(1, "ask", {"question": DIRTY}))
    assert session.values[0]["text"] == "abc"
    assert session.values[1]["result"] == '{"answer": "abc"}'
    assert session.values[2]["payload"] == '{"question": "abc"}'
