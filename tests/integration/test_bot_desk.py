"""The bot's desk on a real database: what people may see and change, whatever they name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.desk import Desk
from bot.desk.asking import Question, Target
from bot.desk.ledger import NewToken
from bot.desk.library import Addition, Kept
from bot.desk.preferences import require_manager
from bot.interactions.refusals import Refusal
from bot.interactions.scope import Place
from config.settings import Settings
from db import deliveries, jobs
from db.engine import Database
from pipeline.errors import DatabaseAway, OverQuota, UnknownName
from tasks.submit import Submitter
from tests.integration.conftest import Library

GUILD = "100"
ANNA = Place("900", user_id="1", channel_id="301", guild_id=GUILD, manager=False, reachable=True, open_to_all=True)
BEN = replace(ANNA, user_id="2")
BOSS = replace(ANNA, user_id="3", manager=True)


@pytest.fixture
def desk(library: Library, redis_url: str):
    submitter = Submitter(library.database, redis_url, expires_s=60)
    made = Desk(library.database, submitter, Settings(_env_file=None))
    yield made
    made.close()


def run(work: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await work

    return asyncio.run(wait())


def refused(key: str, work: Awaitable[Any]) -> None:
    with pytest.raises(Refusal) as caught:
        run(work)
    assert caught.value.key == key


class Requests:
    """Numbers of interactions, each used once."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, **values: Any) -> Target:
        self.number += 1
        return Target(f"interaction:{self.number}", message_id=str(7000 + self.number), **values)


@pytest.fixture
def target() -> Requests:
    return Requests()


@pytest.fixture
def row(library: Library) -> Callable[[int], Any]:
    def read(job: int) -> Any:
        with library.database.system() as session:
            return jobs.get(session, job)

    return read


def document(
    desk: Desk, library: Library, place: Place, target: Requests, name: str = "rules.txt", **scope: Any
) -> int:
    """Let a person add a document and let it be read."""
    kept = run(desk.library.keep(place, name.encode()))
    job = run(desk.library.add(place, [(Addition(name), kept)], scope.get("scope"), target()))[0]
    lease = library.claim(job)
    assert lease is not None
    library.store(lease, [f"what {name} says"])
    library.embed()
    with library.database.system() as session:
        return int(jobs.get(session, job).result["document"])  # type: ignore[index]


def answered(library: Library, job: int, text: str = "40 euros") -> None:
    lease = library.claim(job)
    assert lease is not None
    with library.database.tenant(lease.workspace_id) as session:
        jobs.succeed(session, lease, {"answer": text, "citations": []})


def test_ask__payload_and_delivery(desk, target, row):
    place = replace(ANNA, channel_id="401", parent_id="301", readable=("301", "302"))
    public = row(run(desk.asking.ask(place, Question("Why?", "none", 5, (("Before?", "Yes"),)), target())))
    assert public.payload["channels"] == ["401", "301"]
    assert public.payload["options"]["reranker"] == "none"
    assert public.payload["options"]["top_k"] == 5
    assert public.payload["conversation"] == [{"question": "Before?", "answer": "Yes"}]
    assert (public.requester, public.kind) == ("1", "ask")
    private = row(run(desk.asking.ask(place, Question("Why?"), target(private=True, token="t", token_lives_s=900))))
    assert private.payload["channels"] == ["301", "302", "401"]


def test_ask__the_same_interaction_seen_by_two_processes_is_one_job(desk, target):
    where = target()
    assert run(desk.asking.ask(ANNA, Question("Why?"), where)) == run(desk.asking.ask(ANNA, Question("Why?"), where))


@pytest.mark.parametrize(
    ("private", "reachable", "token", "route"),
    [
        (False, True, "t", "channel"),
        (False, False, "t", "token"),
        (True, True, "t", "token"),
        (False, True, None, "channel"),
    ],
)
def test_delivery__by_the_bots_own_token_wherever_that_reaches(private, reachable, token, route):
    where = Target("interaction:1", private=private, token=token)
    assert where.delivery(replace(ANNA, reachable=reachable), 1, "answer").route == route


def test_ask__in_public_where_answers_are_private_is_refused(desk, target):
    run(desk.preferences.change(BOSS, public_channels=("999",)))
    refused("refusal-private-only", desk.asking.ask(ANNA, Question("Why?"), target()))
    assert run(desk.asking.ask(ANNA, Question("Why?"), target(private=True)))


