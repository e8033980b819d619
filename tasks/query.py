"""The answer task: claim the job, answer, and store trace and result in one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from config.budgets import build_budget
from db import jobs, spending, traces
from db.recall import PostgresRecall
from db.spending import PostgresSpending
from pipeline.answer import answer_question
from pipeline.types import AnswerOptions, Exchange
from tasks.app import QUERY, app
from tasks.lease import LeasedJob, ThrottledProgress, lease_job
from tasks.results import build_answer_json
from tasks.runtime import Runtime, get_live_answers, get_runtime
from tasks.worker_heartbeat import note_task


@app.task(name="refdesk.answer", queue=QUERY)
def answer(job_id: int) -> None:  # noqa: ARG001 - names the submitted question, for tools that show messages
    """Answer the question that is next in the fair order; the message lets a worker answer one.

    Args:
        job_id: The question that was submitted with this message. Another message starts it if it is not the next one.
    """
    note_task()
    runtime = get_runtime()
    with lease_job(
        runtime.database, QUERY, worker=runtime.worker, stage="start", lease_s=runtime.settings.jobs.lease_s
    ) as job:
        if job is not None:
            _answer(runtime, job)


def _answer(runtime: Runtime, job: LeasedJob) -> None:
    payload: dict[str, Any] = dict(job.lease.payload)
    workspace_id = job.lease.workspace_id
    profile, answer_with = get_live_answers(runtime)
    recall = PostgresRecall(runtime.database, workspace_id, profile, payload.get("channels") or ())
    budget = build_budget(runtime.settings, PostgresSpending(runtime.database, job.lease), profile)
    answered = answer_question(
        str(payload["question"]),
        AnswerOptions(**payload["options"]),
        replace(answer_with(recall), budget=budget),
        on_stage=ThrottledProgress(job.report_if_long),
        conversation=[
            Exchange(str(turn["question"]), str(turn["answer"])) for turn in payload.get("conversation") or ()
        ],
    )
    with runtime.database.tenant(workspace_id) as session:
        traces.require_documents(session, workspace_id, answered)
        jobs.lock_lease(session, job.lease)
        traces.store_trace(session, job.lease, answered)
        if budget is not None:
            spending.release_reservation(session, job.lease)
        jobs.succeed(session, job.lease, build_answer_json(job.lease.job_id, answered))
