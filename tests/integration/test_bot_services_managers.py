"""Reasons of votes, gaps and what else managers see, on a real database."""

from __future__ import annotations

from bot.services.questions import QuestionRequest
from tests.integration.test_bot_services import ANNA, BEN, answered, refused, run, services, target

__all__ = ["services", "target"]


def test_vote_reason__stored_with_a_vote_against_and_removed_with_it(services, library, target):
    job = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    answered(library, job)
    refused("refusal-no-vote", services.jobs.store_vote_reason(BEN, job, "wrong"))
    run(services.jobs.vote(BEN, job, -1))
    for reason in ("wrong", "outdated"):
        run(services.jobs.store_vote_reason(BEN, job, reason))
        assert library.count("feedback", f"reason = '{reason}'") == 1
    run(services.jobs.vote(BEN, job, 1))
    assert library.count("feedback", "vote = 1 AND reason IS NULL") == 1
    refused("refusal-no-vote", services.jobs.store_vote_reason(BEN, job, "wrong"))
    run(services.jobs.vote(BEN, job, -1))
    run(services.jobs.store_vote_reason(BEN, job, "incomplete"))
    run(services.jobs.vote(BEN, job, -1))
    assert library.count("feedback") == 0
