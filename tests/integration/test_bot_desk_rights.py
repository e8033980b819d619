"""What the desk keeps from people: answers of others, limits that are not theirs to lift, rights that are gone."""

from __future__ import annotations

from dataclasses import replace

from bot.desk.asking import Question
from bot.desk.ledger import NewToken
from bot.desk.library import Addition
from db import deliveries
from tests.integration.test_bot_desk import ANNA, BOSS, desk, refused, row, run, target

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
