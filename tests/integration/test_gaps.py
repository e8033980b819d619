"""Gaps on a real database: which questions count, in which groups, and how long."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db import deliveries, feedback, gaps, jobs

ASK = """
    INSERT INTO queries (workspace_id, job_id, requester, question, searched_as, recall, top_n, top_k, reranker_asked,
                         reranker, plan, rows_asked, rows_returned, answer, abstained, answer_model, profile_id, vector,
                         baseline, created_at)
    SELECT workspace_id, id, requester, :question, :searched_as, 'hybrid', 1, 1, 'none',
           'none', 'exact', 1, 1, '', :abstained, 'm', 1, CAST(:vector AS halfvec),
           0, now() - make_interval(days => :age_days) FROM jobs WHERE id = :job RETURNING id
"""


@pytest.fixture
def ask(library):
    """Return a function that stores an ended question with its trace, and returns the IDs of job and trace."""

    def store(question, *, abstained=True, searched_as="", private=False, channels=("7",), age_days=0, **payload):
        with library.database.tenant(library.workspace) as session:
            number = library.count("deliveries") + 1
            delivery = deliveries.add(
                session,
                deliveries.NewDelivery(library.workspace, "answer", f"k{number}", "900", "7", "42", private=private),
            )
            job = jobs.submit(
                session,
                jobs.NewJob(
                    library.workspace,
                    "ask",
                    {"question": question, "channels": list(channels)} | payload,
                    delivery_id=delivery,
                ),
            )
        values = {
            "question": question,
            "searched_as": searched_as,
            "abstained": abstained,
            "job": job,
            "vector": "[1,0,0]",
            "age_days": age_days,
        }
        with library.database.owner() as session:
            session.execute(text("UPDATE jobs SET state = 'succeeded' WHERE id = :job"), {"job": job})
            return job, session.scalar(text(ASK), values)

    return store


def listed(library, **options):
    with library.database.tenant(library.workspace) as session:
        return gaps.list_questions(session, library.workspace, **options)


def vote(library, job, user, value, reason=None):
    with library.database.tenant(library.workspace) as session:
        feedback.store_vote(session, library.workspace, job, user, value)
        if reason:
            feedback.store_reason(session, job, user, reason)


def test_gaps__unanswered_questions_and_votes_against_in_groups(library, ask):
    ask("Where is the key?", abstained=False)
    answered, _ = ask("How much is the hall?", abstained=False)
    vote(library, answered, "1", -1, "wrong")
    vote(library, answered, "2", -1)
    vote(library, answered, "3", 1)
    ask("How much for it?", searched_as="How much is the hall?")
    ask("Who is the caretaker?")
    costs, caretaker = gaps.group(listed(library))
    assert (costs.unanswered, costs.votes_against, costs.reasons) == (1, 2, {"wrong": 1})
    assert [each.question for each in costs.questions] == ["How much is the hall?"] * 2
    assert costs.since == costs.questions[1].created_at <= costs.newest.created_at
    assert caretaker.newest.question == "Who is the caretaker?"
    assert listed(library)[0].vector is not None


def test_gaps__private_questions_and_channels_are_marked(library, ask):
    ask("Secret?", private=True)
    ask("In a thread?", channels=("8", "7"))
    ask("In a private thread?", channels=("8", "7"), audience="8")
    found = {each.question: (each.private, each.channel) for each in listed(library)}
    assert found == {
        "Secret?": (True, "7"),
        "In a thread?": (False, "7"),
        "In a private thread?": (False, "8"),
    }


def test_gaps__an_unanswered_question_ends_when_it_is_answered_in_public(library, ask):
    ask("Who is the caretaker?")
    ask("who is the caretaker?", abstained=False, private=True)
    assert len(listed(library)) == 1
    ask("who is the caretaker?", abstained=False)
    assert listed(library) == []
    ask("Who is the caretaker?")
    assert len(listed(library)) == 1, "asked again without an answer"


def test_gaps__dismissed_and_answered_ones_end_until_they_are_asked_again(library, ask):
    _, first = ask("Who is the caretaker?")
    _, second = ask("Where is the key?")
    with library.database.tenant(library.workspace) as session:
        gaps.resolve(session, library.workspace, [first], "42")
    assert [each.id for each in listed(library)] == [second]
    job = library.submit()
    with library.database.tenant(library.workspace) as session:
        gaps.resolve(session, library.workspace, [second], "42", job)
    assert listed(library) == []
    library.run(f"UPDATE jobs SET state = 'failed' WHERE id = {job}")
    assert [each.id for each in listed(library)] == [second], "the answer was not added"
    library.run(f"DELETE FROM jobs WHERE id = {job}")
    assert listed(library) == []
    _, again = ask("Where is the key?")
    assert [each.id for each in listed(library)] == [again]


def test_gaps__age_limit_and_tenants(library, ask):
    ask("Old?", age_days=100)
    _, new = ask("New?", age_days=1)
    assert [each.id for each in listed(library)] == [new]
    assert len(listed(library, days=200)) == 2
    assert len(listed(library, days=200, limit=1)) == 1
    with library.database.tenant(library.other) as session:
        assert gaps.list_questions(session, library.other) == []
        gaps.resolve(session, library.other, [new], "42")
    assert library.count("gap_resolutions") == 0
