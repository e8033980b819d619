"""Reasons of votes, gaps and what else managers see, on a real database."""

from __future__ import annotations

from dataclasses import replace

from bot.services.questions import QuestionRequest
from tests.integration.test_bot_services import ANNA, BEN, BOSS, answered, refused, run, services, target

__all__ = ["services", "target"]
UNANSWERED = """
    INSERT INTO queries (workspace_id, job_id, question, recall, top_n, top_k, reranker_asked, reranker, plan,
                         rows_asked, rows_returned, answer, abstained, answer_model)
    SELECT workspace_id, id, payload ->> 'question', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, '', true, 'm'
    FROM jobs WHERE kind = 'ask' ORDER BY id
"""


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


def test_gaps__private_questions_and_closed_channels_are_hidden(services, library, target):
    closed = replace(ANNA, channel_id="305")
    private_thread = replace(ANNA, channel_id="401", parent_id="301", private_thread=True)
    for context, question, private in (
        (ANNA, "Open?", False),
        (BOSS, "Private?", True),
        (closed, "Closed?", False),
        (private_thread, "In a private thread?", False),
        (replace(ANNA, channel_id="402", parent_id="301"), "In a thread?", False),
    ):
        token = {"token": "t", "token_ttl_s": 900} if private else {}
        run(services.questions.ask(context, QuestionRequest(question), target(private=private, **token)))
    library.run(UNANSWERED)
    refused("refusal-managers-only", services.gaps.list_gaps(ANNA))
    refused("refusal-managers-only", services.gaps.find_gap(ANNA, 1))
    viewer = replace(BOSS, viewable_channels=("301", "302"))
    seen = run(services.gaps.list_gaps(viewer))
    assert [gap.newest.question for gap in seen.gaps] == ["In a thread?", "Open?"]
    assert seen.hidden == 3
    for hidden in (2, 3, 4, 99):
        refused("refusal-unknown-gap", services.gaps.find_gap(viewer, hidden))
    everywhere = run(services.gaps.list_gaps(replace(viewer, viewable_channels=("301", "305"))))
    assert [gap.newest.question for gap in everywhere.gaps] == ["In a thread?", "Closed?", "Open?"]
    assert run(services.gaps.list_gaps(replace(viewer, guild_id="101"))).gaps == []


def test_gaps__resolved_ones_can_still_be_opened(services, library, target):
    for question in ("Who has the key?", "who has the key", "Where is the hall?"):
        run(services.questions.ask(ANNA, QuestionRequest(question), target()))
    library.run(UNANSWERED)
    gap = run(services.gaps.find_gap(BOSS, 1))
    assert [each.id for each in gap.questions] == [2, 1]
    refused("refusal-managers-only", services.gaps.resolve(ANNA, gap))
    run(services.gaps.resolve(BOSS, gap))
    assert [each.newest.id for each in run(services.gaps.list_gaps(BOSS)).gaps] == [3]
    assert [each.id for each in run(services.gaps.find_gap(BOSS, 1)).questions] == [1]
