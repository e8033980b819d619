"""A worker that writes although its lease is lost: accepted only if the fence is broken, and then found by `verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from db import jobs, repair, verify
from db.engine import Session
from db.jobs import Lease
from db.sql import named, statements
from db.sweep import sweep
from pipeline.errors import Cancelled, LeaseLost, UnreadableFile
from tests.integration.conftest import Library

WRITES: dict[str, tuple[str, Callable[[Session, Lease], object]]] = {
    "progress": ("update_job_progress", lambda session, lease: jobs.report_progress(session, lease, "ocr")),
    "result": ("succeed_job", lambda session, lease: jobs.succeed(session, lease, {"by": "the first worker"})),
    "failure": ("fail_job", lambda session, lease: jobs.fail(session, lease, UnreadableFile("It is damaged."))),
    "retry": ("fail_job", lambda session, lease: jobs.fail(session, lease, RuntimeError("Out of memory."))),
    "cancellation": ("mark_job_cancelled", jobs.mark_cancelled),
    "release": ("release_job", jobs.release),
}
"""Writes by the statement that fences them."""


@pytest.fixture
def break_fence(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Let a statement accept any fencing token."""

    def break_statement(name: str) -> None:
        fenced = statements()[name]
        monkeypatch.setitem(
            statements(),
            name,
            fenced.replace(" AND lease_token = :token", "").replace("j.lease_token = l.token AND ", ""),
        )
        assert statements()[name] != fenced
        named.cache_clear()

    yield break_statement
    monkeypatch.undo()
    named.cache_clear()


def find(library: Library) -> set[str]:
    results = verify.verify(library.database, grace_s=60, full=True)
    return {each.invariant.label for each in results if each.findings}


def claim(library: Library, job: int, *, lease_s: float = 60) -> Lease:
    lease = library.claim(job, lease_s=lease_s)
    assert lease is not None
    return lease


def lose_lease(library: Library, job: int) -> tuple[Lease, Lease]:
    """Return the lost lease of a worker that was stopped, and the valid one of the worker that claimed the job then."""
    lost = claim(library, job, lease_s=-1)
    with library.database.system() as session:
        sweep(session, messages=None, patience_s=60, embed_attempts=3)
    return lost, claim(library, job)


@pytest.mark.parametrize("write", WRITES)
def test_write_without_the_lease__is_found_if_the_fence_is_broken(library: Library, break_fence, write: str):
    name, act = WRITES[write]
    lost, _ = lose_lease(library, library.submit_bytes("note", b"x"))
    break_fence(name)
    with library.database.system() as session:
        act(session, lost)
    assert "fencing" in find(library)
    repair.repair(library.database, grace_s=60, full=True)
    assert "fencing" in find(library)  # what happened is not undone


@pytest.mark.parametrize("write", WRITES)
def test_write_without_the_lease__changes_nothing(library: Library, write: str):
    job = library.submit_bytes("note", b"x")
    lost, valid = lose_lease(library, job)
    try:
        with library.database.system() as session:
            WRITES[write][1](session, lost)
    except LeaseLost:
        pass
    assert (library.job(job).state, library.job(job).lease_token) == ("running", valid.token)
    assert find(library) == set()


def test_version_without_the_lease__is_found_if_the_fence_is_broken(library: Library, break_fence):
    lost, _ = lose_lease(library, library.submit_bytes("note", b"x"))
    break_fence("lock_leases")
    library.store(lost, ["The hall opens at nine."])
    assert find(library) == {"fencing"}


def test_write_after_the_sweeper__is_found_if_fence_and_state_are_not_checked(library: Library, monkeypatch):
    job = library.submit_bytes("note", b"x")
    lost = claim(library, job, lease_s=-1)
    with library.database.system() as session:
        sweep(session, messages=None, patience_s=60, embed_attempts=3)
    condition = " AND lease_token = :token AND state = 'running'"
    monkeypatch.setitem(statements(), "succeed_job", statements()["succeed_job"].replace(condition, ""))
    named.cache_clear()
    with library.database.system() as session:
        jobs.succeed(session, lost, {})
    monkeypatch.undo()
    named.cache_clear()
    assert "fencing" in find(library)


def test_attempts_in_order__are_no_finding(library: Library):
    """Each way in which an attempt ends, and the claim that follows it."""
    job = library.submit_bytes("note", b"x")
    _, lease = lose_lease(library, job)
    with library.database.system() as session:
        jobs.report_progress(session, lease, "ocr")
        jobs.release(session, lease)
    lease = claim(library, job)
    with library.database.system() as session:
        jobs.fail(session, lease, UnreadableFile("It is damaged."))
    with library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)
    lease = claim(library, job)
    with library.database.tenant(library.workspace) as session:
        jobs.cancel(session, job)
    with library.database.system() as session, pytest.raises(Cancelled):
        jobs.lock_lease(session, lease)
    with library.database.system() as session:
        jobs.mark_cancelled(session, lease)
    with library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)
    lease = claim(library, job)
    library.store(lease, ["The hall opens at nine."])
    library.embed()
    assert library.job(job).state == "succeeded"
    assert find(library) == set()
