"""Reasons of votes, gaps and what else managers see, on a real database."""

from __future__ import annotations

from dataclasses import replace

from bot.services.questions import QuestionRequest
from tests.integration.test_bot_services import ANNA, BEN, BOSS, answered, document, refused, run, services, target

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


def test_activity__counts_the_last_days_for_managers(services, library, target):
    refused("refusal-managers-only", services.activity.summarize(ANNA))
    for question in ("Who has the key?", "Where is the hall?", "When?"):
        run(services.questions.ask(ANNA, QuestionRequest(question), target()))
    library.run(UNANSWERED)
    library.run("UPDATE queries SET abstained = id = 1, prompt_tokens = 5, cost_usd = id")
    library.run("UPDATE queries SET created_at = now() - interval '3 days' WHERE id = 2")
    library.run("UPDATE queries SET created_at = now() - interval '40 days' WHERE id = 3")
    library.run("UPDATE jobs SET state = 'succeeded'")
    run(services.jobs.vote(BEN, 1, -1))
    run(services.jobs.store_vote_reason(BEN, 1, "wrong"))
    document(services, library, ANNA, target)
    day, week, month = run(services.activity.summarize(BOSS))
    assert (day.questions, day.unanswered, day.documents, day.tokens, day.usd) == (1, 1, 1, 5, 1.0)
    assert (day.votes_for, day.votes_against, day.reasons) == (0, 1, {"wrong": 1})
    assert (week.days, week.questions, week.unanswered, week.usd) == (7, 2, 1, 3.0)
    assert (month.days, month.questions, month.usd) == (30, 2, 3.0)
    usage = (
        "INSERT INTO embedding_usage (workspace_id, profile_id, requester, tokens, cost_usd) SELECT id, 1, {}, 7, 0.5"
    )
    library.run(usage.format("'1'") + " FROM workspaces WHERE key = 'guild:100'")
    library.run(usage.format("NULL") + " FROM workspaces WHERE key = 'guild:100'")
    (day, *_) = run(services.activity.summarize(BOSS))
    assert (day.questions_usd, day.documents_usd, day.tokens) == (1.0, 0.5, 12)
    assert run(services.activity.summarize(replace(BOSS, guild_id="101")))[0].questions == 0
