"""The bot's services on a real database: what users may see and change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.services import Services
from bot.services.jobs import InteractionToken
from bot.services.library import NewDocument, StoredBlob
from bot.services.questions import QuestionRequest, TargetMessage
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from bot.services.workspace_settings import require_manager
from config.settings import Settings
from db import deliveries, jobs
from db.engine import Database
from pipeline.errors import DatabaseUnavailable, QuotaExceeded, UnknownName
from tasks.submit import Submitter
from tests.integration.conftest import Library

GUILD = "100"
ANNA = RequestContext(
    "900", user_id="1", channel_id="301", guild_id=GUILD, manager=False, reachable=True, open_to_all=True
)
BEN = replace(ANNA, user_id="2")
BOSS = replace(ANNA, user_id="3", manager=True)


@pytest.fixture
def services(library: Library, redis_url: str):
    submitter = Submitter(library.database, redis_url, expires_s=60)
    made = Services(library.database, submitter, Settings(_env_file=None))
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
    """Target messages, each of another interaction."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, **values: Any) -> TargetMessage:
        self.number += 1
        return TargetMessage(f"interaction:{self.number}", message_id=str(7000 + self.number), **values)


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
    services: Services,
    library: Library,
    context: RequestContext,
    target: Requests,
    name: str = "rules.txt",
    scope: Any = None,
    origin: str | None = None,
) -> int:
    """Add a document and ingest it."""
    stored = run(services.library.store_content(context, name.encode()))
    job = run(services.library.add(context, [(NewDocument(name, origin=origin), stored)], scope, target()))[0]
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


def test_ask__payload_and_delivery(services, target, row):
    context = replace(ANNA, channel_id="401", parent_id="301", viewable_channels=("301", "302"))
    public = row(
        run(services.questions.ask(context, QuestionRequest("Why?", "none", 5, (("Before?", "Yes"),)), target()))
    )
    assert public.payload["channels"] == ["401", "301"]
    assert public.payload["options"]["reranker"] == "none"
    assert public.payload["options"]["top_k"] == 5
    assert public.payload["conversation"] == [{"question": "Before?", "answer": "Yes"}]
    assert (public.requester, public.kind) == ("1", "ask")
    private = row(
        run(services.questions.ask(context, QuestionRequest("Why?"), target(private=True, token="t", token_ttl_s=900)))
    )
    assert private.payload["channels"] == ["301", "302", "401"]


def test_ask__the_same_interaction_seen_by_two_processes_is_one_job(services, target):
    where = target()
    assert run(services.questions.ask(ANNA, QuestionRequest("Why?"), where)) == run(
        services.questions.ask(ANNA, QuestionRequest("Why?"), where)
    )


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
    where = TargetMessage("interaction:1", private=private, token=token)
    assert where.delivery(replace(ANNA, reachable=reachable), 1, "answer").route == route


