"""Quotas, votes and settings of a workspace on a real database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from db import commands_hash, feedback, jobs, workspace_settings
from db.deliveries import NewDelivery
from db.quotas import Quota, admit
from db.workspace_settings import WorkspaceSettings
from pipeline.errors import InvalidInput, QuotaExceeded, UnknownName
from tasks.submit import Submitter

HOURLY = Quota("ask", per_user=3, per_user_window_s=3600, per_workspace=5, workspace_window_s=86_400)


@pytest.fixture
def submitter(library, redis_url) -> Submitter:
    return Submitter(library.database, redis_url, expires_s=60)


def ask(library, key=None, requester="42", kind="ask", workspace=None):
    return jobs.NewJob(workspace or library.workspace, kind, {"question": "q"}, requester=requester, request_key=key)


def refused(library, quota=HOURLY, requester="42", count=1):
    with pytest.raises(QuotaExceeded) as caught, library.database.tenant(library.workspace) as session:
        admit(session, library.workspace, requester, quota, count)
    return caught.value


def test_quota__of_a_user(library, submitter):
    for _ in range(3):
        submitter.submit([ask(library)], quota=HOURLY)
    with pytest.raises(QuotaExceeded, match=r"One user may ask 3 questions in 1 hour. Try again in"):
        submitter.submit([ask(library)], quota=HOURLY)
    assert library.count("jobs") == 3
    submitter.submit([ask(library, requester="43")], quota=HOURLY)
    submitter.submit([ask(library, kind="ingest")], quota=Quota("ingest", per_user=1))
    submitter.submit([ask(library, workspace=library.other)], quota=HOURLY)


def test_quota__of_a_server(library, submitter):
    for n in range(5):
        submitter.submit([ask(library, requester=str(n))], quota=HOURLY)
    error = refused(library, requester="99")
    assert (error.scope, error.limit, error.window_s) == ("server", 5, 86_400)
    assert "This server may ask 5 questions in 1 day" in str(error)


@pytest.mark.parametrize("quota", [Quota("ask"), Quota("ask", per_user=0, per_workspace=0)])
def test_quota__none_or_zero_is_no_limit(library, submitter, quota):
    for _ in range(4):
        submitter.submit([ask(library)], quota=quota)


@pytest.mark.parametrize(
    ("state", "counts"), [("failed", True), ("succeeded", True), ("cancelled", False), ("dead", True)]
)
def test_quota__job_cancelled_before_its_start_does_not_count(library, submitter, state, counts):
    submitter.submit([ask(library) for _ in range(3)], quota=HOURLY)
    library.run(f"UPDATE jobs SET state = '{state}' WHERE id = 1")
    if counts:
        refused(library)
    else:
        submitter.submit([ask(library)], quota=HOURLY)


def test_quota__error_contains_the_waiting_time(library, submitter):
    submitter.submit([ask(library) for _ in range(3)], quota=HOURLY)
    for number, minutes in ((1, 50), (2, 40), (3, 10)):
        library.run(f"UPDATE jobs SET requested_at = now() - interval '{minutes} minutes' WHERE id = {number}")
    assert refused(library).frees_in_s == pytest.approx(600, abs=30)
    assert refused(library, count=2).frees_in_s == pytest.approx(1200, abs=30)
    assert refused(library, count=9).frees_in_s == 3600, "so many at once never fit"
    library.run("UPDATE jobs SET requested_at = now() - interval '61 minutes' WHERE id = 1")
    submitter.submit([ask(library)], quota=HOURLY)


def test_quota__several_jobs_are_all_admitted_or_none(library, submitter):
    with pytest.raises(QuotaExceeded):
        submitter.submit([ask(library) for _ in range(4)], quota=HOURLY)
    delivery = NewDelivery(library.workspace, "answer", "k", "900", "7", "42")
    with pytest.raises(QuotaExceeded):
        submitter.submit([ask(library) for _ in range(4)], delivery=delivery, quota=HOURLY)
    assert (library.count("jobs"), library.count("deliveries")) == (0, 0)


def test_quota__is_not_exceeded_by_twenty_concurrent_submits(library, submitter):
    together = threading.Barrier(20)

    def submit(number):
        key = f"interaction:{number}"
        delivery = NewDelivery(library.workspace, "answer", key, "900", "7", "42")
        together.wait()
        try:
            return submitter.submit([ask(library, key)], delivery=delivery, quota=HOURLY)
        except QuotaExceeded:
            return []

    with ThreadPoolExecutor(20) as pool:
        given = [numbers for numbers in pool.map(submit, range(20)) if numbers]
    assert (len(given), library.count("jobs"), library.count("deliveries")) == (3, 3, 3)


def test_quota__known_request_is_not_rejected(library, submitter):
    first = submitter.submit([ask(library, f"i:{n}") for n in range(3)], quota=HOURLY)
    assert submitter.submit([ask(library, f"i:{n}") for n in range(3)], quota=HOURLY) == first
    assert submitter.submit([ask(library, "i:1")], quota=HOURLY) == [first[1]]
    with pytest.raises(QuotaExceeded):
        submitter.submit([ask(library, "i:1"), ask(library, "i:9")], quota=HOURLY)


def test_votes__one_per_user_which_may_change(library, submitter):
    (job,) = submitter.submit([ask(library)])
    lease = library.claim(job)
    with library.database.tenant(library.workspace) as session:
        with pytest.raises(UnknownName, match="has no answer"):
            feedback.store_vote(session, library.workspace, job, "1", 1)
        jobs.succeed(session, lease, {})
        feedback.store_vote(session, library.workspace, job, "1", 1)
        feedback.store_vote(session, library.workspace, job, "2", -1)
        feedback.store_vote(session, library.workspace, job, "3", 1)
        feedback.store_vote(session, library.workspace, job, "3", 1)
        assert feedback.count_votes(session, job) == (2, 1)
        feedback.store_vote(session, library.workspace, job, "1", -1)
        assert (feedback.count_votes(session, job), feedback.read_vote(session, job, "1")) == ((1, 2), -1)
        feedback.store_vote(session, library.workspace, job, "1", 0)
        assert (feedback.count_votes(session, job), feedback.read_vote(session, job, "1")) == ((1, 1), 0)
    with library.database.tenant(library.other) as session:
        assert feedback.count_votes(session, job) == (0, 0)
        with pytest.raises(UnknownName):
            feedback.store_vote(session, library.other, job, "4", 1)


def test_settings__unset_ones_are_none_and_changes_affect_no_others(library):
    with library.database.tenant(library.workspace) as session:
        assert workspace_settings.read(session, library.workspace) == WorkspaceSettings()
        workspace_settings.update(session, library.workspace, "42", reranker="none", top_n=30)
        changed = workspace_settings.update(
            session, library.workspace, "43", top_k=5, public_channels=("1", "2"), answer_language=""
        )
    assert (changed.reranker, changed.top_n, changed.top_k, changed.ingest_by) == ("none", 30, 5, None)
    assert (changed.public_channels, changed.answer_language, changed.updated_by) == (("1", "2"), "", "43")
    with library.database.tenant(library.workspace) as session:
        back = workspace_settings.update(session, library.workspace, "42", reranker=None, public_channels=())
        assert workspace_settings.read(session, library.workspace) == back
    assert (back.reranker, back.top_n, back.public_channels) == (None, 30, ())
    assert back.updated_at is not None
    assert back.updated_at != changed.updated_at
    with library.database.tenant(library.other) as session:
        assert workspace_settings.read(session, library.workspace) == WorkspaceSettings()


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"reranker": "magic"}, UnknownName, "must be one of auto, none, late-interaction"),
        ({"answer_language": "fr"}, UnknownName, "must be one of '', en, zh"),
        ({"ingest_by": "nobody"}, UnknownName, "everyone, managers, role"),
        ({"colour": "red"}, UnknownName, "no setting 'colour'"),
        ({"updated_at": None}, UnknownName, "no setting"),
        ({"top_n": 0}, InvalidInput, "from 1 to 200"),
        ({"top_k": 21}, InvalidInput, "from 1 to 20"),
        ({"top_k": "3"}, InvalidInput, "whole number"),
        ({"top_k": True}, InvalidInput, "whole number"),
        ({"documents_per_day": -1}, InvalidInput, "from 0"),
    ],
)
def test_settings__invalid_values_are_rejected(library, changes, error, sentence):
    with pytest.raises(error, match=sentence), library.database.tenant(library.workspace) as session:
        workspace_settings.update(session, library.workspace, "42", **changes)
    assert library.count("workspace_settings") == 0


def test_commands_hash__is_stored_per_application(library):
    with library.database.system() as session:
        assert commands_hash.read(session, "900") == ""
        commands_hash.store(session, "900", "a")
        commands_hash.store(session, "900", "b")
        commands_hash.store(session, "901", "c")
        assert (commands_hash.read(session, "900"), commands_hash.read(session, "901")) == ("b", "c")


def test_list_jobs__of_one_requester(library, submitter):
    mine = submitter.submit([ask(library)])
    submitter.submit([ask(library, requester="43")])
    with library.database.tenant(library.workspace) as session:
        assert [job.id for job in jobs.list_jobs(session, requester="42")] == mine
        assert len(jobs.list_jobs(session)) == 2
