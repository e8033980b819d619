"""Requests to helpers: once per question, a few per day, also with simultaneous presses or a dying bot."""

from __future__ import annotations

import asyncio

from bot.services.helper_requests import MAX_PER_DAY
from bot.services.questions import QuestionRequest
from bot.services.refusals import Refusal
from tests.integration.test_bot_services import ANNA, BEN, refused, run, services, target

__all__ = ["services", "target"]


def ask(services, target, number):
    return run(services.questions.ask(ANNA, QuestionRequest(f"Who painted wall {number}?"), target()))


def test_limit__is_not_exceeded_by_simultaneous_presses(services, library, target):
    questions = [ask(services, target, number) for number in range(8)]

    async def press():
        presses = [services.helpers.record(ANNA, question) for question in questions]
        return await asyncio.gather(*presses, return_exceptions=True)

    results = asyncio.run(press())
    assert library.count("helper_requests") == MAX_PER_DAY
    refusals = [result for result in results if result is not None]
    assert all(isinstance(result, Refusal) and result.key == "refusal-helper-limit" for result in refusals)
    assert len(refusals) == len(questions) - MAX_PER_DAY


def test_request__whose_bot_died_before_posting_can_be_made_again(services, library, target):
    question = ask(services, target, 1)
    run(services.helpers.record(ANNA, question))
    refused("refusal-helper-asked", services.helpers.record(BEN, question))  # it is being posted
    library.run("UPDATE helper_requests SET created_at = now() - interval '6 minutes'")
    run(services.helpers.record(BEN, question))
    assert library.count("helper_requests", "user_id = '2' AND created_at > now() - interval '1 minute'") == 1


def test_request__that_was_posted_is_made_once(services, library, target):
    question = ask(services, target, 1)
    run(services.helpers.record(ANNA, question))
    run(services.helpers.mark_posted(ANNA, question))
    library.run("UPDATE helper_requests SET created_at = now() - interval '6 minutes'")
    refused("refusal-helper-asked", services.helpers.record(BEN, question))


def test_request__that_could_not_be_posted_can_be_made_again(services, library, target):
    question = ask(services, target, 1)
    run(services.helpers.record(ANNA, question))
    run(services.helpers.forget(ANNA, question))
    run(services.helpers.record(BEN, question))
    assert library.count("helper_requests") == 1