def test_ask__in_public_where_answers_are_private_is_refused(services, target):
    run(services.workspace_settings.change(BOSS, public_channels=("999",)))
    refused("refusal-private-only", services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    assert run(services.questions.ask(ANNA, QuestionRequest("Why?"), target(private=True)))


def test_ask__quota_of_the_workspace(services, target):
    run(services.workspace_settings.change(BOSS, questions_per_user_hour=1, questions_per_day=2))
    run(services.questions.ask(ANNA, QuestionRequest("One?"), target()))
    with pytest.raises(QuotaExceeded) as over:
        run(services.questions.ask(ANNA, QuestionRequest("Two?"), target()))
    assert (over.value.scope, over.value.limit) == ("user", 1)
    run(services.questions.ask(BEN, QuestionRequest("One?"), target()))
    with pytest.raises(QuotaExceeded) as over:
        run(services.questions.ask(BOSS, QuestionRequest("One?"), target()))
    assert over.value.scope == "server"


def test_conversation__of_a_thread_and_of_an_answer_that_was_itself_a_follow_up(services, library, target):
    assert run(services.questions.conversation(ANNA, ["301"])) is None
    first = target()
    answered(library, run(services.questions.ask(ANNA, QuestionRequest("One?"), first)), "1")
    assert run(services.questions.conversation(ANNA, [str(first.message_id)])) == [("One?", "1")]
    second = target()
    follow_up = QuestionRequest("Two?", conversation=(("One?", "1"),))
    answered(library, run(services.questions.ask(BEN, follow_up, second)), "2")
    assert run(services.questions.conversation(ANNA, [str(second.message_id)])) == [("One?", "1"), ("Two?", "2")]
    answered(library, run(services.questions.ask(ANNA, QuestionRequest("Secret?"), target(private=True))), "3")
    assert run(services.questions.conversation(ANNA, ["301"])) == [("One?", "1"), ("Two?", "2")]
    assert run(services.questions.conversation(replace(ANNA, guild_id="101"), ["301"])) is None


def test_documents__of_other_channels_cannot_be_found(services, library, target):
    board = replace(ANNA, channel_id="302", viewable_channels=("301", "302"))
    number = document(services, library, board, target, "board.txt", scope=("302",))
    assert run(services.library.document(board, str(number))).id == number
    assert run(services.library.documents(BEN, limit=10)) == ([], 0)
    refused("refusal-unknown-document", services.library.document(ANNA, str(number)))
    refused("refusal-unknown-document", services.library.document(ANNA, "board"))
    for attempt in (services.library.original, services.library.delete):
        with pytest.raises(Refusal, match="no longer exists"):
            run(attempt(replace(BOSS, viewable_channels=()), number))
    with pytest.raises(Refusal, match="no longer exists"):
        run(services.library.reingest(replace(BOSS, viewable_channels=()), number, target()))


def test_documents__of_another_server_cannot_be_found(services, library, target):
    number = document(services, library, ANNA, target)
    stranger = replace(BOSS, guild_id="101", user_id="1")
    refused("refusal-unknown-document", services.library.document(stranger, str(number)))
    with pytest.raises(Refusal, match="no longer exists"):
        run(services.library.delete(stranger, number))


def test_document__by_number_title_or_beginning_of_it(services, library, target):
    number = document(services, library, ANNA, target, "rules.txt")
    other = document(services, library, ANNA, target, "rulesoflaw.txt")
    title = run(services.library.document(ANNA, str(number))).title
    assert run(services.library.document(ANNA, f" {title.lower()} ")).id == number
    assert run(services.library.document(ANNA, "ofLaw")).id == other
    for named in ("rule", "", "   ", "9" * 30, "-1", "%", "' OR 1=1 --", "\x00"):
        refused("refusal-unknown-document", services.library.document(ANNA, named))


def test_documents__listed_in_pages(services, library, target):
    numbers = [document(services, library, ANNA, target, f"{n}.txt") for n in range(3)]
    first, total = run(services.library.documents(ANNA, limit=2))
    second, again = run(services.library.documents(ANNA, limit=2, offset=2))
    assert [found.id for found in first + second] == numbers[::-1]
    assert total == again == 3


def test_delete__by_who_added_it_or_a_manager(services, library, target):
    number = document(services, library, ANNA, target)
    refused("refusal-not-your-document", services.library.delete(BEN, number))
    refused("refusal-not-your-document", services.library.reingest(BEN, number, target()))
    assert run(services.library.delete(ANNA, number)) == run(
        services.library.delete(BOSS, document(services, library, ANNA, target))
    )


def test_reingest__is_shown_by_the_title(services, library, target):
    number = document(services, library, ANNA, target)
    job = run(services.library.reingest(ANNA, number, target()))
    title = run(services.library.document(ANNA, str(number))).title
    assert run(services.jobs.job(ANNA, job)).job.about == title != "rules.txt"


def test_add__the_name_of_another_users_document_is_taken(services, library, target):
    document(services, library, ANNA, target)
    for context in (ANNA, BOSS, replace(BEN, guild_id="101")):
        run(services.library.check_replaceable(context, NewDocument("rules.txt"), None))
    run(services.library.check_replaceable(BEN, NewDocument("rules.txt"), ("301",)))
    refused("refusal-name-taken", services.library.check_replaceable(BEN, NewDocument("rules.txt"), None))
    # Also while the document is still being ingested.
    stored = run(services.library.store_content(ANNA, b"new"))
    run(services.library.add(ANNA, [(NewDocument("new.txt"), stored)], None, target()))
    refused("refusal-name-taken", services.library.check_replaceable(BEN, NewDocument("new.txt"), None))


def test_add__several_documents_in_one_delivery(services, library, target, row):
    stored = run(services.library.store_content(ANNA, b"content"))
    link = NewDocument("https://example.org/a", url="https://example.org/a", origin="https://example.org/a")
    numbers = run(
        services.library.add(ANNA, [(NewDocument("a.txt"), stored), (link, StoredBlob())], ("301",), target())
    )
    first, second = (row(number).payload for number in numbers)
    assert (first["source"], first["bytes"], first["channels"]) == ("discord:100/301/a.txt", 7, ["301"])
    assert (second["url"], second["sha256"]) == ("https://example.org/a", None)
    with library.database.system() as session:
        assert len(deliveries.load_views(session, [1])[1].jobs) == 2


def test_check_room__who_may_and_how_much(services):
    run(services.workspace_settings.change(BOSS, documents_per_user_day=2))
    run(services.library.check_quota(ANNA, 2))
    with pytest.raises(QuotaExceeded):
        run(services.library.check_quota(ANNA, 3))
    run(services.workspace_settings.change(BOSS, ingest_by="role", ingest_role="5"))
    refused("refusal-may-not-add-role", services.library.check_quota(ANNA, 1))
    run(services.library.check_quota(replace(ANNA, role_ids=frozenset({"5"})), 1))


def test_job__own_or_any_as_a_manager_or_a_public_one_of_this_channel(services, target):
    private = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target(private=True)))
    public = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    assert run(services.jobs.job(BOSS, private)).job.id == private
    assert run(services.jobs.job(BEN, public)).job.id == public
    for context in (BEN, replace(BOSS, guild_id="101"), replace(BOSS, guild_id=None)):
        refused("refusal-unknown-job", services.jobs.job(context, private))
    refused("refusal-unknown-job", services.jobs.job(replace(BEN, channel_id="302"), public))
    for number in (0, -1, 2**63, 10**18):
        refused("refusal-unknown-job", services.jobs.job(ANNA, number))


