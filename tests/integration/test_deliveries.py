"""Deliveries on a real database: claims, fencing, take-over, retry."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from db import deliveries, documents, feedback, jobs
from db.sweep import sweep
from pipeline.errors import LeaseLost, UnknownName
from tasks.submit import Submitter
from tests.integration.outbox import add, ask, claim, fail, new, succeed, view


@pytest.fixture
def submitter(library, redis_url) -> Submitter:
    return Submitter(library.database, redis_url, expires_s=60)


def stale_writes(held):
    return [
        lambda session: deliveries.mark_posted(session, held, "1"),
        lambda session: deliveries.mark_parts_sent(session, held, 1),
        lambda session: deliveries.reroute(session, held, route="channel", channel_id="1", message_id=None),
        lambda session: deliveries.finish(session, held),
        lambda session: deliveries.mark_undeliverable(session, held, "gone"),
        lambda session: deliveries.postpone(session, held, 1, "later"),
    ]


def test_submit__repeated_request_returns_the_same_jobs_and_delivery(library, submitter):
    first = submitter.submit([ask(library)], delivery=new(library))
    assert submitter.submit([ask(library)], delivery=new(library)) == first
    assert (library.count("jobs"), library.count("deliveries")) == (1, 1)
    add(library, submitter, "interaction:2")
    assert (library.count("jobs"), library.count("deliveries")) == (2, 2)


def test_submit__two_bots_with_the_same_request_at_once(library, submitter):
    card = [
        jobs.NewJob(library.workspace, "ingest", {"name": f"{n}.pdf", "source": str(n)}, requester="42")
        for n in range(3)
    ]
    together = threading.Barrier(8)

    def submit(_):
        together.wait()
        return submitter.submit(card, delivery=new(library, kind="ingest"))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(submit, range(8)))
    assert all(numbers == results[0] for numbers in results)
    assert (library.count("jobs"), library.count("deliveries")) == (3, 1)


def test_claim__two_processes_never_claim_the_same_delivery(library, submitter):
    wanted = {add(library, submitter, f"interaction:{n}")[1].id for n in range(40)}
    together = threading.Barrier(8)

    def take(owner):
        together.wait()
        mine = []
        while found := claim(library, f"bot-{owner}", limit=3):
            mine += [held.id for held in found]
        return mine

    with ThreadPoolExecutor(8) as pool:
        taken = [number for mine in pool.map(take, range(8)) for number in mine]
    assert sorted(taken) == sorted(wanted)


def test_claim__only_of_its_own_application(library, submitter):
    _, delivery = add(library, submitter)
    assert claim(library, application="901") == []
    assert [held.id for held in claim(library)] == [delivery.id]
    assert claim(library, "bot-2") == []


def test_claim__expired_claim_is_taken_over_and_its_former_owner_changes_nothing(library, submitter):
    job, _ = add(library, submitter)
    (old,) = claim(library, "bot-1", lease_s=-1)
    (held,) = claim(library, "bot-2")
    assert (held.claim_owner, held.attempts) == ("bot-2", 1)
    for write in stale_writes(old):
        with pytest.raises(LeaseLost), library.database.system() as session:
            write(session)
    assert (view(library, held.id).delivery, library.job(job).delivered_at) == (held, None)
    with library.database.system() as session:
        assert deliveries.renew(session, "bot-1", 15) == set()
        assert deliveries.renew(session, "bot-2", 15) == {held.id}


def test_claim_one__claims_one_delivery_and_keeps_the_token_of_its_owner(library, submitter):
    _, delivery = add(library, submitter)
    with library.database.system() as session:
        held = deliveries.claim_one(session, delivery.id, "bot-1", 15)
    assert held is not None
    assert held.claim_owner == "bot-1"
    with library.database.system() as session:
        assert deliveries.claim_one(session, delivery.id, "bot-2", 15) is None
        again = deliveries.claim_one(session, delivery.id, "bot-1", 15)
    assert again is not None
    assert (again.claim_token, again.attempts) == (held.claim_token, 0)


def test_renew__prevents_a_take_over(library, submitter):
    add(library, submitter)
    (held,) = claim(library, "bot-1", lease_s=-1)
    with library.database.system() as session:
        assert deliveries.renew(session, "bot-1", 60) == {held.id}
    assert claim(library, "bot-2") == []
    with library.database.system() as session:
        deliveries.mark_posted(session, held, "5")


def test_release__frees_all_claims_at_once_without_counting_a_try(library, submitter):
    add(library, submitter)
    add(library, submitter, "interaction:2")
    assert len(claim(library, "bot-1")) == 2
    with library.database.system() as session:
        deliveries.release(session, "bot-1")
    assert [held.attempts for held in claim(library, "bot-2")] == [0, 0]


def test_delivery__from_the_question_to_the_end(library, submitter):
    job, added = add(library, submitter, token="secret", token_ttl_s=900, message_id=None)
    assert (added.state, added.generation, added.parts_sent, added.token) == ("open", 1, 0, "secret")
    (held,) = claim(library)
    with library.database.system() as session:
        held = deliveries.mark_posted(session, held, "55", "8")
        held = deliveries.mark_parts_sent(session, held, 2)
    assert (held.message_id, held.channel_id, held.parts_sent) == ("55", "8", 2)
    assert not view(library, held.id).ended
    succeed(library, job)
    seen = view(library, held.id)
    assert (seen.ended, seen.jobs[0].result["answer"], seen.jobs[0].about) == (True, "Because.", "Why?")
    with library.database.system() as session:
        done = deliveries.finish(session, held)
    assert (done.state, done.token, done.claim_token, done.parts_sent) == ("delivered", None, None, 2)
    assert done.delivered_at is not None
    assert library.job(job).delivered_at is not None
    assert claim(library) == []
    with pytest.raises(LeaseLost), library.database.system() as session:
        deliveries.finish(session, held)


def test_mark_undeliverable__closes_the_delivery_and_keeps_the_answer(library, submitter):
    job, _ = add(library, submitter, token="secret", token_ttl_s=900)
    succeed(library, job)
    (held,) = claim(library)
    with library.database.system() as session:
        ended = deliveries.mark_undeliverable(session, held, "no\x00body")
    assert (ended.state, ended.error, ended.token) == ("undeliverable", "nobody", None)
    assert (library.job(job).delivered_at, library.job(job).result["answer"]) == (None, "Because.")


def test_postpone__releases_the_claim_until_it_is_due(library, submitter):
    add(library, submitter)
    (held,) = claim(library)
    with library.database.system() as session:
        waiting = deliveries.postpone(session, held, 300, "503")
    assert (waiting.attempts, waiting.error, waiting.claim_token) == (1, "503", None)
    assert claim(library) == []
    with library.database.system() as session:
        assert deliveries.claim_one(session, held.id, "bot-2", 15) is None
    library.run("UPDATE deliveries SET due_at = now()")
    (held,) = claim(library)
    assert held.attempts == 1, "letting go is no take-over"
    with library.database.system() as session:
        sent = deliveries.mark_posted(session, held, "5")
    assert (sent.attempts, sent.error) == (0, None)


def test_reroute__moves_it_and_drops_the_token(library, submitter):
    add(library, submitter, route="token", token="secret", token_ttl_s=900, message_id="@original")
    (held,) = claim(library)
    with library.database.system() as session:
        moved = deliveries.reroute(session, held, route="channel", channel_id="77", message_id=None)
    assert (moved.route, moved.channel_id, moved.message_id, moved.token) == ("channel", "77", None, None)


def test_retry__reopens_the_delivery_with_a_new_generation(library, submitter):
    job, _ = add(library, submitter)
    fail(library, job)
    (held,) = claim(library)
    with library.database.system() as session:
        deliveries.mark_parts_sent(session, held, 3)
        deliveries.finish(session, held)
    with library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)
    opened = view(library, held.id)
    assert (opened.delivery.state, opened.delivery.generation, opened.delivery.parts_sent) == ("open", 2, 0)
    assert (opened.ended, opened.delivery.delivered_at, library.job(job).delivered_at) == (False, None, None)
    assert [again.id for again in claim(library)] == [held.id]


def test_retry__revokes_the_claim_of_a_bot_that_shows_the_old_result(library, submitter):
    job, _ = add(library, submitter)
    fail(library, job)
    (held,) = claim(library, "bot-1")
    with library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)
    with pytest.raises(LeaseLost), library.database.system() as session:
        deliveries.finish(session, held)
    (again,) = claim(library, "bot-1")
    assert (again.generation, again.attempts) == (2, 0)


def test_retry__rejected_changes_nothing(library, submitter):
    job, added = add(library, submitter)
    with pytest.raises(UnknownName), library.database.tenant(library.workspace) as session:
        jobs.retry(session, job)
    assert view(library, added.id).delivery == added


def test_reopen__stores_a_newer_token(library, submitter):
    job, added = add(library, submitter, route="token", token="old", token_ttl_s=900)
    with library.database.tenant(library.workspace) as session:
        deliveries.reopen(session, job, user_id=added.user_id, token="new", token_ttl_s=900)
    assert view(library, added.id).delivery.token == "new"


def test_deleted_jobs__close_their_delivery(library, submitter):
    job, added = add(library, submitter)
    succeed(library, job)
    with library.database.tenant(library.workspace) as session:
        feedback.store_vote(session, library.workspace, job, "42", 1)
    other, kept = add(library, submitter, "interaction:2")
    library.run(f"DELETE FROM jobs WHERE id = {job}")
    assert (library.count("feedback"), view(library, added.id).jobs) == (0, ())
    with library.database.system() as session:
        sweep(session, patience_s=0, embed_attempts=3)
    assert view(library, added.id).delivery.state == "undeliverable"
    assert view(library, kept.id).delivery.state == "open"
    library.run(f"DELETE FROM deliveries WHERE id = {kept.id}")
    assert library.job(other).delivery_id is None
    with library.database.tenant(library.workspace) as session:
        assert deliveries.find_by_job(session, other) is None


def test_deleted_document__keeps_the_delivery_that_added_it(library, submitter):
    payload = {"source": "a", "name": "a.txt", "sha256": "00"}
    new_job = jobs.NewJob(library.workspace, "ingest", payload, requester="42")
    (job,) = submitter.submit([new_job], delivery=new(library, kind="ingest"))
    library.claim(job)
    library.run("INSERT INTO documents (workspace_id, source, title) VALUES (1, 'a', 'A')")
    with library.database.tenant(library.workspace) as session:
        documents.delete_document(session, 1)
    (held,) = claim(library)
    seen = view(library, held.id)
    assert (seen.jobs[0].about, seen.jobs[0].cancel_requested) == ("", True)  # the deletion removed the name