def test_ask__quota_of_the_workspace(desk, target):
    run(desk.preferences.change(BOSS, questions_per_user_hour=1, questions_per_day=2))
    run(desk.asking.ask(ANNA, Question("One?"), target()))
    with pytest.raises(OverQuota) as over:
        run(desk.asking.ask(ANNA, Question("Two?"), target()))
    assert (over.value.scope, over.value.limit) == ("user", 1)
    run(desk.asking.ask(BEN, Question("One?"), target()))
    with pytest.raises(OverQuota) as over:
        run(desk.asking.ask(BOSS, Question("One?"), target()))
    assert over.value.scope == "server"


def test_conversation__of_a_thread_and_of_an_answer_that_was_itself_a_follow_up(desk, library, target):
    assert run(desk.asking.conversation(ANNA, ["301"])) is None
    first = target()
    answered(library, run(desk.asking.ask(ANNA, Question("One?"), first)), "1")
    assert run(desk.asking.conversation(ANNA, [str(first.message_id)])) == [("One?", "1")]
    second = target()
    follow_up = Question("Two?", conversation=(("One?", "1"),))
    answered(library, run(desk.asking.ask(BEN, follow_up, second)), "2")
    assert run(desk.asking.conversation(ANNA, [str(second.message_id)])) == [("One?", "1"), ("Two?", "2")]
    answered(library, run(desk.asking.ask(ANNA, Question("Secret?"), target(private=True))), "3")
    assert run(desk.asking.conversation(ANNA, ["301"])) == [("One?", "1"), ("Two?", "2")]
    assert run(desk.asking.conversation(replace(ANNA, guild_id="101"), ["301"])) is None


def test_documents__of_other_channels_are_not_there_whatever_one_names(desk, library, target):
    board = replace(ANNA, channel_id="302", readable=("301", "302"))
    number = document(desk, library, board, target, "board.txt", scope=("302",))
    assert run(desk.library.document(board, str(number))).id == number
    assert run(desk.library.documents(BEN, limit=10)) == ([], 0)
    refused("refusal-unknown-document", desk.library.document(ANNA, str(number)))
    refused("refusal-unknown-document", desk.library.document(ANNA, "board"))
    for attempt in (desk.library.original, desk.library.delete):
        with pytest.raises(UnknownName):
            run(attempt(replace(BOSS, readable=()), number))
    with pytest.raises(UnknownName):
        run(desk.library.reingest(replace(BOSS, readable=()), number, target()))


def test_documents__of_another_server_are_not_there(desk, library, target):
    number = document(desk, library, ANNA, target)
    stranger = replace(BOSS, guild_id="101", user_id="1")
    refused("refusal-unknown-document", desk.library.document(stranger, str(number)))
    with pytest.raises(UnknownName):
        run(desk.library.delete(stranger, number))


def test_document__by_number_title_or_beginning_of_it(desk, library, target):
    number = document(desk, library, ANNA, target, "rules.txt")
    other = document(desk, library, ANNA, target, "rulesoflaw.txt")
    title = run(desk.library.document(ANNA, str(number))).title
    assert run(desk.library.document(ANNA, f" {title.lower()} ")).id == number
    assert run(desk.library.document(ANNA, "ofLaw")).id == other
    for named in ("rule", "", "   ", "9" * 30, "-1", "%", "' OR 1=1 --", "\x00"):
        refused("refusal-unknown-document", desk.library.document(ANNA, named))


def test_documents__listed_in_pages(desk, library, target):
    numbers = [document(desk, library, ANNA, target, f"{n}.txt") for n in range(3)]
    first, total = run(desk.library.documents(ANNA, limit=2))
    second, again = run(desk.library.documents(ANNA, limit=2, offset=2))
    assert [found.id for found in first + second] == numbers[::-1]
    assert total == again == 3


def test_delete__by_who_added_it_or_a_manager(desk, library, target):
    number = document(desk, library, ANNA, target)
    refused("refusal-not-your-document", desk.library.delete(BEN, number))
    refused("refusal-not-your-document", desk.library.reingest(BEN, number, target()))
    assert run(desk.library.delete(ANNA, number)) == run(
        desk.library.delete(BOSS, document(desk, library, ANNA, target))
    )


def test_add__the_name_of_somebody_elses_document_is_taken(desk, library, target):
    document(desk, library, ANNA, target)
    for place in (ANNA, BOSS, replace(BEN, guild_id="101")):
        run(desk.library.check_free(place, Addition("rules.txt"), None))
    run(desk.library.check_free(BEN, Addition("rules.txt"), ("301",)))
    refused("refusal-name-taken", desk.library.check_free(BEN, Addition("rules.txt"), None))
    # Also while it is still being read.
    kept = run(desk.library.keep(ANNA, b"new"))
    run(desk.library.add(ANNA, [(Addition("new.txt"), kept)], None, target()))
    refused("refusal-name-taken", desk.library.check_free(BEN, Addition("new.txt"), None))