def test_answer__a_manager_may_not_read_private_ones(services, library, target):
    private = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target(private=True)))
    answered(library, private)
    assert run(services.jobs.answer(ANNA, private)).job.result["answer"] == "40 euros"
    refused("refusal-not-your-answer", services.jobs.answer(BOSS, private))
    refused("refusal-not-your-answer", services.jobs.vote(BOSS, private, 1))
    refused("refusal-not-your-answer", services.jobs.trace(BOSS, private))


def test_vote__stored_changed_and_removed(services, library, target):
    job = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    answered(library, job)
    assert [run(services.jobs.vote(BEN, job, vote)) for vote in (1, -1, -1, 1)] == [1, -1, 0, 1]


def test_cancel_and_retry__by_the_requester_or_a_manager(services, library, target, row):
    job = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    refused("refusal-not-your-job", services.jobs.cancel(BEN, [job]))
    assert run(services.jobs.cancel(ANNA, [job])) == ["cancelled"]
    refused("refusal-job-ended", services.jobs.cancel(ANNA, [job]))
    refused("refusal-not-your-job", services.jobs.retry(BEN, [job]))
    assert run(services.jobs.retry(BOSS, [job])) == [job]
    assert row(job).state == "queued"
    refused("refusal-nothing-to-retry", services.jobs.retry(ANNA, [job]))


def test_jobs_of__a_delivery_of_another_workspace_are_empty(services, target):
    run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    assert run(services.jobs.jobs_of(ANNA, 1)) == [1]
    assert run(services.jobs.jobs_of(replace(BOSS, guild_id="101"), 1)) == []
    # In direct messages the ID alone gives no access: the job must have been delivered there to this user.
    stranger = RequestContext("900", user_id="8", channel_id="888")
    refused("refusal-unknown-job", services.jobs.cancel(stranger, run(services.jobs.jobs_of(stranger, 1))))


