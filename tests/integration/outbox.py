"""Shared steps of the delivery tests: submit, claim, read, end a job."""

from __future__ import annotations

from db import deliveries, jobs
from db.deliveries import NewDelivery
from pipeline.errors import UnreadableFile

APPLICATION = "900"


def new(library, key="interaction:1", **values):
    given = {"kind": "answer", "channel_id": "7", "user_id": "42"} | values
    return NewDelivery(library.workspace, request_key=key, application_id=APPLICATION, **given)


def ask(library, key="interaction:1", question="Why?"):
    return jobs.NewJob(library.workspace, "ask", {"question": question}, requester="42", request_key=key)


def add(library, submitter, key="interaction:1", **values):
    """Submit a question and return its job ID and its delivery."""
    question = values.pop("question", "Why?")
    (job,) = submitter.submit([ask(library, key, question)], delivery=new(library, key, **values))
    with library.database.tenant(library.workspace) as session:
        return job, deliveries.find_by_job(session, job)


def claim(library, owner="bot-1", *, application=APPLICATION, lease_s=15.0, limit=100):
    with library.database.system() as session:
        return deliveries.claim(session, application, owner, lease_s=lease_s, limit=limit)


def view(library, delivery_id):
    with library.database.system() as session:
        return deliveries.load_views(session, [delivery_id])[delivery_id]


def succeed(library, job, answer="Because."):
    lease = library.claim(job)
    with library.database.system() as session:
        jobs.succeed(session, lease, {"job": job, "answer": answer})


def fail(library, job):
    lease = library.claim(job)
    with library.database.system() as session:
        assert jobs.fail(session, lease, UnreadableFile("It is damaged.")) == "failed"
