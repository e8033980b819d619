"""What the desk keeps from people: answers of others, limits that are not theirs to lift, rights that are gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.desk.asking import Question
from bot.desk.door import Rules
from bot.desk.ledger import NewToken
from bot.desk.library import Addition, Kept
from bot.interactions.refusals import Refusal
from bot.interactions.scope import Place
from db import deliveries, jobs, workspace_settings, workspaces
from pipeline.errors import OverQuota, UnknownName
from tests.integration.test_bot_desk import ANNA, BEN, BOSS, desk, document, refused, row, run, target

__all__ = ["desk", "row", "target"]


def test_retry__of_a_private_question_only_by_the_person_and_with_what_is_open_now(desk, library, target, row):
    seeing = replace(ANNA, readable=("301", "302"))
    job = run(desk.asking.ask(seeing, Question("Why?"), target(private=True, token="anna", token_lives_s=900)))
    assert row(job).payload["channels"] == ["301", "302"]
    assert run(desk.ledger.cancel(BOSS, [job])) == ["cancelled"]
    refused("refusal-retry-private", desk.ledger.retry(BOSS, [job], NewToken("boss", 900)))
    run(desk.ledger.retry(replace(ANNA, readable=("301",)), [job]))
    assert row(job).payload["channels"] == ["301"]


def test_retry__by_a_manager_leaves_the_card_with_the_person_it_is_for(desk, library, target, row):
    card = target(private=True, token="anna", token_lives_s=900)
    kept = run(desk.library.keep(ANNA, b"rules"))
    job = run(desk.library.add(ANNA, [(Addition("rules.txt"), kept)], ("301",), card))[0]
    run(desk.ledger.cancel(ANNA, [job]))
    assert run(desk.ledger.retry(BOSS, [job], NewToken("boss", 900))) == [job]
    with library.database.system() as session:
        assert deliveries.views(session, [1])[1].delivery.token == "anna"
        deliveries.reopen(session, job, user_id=BOSS.user_id, token="boss", token_lives_s=900)
        assert deliveries.views(session, [1])[1].delivery.token == "anna"
    assert row(job).payload["channels"] == ["301"]


# ------------------------------------------------------------------------------------------------------- limits, rights
def test_quota__asking_cancelling_and_trying_again_walks_round_nothing(desk, library, target):
    run(desk.preferences.change(BOSS, questions_per_user_hour=2))
    kept = []
    for _ in range(3):  # cancelled before anybody began: free
        kept.append(run(desk.asking.ask(ANNA, Question("Why?"), target())))
        run(desk.ledger.cancel(ANNA, [kept[-1]]))
    run(desk.ledger.retry(ANNA, kept[:1]))
    run(desk.ledger.retry(ANNA, kept[1:2]))
    for place in (ANNA, BOSS):
        with pytest.raises(OverQuota):
            run(desk.ledger.retry(place, kept[2:]))
    with pytest.raises(OverQuota):
        run(desk.asking.ask(ANNA, Question("Why?"), target()))


def test_quota__what_was_begun_counts_each_time(desk, library, target):
    run(desk.preferences.change(BOSS, questions_per_user_hour=2))
    job = run(desk.asking.ask(ANNA, Question("Why?"), target()))
    for n in range(2):
        lease = library.claim(job)
        run(desk.ledger.cancel(ANNA, [job]))
        with library.database.system() as session:
            jobs.end_cancelled(session, lease)
        if n == 0:
            run(desk.ledger.retry(ANNA, [job]))
    with pytest.raises(OverQuota) as over:
        run(desk.ledger.retry(ANNA, [job]))
    assert over.value.frees_in_s > 3000
    with pytest.raises(OverQuota):
        run(desk.asking.ask(ANNA, Question("Why?"), target()))


def test_retry__of_an_addition_needs_the_right_to_add(desk, library, target, row):
    kept = run(desk.library.keep(ANNA, b"spam"))
    job = run(desk.library.add(ANNA, [(Addition("spam.txt"), kept)], None, target()))[0]
    run(desk.ledger.cancel(ANNA, [job]))
    run(desk.preferences.change(BOSS, ingest_by="managers"))
    refused("refusal-may-not-add-managers", desk.ledger.retry(ANNA, [job]))
    run(desk.preferences.change(BOSS, ingest_by="everyone"))
    document(desk, library, BEN, target, "spam.txt")
    refused("refusal-name-taken", desk.ledger.retry(ANNA, [job]))
    assert row(job).state == "cancelled"


def test_sources__of_what_is_closed_by_now_tell_nothing(desk, library, target):
    board = replace(ANNA, channel_id="302")
    number = document(desk, library, board, target, "board.txt", scope=("302",))
    job = run(desk.asking.ask(board, Question("Why?"), target(private=True)))
    lease = library.claim(job)
    cited = {"n": 1, "document": number, "title": "board", "quote": "what board.txt says", "source": "x/board.txt"}
    with library.database.tenant(lease.workspace_id) as session:
        jobs.succeed(session, lease, {"answer": "a", "citations": [cited], "candidates": [cited]})
    assert run(desk.ledger.sources(board, job))["citations"] == [cited]
    shown = run(desk.ledger.sources(ANNA, job))
    assert (shown["citations"], shown["candidates"]) == ([{"n": 1}], [{"n": 1}])


def test_limits__a_workspace_may_lower_the_operators_and_not_lift_them(desk, library):
    own = Place("900", user_id="1", channel_id="888")
    for place in (BOSS, own):
        for name, above in (("questions_per_user_hour", 61), ("documents_per_day", 0)):
            refused("refusal-limit-too-high", desk.preferences.change(place, **{name: above}))
        assert run(desk.preferences.change(place, questions_per_user_hour=5)).question_quota.per_user == 5
    with library.database.system() as session:
        number = workspaces.ensure_workspace(session, BOSS.workspace)
    with library.database.tenant(number) as session:  # as a version before could
        chosen = workspace_settings.change(session, number, "3", questions_per_user_hour=0, questions_per_day=9999)
    held = Rules(chosen, desk.settings).question_quota
    assert (held.per_user, held.per_workspace) == (60, 2000)


def test_document__of_an_exact_title_among_many_that_hold_it(desk, library, target):
    first = document(desk, library, ANNA, target, "rules.txt")
    for n in range(3):
        document(desk, library, ANNA, target, f"rules {n}.txt")
    title = run(desk.library.document(ANNA, str(first))).title
    assert run(desk.library.document(ANNA, title)).id == first
    library.run(f"UPDATE documents SET title = '{title}'")
    with pytest.raises(Refusal) as caught:
        run(desk.library.document(ANNA, title))
    assert (caught.value.key, f"`{first}`" in str(caught.value)) == ("refusal-same-title", True)


def test_jobs__searched_for_what_no_column_takes(desk, target):
    run(desk.asking.ask(ANNA, Question("Why?"), target()))
    assert len(run(desk.ledger.jobs(ANNA, everyone=False, search="wh\x00y\ud800"))) == 1


def test_documents__of_a_channel_that_is_gone_can_be_listed_and_deleted_and_nothing_else(desk, library, target):
    number = document(desk, library, replace(ANNA, channel_id="302"), target, "board.txt", scope=("302",))
    boss = replace(BOSS, existing=("301",))
    for place in (ANNA, boss):
        assert [found.id for found in run(desk.library.documents(place, limit=10))[0]] == [number]
        refused("refusal-unknown-document", desk.library.document(place, str(number)))
        assert run(desk.library.document(place, str(number), to_delete=True)).id == number
        with pytest.raises(UnknownName):
            run(desk.library.original(place, number))
    for place in (BEN, replace(BEN, existing=("301",)), replace(boss, existing=("301", "302"))):
        assert run(desk.library.documents(place, limit=10)) == ([], 0)
        with pytest.raises(UnknownName):
            run(desk.library.delete(place, number))
    assert run(desk.library.delete(boss, number))


def test_jobs__a_private_question_is_not_said_to_a_manager(desk, target):
    run(desk.asking.ask(ANNA, Question("Secret?"), target(private=True)))
    run(desk.asking.ask(ANNA, Question("Open?"), target()))
    for place, told in ((BOSS, ["Open?", "-"]), (ANNA, ["Open?", "Secret?"])):
        listed = run(desk.ledger.jobs(BOSS, everyone=True))
        assert [owned.told_to(place.user_id, "-").about for owned in listed] == told


def test_engine__an_error_shows_no_parameters(library):
    from sqlalchemy import text

    with pytest.raises(Exception, match="hidden") as caught, library.database.system() as session:
        session.execute(text("SELECT 1 / 0 WHERE :token <> ''"), {"token": "top-secret"})
    assert "top-secret" not in str(caught.value)


def test_add__the_same_link_or_message_of_somebody_else_is_there_already(desk, library, target):
    link = Addition("https://example.org/a", url="https://example.org/a")
    note = Addition("The caretaker.md", "message-7.md")
    for addition in (link, note):
        run(desk.library.add(ANNA, [(addition, Kept())], None, target()))
        refused("refusal-is-there", desk.library.check_free(BEN, addition, None))
