"""What users must not see or change: answers of others, limits set by the operator, expired permissions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.services.async_database import EffectiveSettings
from bot.services.jobs import InteractionToken
from bot.services.library import NewDocument, StoredBlob
from bot.services.questions import QuestionRequest
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import deliveries, jobs, workspace_settings, workspaces
from pipeline.errors import QuotaExceeded
from tests.integration.test_bot_services import ANNA, BEN, BOSS, document, refused, row, run, services, target

__all__ = ["row", "services", "target"]


def test_retry__of_a_private_question_only_by_its_user_with_the_channels_viewable_now(services, library, target, row):
    viewer = replace(ANNA, viewable_channels=("301", "302"))
    job = run(
        services.questions.ask(viewer, QuestionRequest("Why?"), target(private=True, token="anna", token_ttl_s=900))
    )
    assert row(job).payload["channels"] == ["301", "302"]
    assert run(services.jobs.cancel(BOSS, [job])) == ["cancelled"]
    refused("refusal-retry-private", services.jobs.retry(BOSS, [job], InteractionToken("boss", 900)))
    run(services.jobs.retry(replace(ANNA, viewable_channels=("301",)), [job]))
    assert row(job).payload["channels"] == ["301"]


def test_retry__by_a_manager_keeps_the_token_of_the_requester(services, library, target, row):
    card = target(private=True, token="anna", token_ttl_s=900)
    stored = run(services.library.store_content(ANNA, b"rules"))
    job = run(services.library.add(ANNA, [(NewDocument("rules.txt"), stored)], ("301",), card))[0]
    run(services.jobs.cancel(ANNA, [job]))
    assert run(services.jobs.retry(BOSS, [job], InteractionToken("boss", 900))) == [job]
    with library.database.system() as session:
        assert deliveries.load_views(session, [1])[1].delivery.token == "anna"
        deliveries.reopen(session, job, user_id=BOSS.user_id, token="boss", token_ttl_s=900)
        assert deliveries.load_views(session, [1])[1].delivery.token == "anna"
    assert row(job).payload["channels"] == ["301"]


# ------------------------------------------------------------------------------------------------------- limits, rights
def test_quota__cannot_be_bypassed_by_cancelling_and_retrying(services, library, target):
    run(services.workspace_settings.change(BOSS, questions_per_user_hour=2))
    asked = []
    for _ in range(3):  # cancelled before it started, so it does not count
        asked.append(run(services.questions.ask(ANNA, QuestionRequest("Why?"), target())))
        run(services.jobs.cancel(ANNA, [asked[-1]]))
    run(services.jobs.retry(ANNA, asked[:1]))
    run(services.jobs.retry(ANNA, asked[1:2]))
    for context in (ANNA, BOSS):
        with pytest.raises(QuotaExceeded):
            run(services.jobs.retry(context, asked[2:]))
    with pytest.raises(QuotaExceeded):
        run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))


def test_quota__every_started_attempt_counts(services, library, target):
    run(services.workspace_settings.change(BOSS, questions_per_user_hour=2))
    job = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    for n in range(2):
        lease = library.claim(job)
        run(services.jobs.cancel(ANNA, [job]))
        with library.database.system() as session:
            jobs.mark_cancelled(session, lease)
        if n == 0:
            run(services.jobs.retry(ANNA, [job]))
    with pytest.raises(QuotaExceeded) as over:
        run(services.jobs.retry(ANNA, [job]))
    assert over.value.frees_in_s > 3000
    with pytest.raises(QuotaExceeded):
        run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))


def test_retry__of_an_addition_needs_the_right_to_add(services, library, target, row):
    stored = run(services.library.store_content(ANNA, b"spam"))
    job = run(services.library.add(ANNA, [(NewDocument("spam.txt"), stored)], None, target()))[0]
    run(services.jobs.cancel(ANNA, [job]))
    run(services.workspace_settings.change(BOSS, ingest_by="managers"))
    refused("refusal-may-not-add-managers", services.jobs.retry(ANNA, [job]))
    run(services.workspace_settings.change(BOSS, ingest_by="everyone"))
    document(services, library, BEN, target, "spam.txt")
    refused("refusal-name-taken", services.jobs.retry(ANNA, [job]))
    assert row(job).state == "cancelled"


def test_sources__of_channels_not_viewable_now_are_redacted(services, library, target):
    board = replace(ANNA, channel_id="302")
    number = document(services, library, board, target, "board.txt", scope=("302",))
    job = run(services.questions.ask(board, QuestionRequest("Why?"), target(private=True)))
    lease = library.claim(job)
    cited = {"n": 1, "document": number, "title": "board", "quote": "what board.txt says", "source": "x/board.txt"}
    with library.database.tenant(lease.workspace_id) as session:
        jobs.succeed(session, lease, {"answer": "a", "citations": [cited], "candidates": [cited]})
    assert run(services.jobs.sources(board, job))["citations"] == [cited]
    shown = run(services.jobs.sources(ANNA, job))
    assert (shown["citations"], shown["candidates"]) == ([{"n": 1}], [{"n": 1}])


def test_limits__a_workspace_may_lower_but_not_raise_the_operators_limits(services, library):
    own = RequestContext("900", user_id="1", channel_id="888")
    for context in (BOSS, own):
        for name, above in (("questions_per_user_hour", 61), ("documents_per_day", 0)):
            refused("refusal-limit-too-high", services.workspace_settings.change(context, **{name: above}))
        assert run(services.workspace_settings.change(context, questions_per_user_hour=5)).question_quota.per_user == 5
    with library.database.system() as session:
        number = workspaces.ensure_workspace(session, BOSS.workspace)
    with library.database.tenant(number) as session:  # as an earlier version could
        overrides = workspace_settings.update(session, number, "3", questions_per_user_hour=0, questions_per_day=9999)
    quota = EffectiveSettings(overrides, services.settings).question_quota
    assert (quota.per_user, quota.per_workspace) == (60, 2000)


def test_document__by_exact_title_among_longer_titles(services, library, target):
    first = document(services, library, ANNA, target, "rules.txt")
    for n in range(3):
        document(services, library, ANNA, target, f"rules {n}.txt")
    title = run(services.library.document(ANNA, str(first))).title
    assert run(services.library.document(ANNA, title)).id == first
    library.run(f"UPDATE documents SET title = '{title}'")
    with pytest.raises(Refusal) as caught:
        run(services.library.document(ANNA, title))
    assert (caught.value.key, f"`{first}`" in str(caught.value)) == ("refusal-same-title", True)


def test_jobs__searched_with_unstorable_characters(services, target):
    run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    assert len(run(services.jobs.jobs(ANNA, everyone=False, search="wh\x00y\ud800"))) == 1


def test_documents__of_a_deleted_channel_can_only_be_listed_and_deleted(services, library, target):
    number = document(services, library, replace(ANNA, channel_id="302"), target, "board.txt", scope=("302",))
    boss = replace(BOSS, guild_channels=("301",))
    for context in (ANNA, boss):
        assert [found.id for found in run(services.library.documents(context, limit=10))[0]] == [number]
        refused("refusal-unknown-document", services.library.document(context, str(number)))
        assert run(services.library.document(context, str(number), to_delete=True)).id == number
        with pytest.raises(Refusal, match="no longer exists"):
            run(services.library.original(context, number))
    for context in (BEN, replace(BEN, guild_channels=("301",)), replace(boss, guild_channels=("301", "302"))):
        assert run(services.library.documents(context, limit=10)) == ([], 0)
        with pytest.raises(Refusal, match="no longer exists"):
            run(services.library.delete(context, number))
    assert run(services.library.delete(boss, number))


def test_jobs__a_private_question_is_redacted_for_a_manager(services, target):
    run(services.questions.ask(ANNA, QuestionRequest("Secret?"), target(private=True)))
    run(services.questions.ask(ANNA, QuestionRequest("Open?"), target()))
    for context, expected in ((BOSS, ["Open?", "-"]), (ANNA, ["Open?", "Secret?"])):
        listed = run(services.jobs.jobs(BOSS, everyone=True))
        assert [owned.redacted_for(context.user_id, "-").about for owned in listed] == expected


def test_engine__an_error_shows_no_parameters(library):
    from sqlalchemy import text

    with pytest.raises(Exception, match="hidden") as caught, library.database.system() as session:
        session.execute(text("SELECT 1 / 0 WHERE :token <> ''"), {"token": "top-secret"})
    assert "top-secret" not in str(caught.value)


def test_add__the_same_link_or_message_of_another_user_is_refused(services, library, target):
    link = NewDocument("https://example.org/a", url="https://example.org/a")
    note = NewDocument("The caretaker.md", "message-7.md")
    for addition in (link, note):
        run(services.library.add(ANNA, [(addition, StoredBlob())], None, target()))
        refused("refusal-already-added", services.library.check_replaceable(BEN, addition, None))


@pytest.mark.parametrize("scope", [None, ("301",)])
def test_reingest__fetches_a_link_again_and_reads_the_stored_bytes_of_a_file(services, library, target, row, scope):
    link = NewDocument("https://rules.example/a#b", url="https://rules.example/a#b", origin="https://rules.example/a#b")
    fetched = run(services.library.store_content(ANNA, b"the rules"))
    first = run(services.library.add(ANNA, [(link, fetched)], scope, target()))[0]
    lease = library.claim(first)
    library.store(lease, ["the rules"])
    library.embed()
    page = row(first).result["document"]
    again = row(run(services.library.reingest(ANNA, page, target()))).payload
    assert (again["url"], again["sha256"], again["source"]) == (link.url, None, lease.payload["source"])
    assert (again["channels"], again["force"]) == (scope and list(scope), True)

    message = "https://discord.com/channels/100/301/7"
    file = document(services, library, ANNA, target, "rules.txt", scope=scope, origin=message)
    again = row(run(services.library.reingest(ANNA, file, target()))).payload
    assert "url" not in again
    assert again["sha256"] is not None
