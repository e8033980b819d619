"""A budget as a person meets it: `refdesk ask` with a paid language model on loopback, first free, then limited."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.acceptance.conftest import Desk
from tests.loopback_llm import LoopbackLlm, ScriptedReply

NOTES = {
    "lantern.txt": "The copper lantern hangs in the north hall.",
    "hall.txt": "The north hall has a lantern and two benches.",
    "gate.txt": "The gate of the north hall is locked at dusk.",
}
QUESTION = "Where does the copper lantern hang?"
PRICES = json.dumps({"judge": {"completion": 1000}})
"""An answer of at most 800 tokens is estimated at $0.80, ranking three passages at $0.032."""


def say(request: Mapping[str, Any]) -> ScriptedReply:
    system = request["messages"][0]["content"]
    ranks = '"ranking"' in system
    return ScriptedReply(
        '{"ranking": [1, 2, 3]}' if ranks else "The copper lantern hangs in the north hall [1] [2] [3]."
    )


@pytest.fixture
def llm() -> Iterator[LoopbackLlm]:
    with LoopbackLlm(say) as server:
        yield server


def test_ask__cheaper_over_the_soft_limit_and_refused_over_the_hard_one(desk: Desk, llm: LoopbackLlm, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, content in NOTES.items():
        (folder / name).write_text(content)
    assert desk.refdesk("ingest", str(folder)).returncode == 0
    model = {"REFDESK_LLM_BASE_URL": llm.url, "REFDESK_LLM_MODEL": "judge", "REFDESK_PRICES": PRICES}
    command = ("ask", QUESTION, "--reranker", "llm-listwise")

    within, code = desk.json(*command, **model, REFDESK_BUDGET_USER_DAY_SOFT_USD="0.85")
    assert (code, within["reranker"], within["model"], within["fallbacks"]) == (0, "llm-listwise", "judge", [])
    assert len(llm.requests) == 2
    spent = float(desk.value("SELECT sum(cost_usd) FROM queries"))
    assert 0 < spent < 0.1
    assert desk.value("SELECT count(*) FROM spending_reservations") == 0

    soft = {"REFDESK_BUDGET_USER_DAY_SOFT_USD": "0.85", "REFDESK_BUDGET_USER_DAY_HARD_USD": "2"}
    ended = desk.refdesk(*command, stdin=None, **model, **soft)
    said = " ".join(ended.stderr.decode().split())
    assert ended.returncode == 0, said
    assert "rerank: late-interaction instead of llm-listwise: The estimated cost of $0.832" in said
    assert f"the limit of $0.85 for one person in 24 hours, of which ${spent:.3f}" in said
    assert "Budget is available again in" in said
    assert [len(request["messages"]) for request in llm.requests[2:]] == [2], "the answer is still written"

    ended = desk.refdesk(*command, stdin=None, **model, REFDESK_BUDGET_USER_DAY_HARD_USD="0.81")
    said = " ".join(ended.stderr.decode().split())
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert "The estimated cost of $0.80 would exceed the limit of $0.81 for one person in 24 hours, of which" in said
    assert "Budget is available again in" in said
    assert len(llm.requests) == 3, "refused before the first call"
    assert desk.value("SELECT error_class FROM jobs ORDER BY id DESC LIMIT 1") == "BudgetExceeded"

    free = desk.refdesk("ask", QUESTION, REFDESK_BUDGET_USER_DAY_HARD_USD="0.01")
    assert free.returncode == 0, "without a paid model nothing is refused"