def test_add__several_things_on_one_card(desk, library, target, row):
    kept = run(desk.library.keep(ANNA, b"content"))
    link = Addition("https://example.org/a", url="https://example.org/a", origin="https://example.org/a")
    numbers = run(desk.library.add(ANNA, [(Addition("a.txt"), kept), (link, Kept())], ("301",), target()))
    first, second = (row(number).payload for number in numbers)
    assert (first["source"], first["bytes"], first["channels"]) == ("discord:100/301/a.txt", 7, ["301"])
    assert (second["url"], second["sha256"]) == ("https://example.org/a", None)
    with library.database.system() as session:
        assert len(deliveries.views(session, [1])[1].jobs) == 2


def test_check_room__who_may_and_how_much(desk):
    run(desk.preferences.change(BOSS, documents_per_user_day=2))
    run(desk.library.check_room(ANNA, 2))
    with pytest.raises(OverQuota):
        run(desk.library.check_room(ANNA, 3))
    run(desk.preferences.change(BOSS, ingest_by="role", ingest_role="5"))
    refused("refusal-may-not-add-role", desk.library.check_room(ANNA, 1))
    run(desk.library.check_room(replace(ANNA, role_ids=frozenset({"5"})), 1))


def test_job__ones_own_or_any_as_a_manager_or_a_public_one_of_this_channel(desk, target):
    private = run(desk.asking.ask(ANNA, Question("Why?"), target(private=True)))
    public = run(desk.asking.ask(ANNA, Question("Why?"), target()))
    assert run(desk.ledger.job(BOSS, private)).job.id == private
    assert run(desk.ledger.job(BEN, public)).job.id == public
    for place in (BEN, replace(BOSS, guild_id="101"), replace(BOSS, guild_id=None)):
        refused("refusal-unknown-job", desk.ledger.job(place, private))
    refused("refusal-unknown-job", desk.ledger.job(replace(BEN, channel_id="302"), public))
    for number in (0, -1, 2**63, 10**18):
        refused("refusal-unknown-job", desk.ledger.job(ANNA, number))


def test_answer__a_manager_may_not_read_private_ones(desk, library, target):
    private = run(desk.asking.ask(ANNA, Question("Why?"), target(private=True)))
    answered(library, private)
    assert run(desk.ledger.answer(ANNA, private)).job.result["answer"] == "40 euros"
    refused("refusal-not-your-answer", desk.ledger.answer(BOSS, private))
    refused("refusal-not-your-answer", desk.ledger.vote(BOSS, private, 1))
    refused("refusal-not-your-answer", desk.ledger.trace(BOSS, private))


def test_vote__kept_changed_and_taken_back(desk, library, target):
    job = run(desk.asking.ask(ANNA, Question("Why?"), target()))
    answered(library, job)
    assert [run(desk.ledger.vote(BEN, job, vote)) for vote in (1, -1, -1, 1)] == [1, -1, 0, 1]


def test_cancel_and_retry__by_the_requester_or_a_manager(desk, library, target, row):
    job = run(desk.asking.ask(ANNA, Question("Why?"), target()))
    refused("refusal-not-your-job", desk.ledger.cancel(BEN, [job]))
    assert run(desk.ledger.cancel(ANNA, [job])) == ["cancelled"]
    refused("refusal-job-ended", desk.ledger.cancel(ANNA, [job]))
    refused("refusal-not-your-job", desk.ledger.retry(BEN, [job]))
    assert run(desk.ledger.retry(BOSS, [job])) == [job]
    assert row(job).state == "queued"
    refused("refusal-nothing-to-retry", desk.ledger.retry(ANNA, [job]))


def test_jobs_of__a_delivery_of_another_workspace_are_not_there(desk, target):
    run(desk.asking.ask(ANNA, Question("Why?"), target()))
    assert run(desk.ledger.jobs_of(ANNA, 1)) == [1]
    assert run(desk.ledger.jobs_of(replace(BOSS, guild_id="101"), 1)) == []
    # In direct messages the number alone opens nothing: it has to be one's own, delivered there.
    stranger = Place("900", user_id="8", channel_id="888")
    refused("refusal-unknown-job", desk.ledger.cancel(stranger, run(desk.ledger.jobs_of(stranger, 1))))


