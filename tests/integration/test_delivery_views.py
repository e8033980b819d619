"""Views of deliveries, conversations, notifications and inspection; the token is never shown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from db import deliveries, feedback, job_views, jobs
from db.inspection import list_inspections, read_inspection, run_inspection
from db.notify import DELIVERIES, watch_deliveries
from db.sweep import sweep
from tasks.submit import Submitter
from tests.integration.outbox import add, claim, new, succeed, view


@pytest.fixture
def submitter(library, redis_url) -> Submitter:
    return Submitter(library.database, redis_url, expires_s=60)


def test_view__job_that_waits_for_a_retry_has_not_ended(library, submitter):
    job, added = add(library, submitter)
    lease = library.claim(job)
    with library.database.system() as session:
        assert jobs.fail(session, lease, RuntimeError("boom")) == "queued"
    seen = view(library, added.id)
    assert (seen.ended, seen.jobs[0].error, seen.jobs[0].attempt) == (False, "boom", 1)
    assert "Waiting to retry" in seen.jobs[0].why


def test_view__contains_position_and_reason(library, submitter):
    add(library, submitter)
    job, added = add(library, submitter, "interaction:2")
    (seen,) = view(library, added.id).jobs
    assert (seen.id, seen.ahead, seen.kind) == (job, 1, "ask")
    assert "(no query worker is running" in seen.why
    library.claim(job)
    assert view(library, added.id).jobs[0].ahead is None


def test_views__of_many_take_two_statements(library, submitter):
    numbers = [add(library, submitter, f"interaction:{n}")[1].id for n in range(5)]
    with library.database.system() as session:
        executed: list[str] = []
        event.listen(session.connection(), "before_cursor_execute", lambda *args: executed.append(args[2]))
        seen = deliveries.load_views(session, [*numbers, 10**12])
    assert sorted(seen) == numbers
    assert len(executed) == 2
    with library.database.system() as session:
        assert deliveries.load_views(session, []) == {}


def test_views__count_queue_positions_once_for_all_jobs(library, submitter):
    numbers = [add(library, submitter, f"interaction:{n}")[1].id for n in range(5)]
    library.run("INSERT INTO workers (id, role, queues, host, pid) VALUES ('w', 'query', '{query}', 'h', 1)")
    library.run("UPDATE jobs SET published_at = now()")
    library.run(
        "CREATE OR REPLACE FUNCTION jobs_ahead(in_queue text, of_job bigint) RETURNS bigint LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'counted for each'; END $$"
    )
    with library.database.system() as session:
        seen = deliveries.load_views(session, numbers)
    assert [seen[number].jobs[0].ahead for number in numbers] == [0, 1, 2, 3, 4]
    assert seen[numbers[2]].jobs[0].why == 'Waiting in the queue "query" behind 2 jobs.'


def test_token__is_cleared_when_it_expires_and_never_shown(library, submitter):
    _, added = add(library, submitter, token="secret-token", token_ttl_s=900)
    assert "secret-token" not in repr(added)
    assert "secret-token" not in repr(new(library, token="secret-token"))
    for statement in ("SELECT token FROM public.deliveries", "SELECT * FROM public.deliveries"):
        with pytest.raises(Exception, match="permission denied"), library.database.inspect() as session:
            session.execute(text(statement))
    with library.database.inspect() as session:
        rows = session.execute(text("SELECT * FROM inspect.deliveries")).all()
        session.execute(text("SELECT id, token_expires FROM public.deliveries"))
    assert len(rows) == 1
    assert "secret-token" not in repr(rows)
    library.run("UPDATE deliveries SET token_expires = now() - interval '1 second'")
    with library.database.system() as session:
        sweep(session, patience_s=0, embed_attempts=3)
    assert view(library, added.id).delivery.token is None


def test_token__cannot_outlive_its_delivery(library, submitter):
    add(library, submitter, token="secret", token_ttl_s=900)
    with pytest.raises(IntegrityError):
        library.run("UPDATE deliveries SET state = 'delivered'")


def test_conversation__public_answers_of_a_thread_oldest_first(library, submitter):
    asked: dict[str, dict[str, Any]] = {
        "thread": {"channel_id": "t1"},
        "start": {"channel_id": "c1", "message_id": "t1"},
        "private": {"channel_id": "t1", "private": True},
        "elsewhere": {"channel_id": "c2"},
        "open": {"channel_id": "t1"},
        "last": {"channel_id": "t1"},
    }
    made = {name: add(library, submitter, name, question=f"{name}?", **place)[0] for name, place in asked.items()}
    for name, job in made.items():
        if name != "open":
            succeed(library, job, f"{name}.")
    with library.database.tenant(library.workspace) as session:
        turns = deliveries.load_conversation(session, ["t1"])
        assert deliveries.load_conversation(session, ["t1"], limit=1) == turns[-1:]
        assert deliveries.load_conversation(session, []) == []
        assert deliveries.has_public_answer(session, ["nowhere", "t1"])
        assert not deliveries.has_public_answer(session, ["nowhere"])
        assert not deliveries.has_public_answer(session, [])
    assert [(turn.question, turn.answer) for turn in turns] == [
        ("thread?", "thread."),
        ("start?", "start."),
        ("last?", "last."),
    ]
    assert turns[-1].job == made["last"]
    with library.database.tenant(library.other) as session:
        assert deliveries.load_conversation(session, ["t1"]) == []
        assert not deliveries.has_public_answer(session, ["t1"])


def test_conversation__cards_of_documents_are_no_answers(library, submitter):
    new_job = jobs.NewJob(library.workspace, "ingest", {"name": "a"}, requester="42")
    submitter.submit([new_job], delivery=new(library, kind="ingest", channel_id="t9"))
    with library.database.tenant(library.workspace) as session:
        assert not deliveries.has_public_answer(session, ["t9"])


def test_notifications__name_the_delivery_that_changed(library, submitter):
    changes = watch_deliveries(library.database)
    assert next(changes) is None

    def heard():
        # Notifications arrive in the order of their commits, so a marker ends those of the statements before it.
        with library.database.owner() as session:
            session.execute(text("SELECT pg_notify(:channel, '0')"), {"channel": DELIVERIES})
        return {number for number in iter(lambda: next(changes), 0) if number is not None}

    job, added = add(library, submitter)
    assert heard() == {added.id}
    (held,) = claim(library)
    assert heard() == set(), "a claim notifies no process"
    lease = library.claim(job)
    assert heard() == {added.id}
    with library.database.system() as session:
        jobs.report_progress(session, lease, "rerank", 12, 50)
    assert heard() == {added.id}
    with library.database.system() as session:
        deliveries.release(session, "bot-1")
    assert heard() == {added.id}
    (held,) = claim(library)
    with library.database.system() as session:
        deliveries.postpone(session, held, 60, "later")
    assert heard() == set(), "it is not due"
    library.submit()
    assert heard() == set(), "a job of the command line has no delivery"
    changes.close()


def test_inspection__returns_the_reason_for_the_state(library, submitter):
    job, added = add(library, submitter)

    def why():
        with library.database.inspect() as session:
            return session.scalar(text("SELECT why FROM inspect.deliveries WHERE id = :id"), {"id": added.id})

    assert why() == "Waiting for a bot to claim it. Start one with `refdesk bot`."
    (held,) = claim(library)
    assert why() == "Shown by bot-1, waiting for its jobs."
    succeed(library, job)
    assert why() == "Being delivered by bot-1."
    library.run("UPDATE deliveries SET claim_expires = now() - interval '1 second'")
    assert "The claim of bot bot-1 expired" in why()
    with library.database.system() as session:
        deliveries.postpone(session, held, 60, "Discord said 503.")
    assert "after: Discord said 503." in why()
    library.run("UPDATE deliveries SET due_at = now()")
    (held,) = claim(library)
    with library.database.system() as session:
        deliveries.mark_undeliverable(session, held, "The person takes no messages.")
    assert why() == "Undeliverable: The person takes no messages."
    library.run("UPDATE deliveries SET state = 'delivered', delivered_at = now()")
    assert "Delivered at" in why()


@pytest.mark.parametrize("name", sorted(list_inspections()))
def test_inspection__every_named_query_runs(library, submitter, name):
    add(library, submitter)
    table = run_inspection(library.database, read_inspection(name))
    assert table.columns
    assert bool(table.rows) or name not in {"deliveries", "undelivered", "jobs"}


def test_inspection__votes_with_their_question(library, submitter):
    job, _ = add(library, submitter)
    succeed(library, job)
    with library.database.tenant(library.workspace) as session:
        feedback.store_vote(session, library.workspace, job, "42", -1)
        feedback.store_reason(session, job, "42", "outdated")
    feed = run_inspection(library.database, read_inspection("feedback"))
    assert dict(zip(feed.columns, feed.rows[0], strict=True)) | {"updated_at": None} == {
        "job": job,
        "workspace": "local",
        "vote": -1,
        "reason": "outdated",
        "question": "Why?",
        "reranker": None,
        "answer_model": None,
        "abstained": None,
        "updated_at": None,
    }
    assert run_inspection(library.database, read_inspection("votes")).rows == [(None, None, 0, 1, 0, 0, 1)]


def test_delivery__has_the_expiry_of_its_token(library, submitter):
    _, added = add(library, submitter, token="secret", token_ttl_s=900)
    assert added.token_expires - added.created_at == dt.timedelta(seconds=900)
    _, without = add(library, submitter, "interaction:2")
    assert without.token_expires is None


def answered(library, submitter, *seconds):
    """Store questions that took so many seconds each."""
    for number, each in enumerate(seconds):
        job, _ = add(library, submitter, f"answered:{number}")
        succeed(library, job)
        library.run(f"UPDATE jobs SET started_at = finished_at - interval '{each} seconds' WHERE id = {job}")


def test_wait__is_estimated_from_recent_questions_and_the_workers(library, submitter):
    answered(library, submitter, 4, 5, 60)
    waiting = [add(library, submitter, f"interaction:{n}")[1].id for n in range(4)]
    library.run("UPDATE jobs SET published_at = now()")
    library.run(
        "INSERT INTO workers (id, role, queues, host, pid, concurrency) VALUES ('w', 'query', '{query}', 'h', 1, 2)"
    )

    def waits():
        with library.database.system() as session:
            views = deliveries.load_views(session, waiting)
        return [views[number].jobs[0].wait_s for number in waiting]

    assert waits() == [5, 5, 10, 10], "two at once, 5 s each"
    running = view(library, waiting[0]).jobs[0].id
    library.claim(running)
    library.run(f"UPDATE jobs SET started_at = now() - interval '2 seconds' WHERE id = {running}")
    assert waits()[:2] == [None, 5]
    assert waits()[2] == pytest.approx(8, abs=1), "the running question has already taken 2 s"
    with library.database.tenant(library.workspace) as session:
        last = view(library, waiting[3]).jobs[0].id
        assert job_views.find_job(session, last).job.wait_s == pytest.approx(8, abs=1)
        assert job_views.list_jobs(session, limit=1)[0].job.wait_s == pytest.approx(8, abs=1)
        assert "behind 2 jobs, about 10 s." in jobs.explain(session, last)


@pytest.mark.parametrize("missing", ["history", "worker"])
def test_wait__is_unknown_without_history_or_worker(library, submitter, missing):
    answered(library, submitter, *[5] * (2 if missing == "history" else 3))
    _, added = add(library, submitter)
    library.run("UPDATE jobs SET published_at = now()")
    if missing == "history":
        library.run("INSERT INTO workers (id, role, queues, host, pid) VALUES ('w', 'query', '{query}', 'h', 1)")
    seen = view(library, added.id).jobs[0]
    assert (seen.ahead, seen.wait_s) == (0, None)
    with library.database.tenant(library.workspace) as session:
        assert "about" not in jobs.explain(session, seen.id)
