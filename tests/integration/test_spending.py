"""Spending on a real database: by user, workspace and day, and with running questions."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from config.prices import Price
from config.profile_parts import ProfilePartsCache
from config.setting_groups import BudgetSettings, LlmSettings
from config.settings import Settings
from db import jobs, spending, traces
from db.inspection import read_inspection, run_inspection
from db.spending import PostgresSpending
from pipeline.answer_parts import AnswerParts
from pipeline.errors import LeaseLost
from pipeline.ports import Reranker
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.types import Usage
from tasks import query
from tasks.lease import lease_job
from tasks.runtime import Runtime
from tests.answer_fakes import FakeChat
from tests.integration.conftest import fake_vector

PRICE = Price(completion=1000)
NONE = RecallOrderReranker()


class FakeEmbedder:
    def __init__(self, profile):
        self.profile = profile

    def encode(self, texts):
        return np.array([fake_vector(text) for text in texts], dtype=np.float32)


def say(messages):
    return '{"score": 5}' if "score" in messages[0].content else "The castle is high [1] [2]."


def ask(library, requester="42", workspace=None, reranker="none"):
    workspace = workspace or library.workspace
    payload = {"question": "How high is the castle?", "options": {"reranker": reranker}, "channels": []}
    with library.database.tenant(workspace) as session:
        return jobs.submit(session, jobs.NewJob(workspace, "ask", payload, requester=requester))


def claim(library, requester="42", workspace=None):
    return library.claim(ask(library, requester, workspace))


def spent(library, requester="42", workspace=None):
    """Return the spending that counts for a new question."""
    seen = PostgresSpending(library.database, claim(library, requester, workspace)).reserve(
        lambda spent: (0.0, (spent.user_usd, spent.server_usd))
    )
    return tuple(round(usd, 6) for usd in seen)


def set_aside(library, lease, usd):
    PostgresSpending(library.database, lease).reserve(lambda _: (usd, None))


def frees(library, scope, usd, requester="42"):
    under_way = PostgresSpending(library.database, claim(library, requester))
    return under_way.reserve(lambda spent: (0.0, spent.frees_in_s(scope, usd)))


def trace(library, usd, *, requester="42", workspace=None, hours=0.0):
    """Store the trace of an answered question."""
    library.run(
        "INSERT INTO queries (workspace_id, requester, question, recall, top_n, top_k, reranker_asked, reranker, plan,"
        " rows_asked, rows_returned, answer, abstained, answer_model, cost_usd, created_at) VALUES"
        f" ({workspace or library.workspace}, '{requester}', 'q', 'hybrid', 1, 1, 'none', 'none', 'exact', 1, 1, 'a',"
        f" false, 'm', {usd}, now() - interval '{hours} hours')"
    )


def test_spent__by_user_and_workspace(library):
    assert spent(library) == (0, 0)
    trace(library, 0.25)
    trace(library, 0.5, requester="43")
    trace(library, 8, workspace=library.other)
    assert spent(library) == (0.25, 0.75)
    assert spent(library, "43") == (0.5, 0.75)
    assert spent(library, "42", library.other) == (8, 8)


def test_spent__only_of_the_last_24_hours(library):
    trace(library, 0.25, hours=23.9)
    trace(library, 0.5, hours=24.1)
    assert spent(library) == (0.25, 0.25)


def test_spent__adds_costs_below_a_millionth_of_a_dollar(library):
    for _ in range(4):
        trace(library, 0.0000002)
    set_aside(library, claim(library), 0.0000002)
    usd = PostgresSpending(library.database, claim(library)).reserve(lambda spent: (0.0, spent.user_usd))
    assert usd == pytest.approx(0.000001)


def test_frees__when_enough_has_left_the_window(library):
    for usd, hours in ((0.1, 22), (0.2, 20), (0.4, 10)):
        trace(library, usd, hours=hours)
    trace(library, 9, requester="43", hours=23)
    trace(library, 9, workspace=library.other, hours=23)
    assert frees(library, "user", 0.1) == pytest.approx(2 * 3600, abs=60)
    assert frees(library, "user", 0.11) == pytest.approx(4 * 3600, abs=60)
    assert frees(library, "user", 0.7) == pytest.approx(14 * 3600, abs=60)
    assert frees(library, "user", 0.71) is None
    assert frees(library, "server", 9) == pytest.approx(3600, abs=60)


def test_frees__a_tiny_amount_waits_for_a_question_that_cost_something(library):
    trace(library, 0, hours=22)
    trace(library, 0.0000004, hours=20)
    assert frees(library, "user", 0.0000002) == pytest.approx(4 * 3600, abs=60)


def test_reservation__counts_until_its_trace_replaces_it(library):
    lease, other = claim(library), claim(library)
    for one, usd in ((lease, 0.2), (lease, 0.1), (other, 0.4)):
        set_aside(library, one, usd)
    assert spent(library) == (0.7, 0.7)
    assert spent(library, "43") == (0, 0.7)
    assert spent(library, "42", library.other) == (0, 0)
    with library.database.tenant(library.workspace) as session:
        spending.release_reservation(session, lease)
    assert spent(library) == (0.4, 0.4)


def test_reservation__of_a_failed_attempt_remains(library):
    lease = claim(library)
    set_aside(library, lease, 0.2)
    with library.database.system() as session:
        jobs.fail(session, lease, ValueError("broken"))
    library.run("UPDATE jobs SET run_after = now()")
    again = library.claim(lease.job_id)
    set_aside(library, again, 0.2)
    with library.database.tenant(library.workspace) as session:
        spending.release_reservation(session, again)
    assert spent(library) == (0.2, 0.2)


def test_reservation__of_an_earlier_attempt_counts_toward_the_question(library):
    def of_the_question(lease):
        return PostgresSpending(library.database, lease).reserve(lambda spent: (0.0, spent.question_usd))

    lease = claim(library)
    set_aside(library, lease, 0.2)
    assert of_the_question(lease) == 0, "what this attempt has set aside, it knows itself"
    with library.database.system() as session:
        jobs.fail(session, lease, ValueError("broken"))
    library.run("UPDATE jobs SET run_after = now()")
    assert of_the_question(library.claim(lease.job_id)) == pytest.approx(0.2)
    assert of_the_question(claim(library)) == 0


def test_reservation__needs_the_lease(library):
    lease = claim(library)
    library.run("UPDATE jobs SET lease_token = gen_random_uuid()")
    with pytest.raises(LeaseLost):
        set_aside(library, lease, 0.2)
    assert library.count("spending_reservations") == 0


def test_reservation__concurrent_ones_do_not_exceed_the_limit(library):
    together = threading.Barrier(8)
    leases = [claim(library, str(n)) for n in range(8)]

    def reserve(lease):
        together.wait()
        room = PostgresSpending(library.database, lease)
        return room.reserve(lambda spent: (0.3, True) if spent.server_usd + 0.3 <= 1 else (0.0, False))

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(reserve, leases))
    assert taken.count(True) == 3
    assert spent(library) == (0, 0.9)


@pytest.fixture
def answer(library):
    """Answer a question as a worker does; a call of its model costs half a dollar."""
    for workspace in (library.workspace, library.other):
        library.add("castle", ["The castle is high.", "The castle has a gate."], workspace=workspace)

    def run(requester="42", *, workspace=None, **limits):
        chat = FakeChat(say, Usage(1, 10, 5, 0.5))
        rated = LlmPointwiseReranker(chat, limits=LlmLimits(price_completion_usd=1000))
        rerankers: dict[str, Reranker] = {"none": NONE, "llm-pointwise": FallbackReranker(rated, NONE)}

        def answer_with(recall):
            embedder = FakeEmbedder(library.profile)
            return AnswerParts(recall, embedder, rerankers, chat, abstain_below=-1, llm_max_tokens=500)

        loaded: Any = SimpleNamespace(ingest=SimpleNamespace(profile=library.profile), answer_with=answer_with)
        parts = ProfilePartsCache(lambda _profile: loaded, lambda: None)
        settings = Settings(
            _env_file=None,
            llm=LlmSettings(model="fake-model"),
            budget=BudgetSettings(prices={"fake-model": PRICE}, **limits),
        )
        runtime = Runtime("w", settings, library.database, parts)
        number = ask(library, requester, workspace, "llm-pointwise")
        with lease_job(library.database, "query", worker="w", stage="start", lease_s=60) as holder:
            assert holder is not None
            query._answer(runtime, holder)
        return library.job(number, workspace), chat

    return run


def ways(job):
    return [(f["stage"], f["used"], f["over"]["scope"]) for f in job.result["fallbacks"]]


def test_answer__second_question_of_a_user_gets_the_cheaper_method(library, answer):
    # Two ratings are estimated at 0.12 dollars and the answer at half a dollar; three calls cost 1.5.
    limits = {"user_day_soft_usd": 2.0, "user_day_hard_usd": 3.0}
    first, _ = answer(**limits)
    assert (first.result["reranker"], first.result["fallbacks"]) == ("llm-pointwise", [])
    assert library.count("spending_reservations") == 0
    second, chat = answer(**limits)
    assert (second.result["reranker"], second.result["model"]) == ("none", "fake-model")
    assert ways(second) == [("rerank", "none", "user")]
    assert (
        "$2.00 for one person in 24 hours, of which $1.50 are spent. Budget is available again in"
        in (second.result["fallbacks"][0]["reason"])
    )
    assert len(chat.requests) == 1
    with library.database.tenant(library.workspace) as session:
        kept = traces.read_trace(session, second.id)
    assert kept is not None
    assert kept.cost_usd == 0.5
    assert kept.fallbacks[0].over is not None
    assert kept.fallbacks[0].over.spent_usd == 1.5
    assert answer("43", **limits)[0].result["fallbacks"] == [], "another user has spent nothing"


def test_answer__over_the_hard_limit_of_a_server_is_rejected(library, answer):
    limits = {"server_day_hard_usd": 1.9}
    answer(**limits)
    job, chat = answer("43", **limits)
    assert (job.state, job.error_class, chat.requests) == ("failed", "BudgetExceeded", [])
    assert "$1.90 for this server in 24 hours, of which $1.50 are spent. Budget is available again in" in job.error
    assert library.count("spending_reservations") == 0
    other, _ = answer("43", workspace=library.other, **limits)
    assert other.state == "succeeded", "what another server has spent does not count"


def test_answer__without_limits_reserves_nothing(library, answer):
    for _ in range(3):
        assert answer()[0].result["fallbacks"] == []
    assert library.count("queries", "cost_usd = 1.5") == 3


def test_spending__is_shown_by_day_workspace_and_user(library, answer):
    answer(server_day_hard_usd=9.0)
    set_aside(library, claim(library, "43"), 0.2)
    table = run_inspection(library.database, read_inspection("spending"))
    assert [row[1:] for row in table.rows] == [
        ("local", "42", 1, 3, 45, Decimal("1.500000"), 0),
        ("local", "43", 0, 0, 0, 0, Decimal("0.200000")),
    ]