def test_direct_messages__jobs_delivered_there_can_be_used_there(services, library, target):
    job = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target(private=True, token="t", token_ttl_s=900)))
    answered(library, job)
    there = RequestContext("900", user_id=ANNA.user_id, channel_id="888")
    refused("refusal-unknown-job", services.jobs.answer(there, job))
    with library.database.system() as session:
        claimed = deliveries.claim_one(session, 1, "bot", 60)
        assert claimed is not None
        deliveries.reroute(session, claimed, route="channel", channel_id="888", message_id="1")
    assert run(services.jobs.answer(there, job)).in_other_workspace
    assert run(services.jobs.vote(there, job, 1)) == 1
    refused("refusal-unknown-job", services.jobs.answer(replace(there, user_id="8"), job))


def test_retry__of_a_token_delivery_uses_the_new_token(services, library, target):
    job = run(services.questions.ask(ANNA, QuestionRequest("Why?"), target(private=True, token="old", token_ttl_s=900)))
    run(services.jobs.cancel(ANNA, [job]))
    run(services.jobs.retry(ANNA, [job], InteractionToken("new", 900)))
    with library.database.system() as session:
        assert deliveries.load_views(session, [1])[1].delivery.token == "new"


def test_jobs__own_or_all(services, target):
    mine = run(services.questions.ask(ANNA, QuestionRequest("My question?"), target()))
    other = run(services.questions.ask(BEN, QuestionRequest("Another one?"), target()))
    assert [owned.job.id for owned in run(services.jobs.jobs(ANNA, everyone=False))] == [mine]
    assert [owned.job.id for owned in run(services.jobs.jobs(BOSS, everyone=True))] == [other, mine]
    assert [owned.job.id for owned in run(services.jobs.jobs(BOSS, everyone=True, search="ANOTHER"))] == [other]
    assert [owned.job.about for owned in run(services.jobs.jobs(BOSS, everyone=True, search=str(mine)))] == [
        "My question?"
    ]


def test_last_answer__in_this_channel(services, library, target):
    assert run(services.jobs.last_answer(ANNA)) is None
    numbers = [run(services.questions.ask(ANNA, QuestionRequest("Why?"), target())) for _ in range(2)]
    answered(library, numbers[0])
    assert run(services.jobs.last_answer(ANNA)) == numbers[0]
    assert run(services.jobs.last_answer(replace(ANNA, channel_id="302"))) is None
    assert run(services.jobs.last_answer(BEN)) is None


def test_settings__override_the_operators_defaults_in_one_workspace(services):
    run(services.workspace_settings.change(BOSS, reranker="none", top_k=7, questions_per_day=9))
    rules = run(services.workspace_settings.get(ANNA))
    assert (rules.options().reranker, rules.options().top_k, rules.options().top_n) == ("none", 7, 50)
    assert rules.options("cross-encoder", 2).reranker == "cross-encoder"
    assert rules.question_quota.per_workspace == 9
    assert run(services.workspace_settings.get(replace(ANNA, guild_id="101"))).options().reranker == "auto"


def test_settings__managers_only(services):
    refused("refusal-managers-only", services.workspace_settings.change(ANNA, top_k=7))
    require_manager(BOSS)
    with pytest.raises(UnknownName):
        run(services.workspace_settings.change(BOSS, reranker="magic"))


def test_settings__of_another_process_are_loaded_with_the_next_heartbeat(services, library, redis_url):
    other = Services(library.database, Submitter(library.database, redis_url, expires_s=60), services.settings)
    try:
        assert other.cached_settings(ANNA).overrides.public_channels is None
        run(services.workspace_settings.change(BOSS, public_channels=("301",)))
        run(other.process.send_heartbeat())
        assert other.cached_settings(ANNA).overrides.public_channels == ("301",)
    finally:
        other.close()


def test_database_away__is_said_so(redis_url, target):
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    services = Services(database, Submitter(database, redis_url, expires_s=60), Settings(_env_file=None))
    try:
        with pytest.raises(DatabaseUnavailable):
            run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    finally:
        services.close()
        database.close()