def test_direct_messages__what_was_delivered_there_can_be_used_there(desk, library, target):
    job = run(desk.asking.ask(ANNA, Question("Why?"), target(private=True, token="t", token_lives_s=900)))
    answered(library, job)
    there = Place("900", user_id=ANNA.user_id, channel_id="888")
    refused("refusal-unknown-job", desk.ledger.answer(there, job))
    with library.database.system() as session:
        held = deliveries.claim_one(session, 1, "bot", 60)
        assert held is not None
        deliveries.reroute(session, held, route="channel", channel_id="888", message_id="1")
    assert run(desk.ledger.answer(there, job)).elsewhere
    assert run(desk.ledger.vote(there, job, 1)) == 1
    refused("refusal-unknown-job", desk.ledger.answer(replace(there, user_id="8"), job))


def test_retry__of_what_only_a_token_reaches_takes_the_new_one(desk, library, target):
    job = run(desk.asking.ask(ANNA, Question("Why?"), target(private=True, token="old", token_lives_s=900)))
    run(desk.ledger.cancel(ANNA, [job]))
    run(desk.ledger.retry(ANNA, [job], NewToken("new", 900)))
    with library.database.system() as session:
        assert deliveries.views(session, [1])[1].delivery.token == "new"


def test_jobs__listed_for_oneself_or_for_everybody(desk, target):
    mine = run(desk.asking.ask(ANNA, Question("My question?"), target()))
    other = run(desk.asking.ask(BEN, Question("Another one?"), target()))
    assert [owned.job.id for owned in run(desk.ledger.jobs(ANNA, everyone=False))] == [mine]
    assert [owned.job.id for owned in run(desk.ledger.jobs(BOSS, everyone=True))] == [other, mine]
    assert [owned.job.id for owned in run(desk.ledger.jobs(BOSS, everyone=True, search="ANOTHER"))] == [other]
    assert [owned.job.about for owned in run(desk.ledger.jobs(BOSS, everyone=True, search=str(mine)))] == [
        "My question?"
    ]


def test_last_answer__in_this_channel(desk, library, target):
    assert run(desk.ledger.last_answer(ANNA)) is None
    numbers = [run(desk.asking.ask(ANNA, Question("Why?"), target())) for _ in range(2)]
    answered(library, numbers[0])
    assert run(desk.ledger.last_answer(ANNA)) == numbers[0]
    assert run(desk.ledger.last_answer(replace(ANNA, channel_id="302"))) is None
    assert run(desk.ledger.last_answer(BEN)) is None


def test_settings__hold_for_one_workspace_and_the_operators_stand_behind(desk):
    run(desk.preferences.change(BOSS, reranker="none", top_k=7, questions_per_day=9))
    rules = run(desk.preferences.rules(ANNA))
    assert (rules.options().reranker, rules.options().top_k, rules.options().top_n) == ("none", 7, 50)
    assert rules.options("cross-encoder", 2).reranker == "cross-encoder"
    assert rules.question_quota.per_workspace == 9
    assert run(desk.preferences.rules(replace(ANNA, guild_id="101"))).options().reranker == "late-interaction"


def test_settings__managers_only(desk):
    refused("refusal-managers-only", desk.preferences.change(ANNA, top_k=7))
    require_manager(BOSS)
    with pytest.raises(UnknownName):
        run(desk.preferences.change(BOSS, reranker="magic"))


def test_settings__of_another_process_are_learnt_with_the_next_sign_of_life(desk, library, redis_url):
    other = Desk(library.database, Submitter(library.database, redis_url, expires_s=60), desk.settings)
    try:
        assert other.known_rules(ANNA).chosen.public_channels is None
        run(desk.preferences.change(BOSS, public_channels=("301",)))
        run(other.presence.beat())
        assert other.known_rules(ANNA).chosen.public_channels == ("301",)
    finally:
        other.close()


def test_database_away__is_said_so(redis_url, target):
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    desk = Desk(database, Submitter(database, redis_url, expires_s=60), Settings(_env_file=None))
    try:
        with pytest.raises(DatabaseAway):
            run(desk.asking.ask(ANNA, Question("Why?"), target()))
    finally:
        desk.close()
        database.close()


def test_presence__a_row_while_the_bot_lives(desk, library):
    from sqlalchemy import text

    def rows() -> list[str]:
        with library.database.owner() as session:
            return list(session.scalars(text("SELECT role FROM workers")))

    run(desk.presence.beat())
    run(desk.presence.beat())
    assert rows() == ["bot"]
    run(desk.presence.leave())
    assert rows() == []


def test_desk__never_blocks_the_event_loop(desk, target):
    async def live() -> set[str]:
        names: set[str] = set()
        original = desk.asking._ask

        def noted(*args: Any) -> int:
            names.add(threading.current_thread().name)
            return int(original(*args))

        desk.asking._ask = noted
        await asyncio.gather(*(desk.asking.ask(ANNA, Question("Why?"), target()) for _ in range(5)))
        return names

    assert all(name.startswith("desk") for name in asyncio.run(live()))
