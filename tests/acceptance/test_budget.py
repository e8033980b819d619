"""Spending limits of `refdesk ask`, with a paid language model on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.acceptance.conftest import Installation
from tests.loopback_llm import LoopbackLlm, ScriptedReply

NOTES = {
    "lantern.txt": "The copper lantern hangs in the north hall.",
    "hall.txt": "The north hall has a lantern and two benches.",
    "gate.txt": "The gate of the north hall is locked at dusk.",
}
QUESTION = "Where does the copper lantern hang?"
PRICES = json.dumps({"judge": {"completion": 1000}})
"""An answer of at most 800 tokens is estimated at $0.80, ranking three passages at $0.032."""


def reply(request: Mapping[str, Any]) -> ScriptedReply:
    system = request["messages"][0]["content"]
    is_ranking = '"ranking"' in system
    return ScriptedReply(
        '{"ranking": [1, 2, 3]}' if is_ranking else "The copper lantern hangs in the north hall [1] [2] [3]."
    )


@pytest.fixture
def llm() -> Iterator[LoopbackLlm]:
    with LoopbackLlm(reply) as server:
        yield server


def test_ask__falls_back_over_the_soft_limit_and_is_rejected_over_the_hard_one(
    installation: Installation, llm: LoopbackLlm, tmp_path
):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, content in NOTES.items():
        (folder / name).write_text(content)
    assert installation.refdesk("ingest", str(folder)).returncode == 0
    model = {"REFDESK_LLM_BASE_URL": llm.url, "REFDESK_LLM_MODEL": "judge", "REFDESK_PRICES": PRICES}
    command = ("ask", QUESTION, "--reranker", "llm-listwise")

    within, code = installation.refdesk_json(*command, **model, REFDESK_BUDGET_USER_DAY_SOFT_USD="0.85")
    assert (code, within["reranker"], within["model"], within["fallbacks"]) == (0, "llm-listwise", "judge", [])
    assert len(llm.requests) == 2
    spent = float(installation.value("SELECT sum(cost_usd) FROM queries"))
    assert 0 < spent < 0.1
    assert installation.value("SELECT count(*) FROM spending_reservations") == 0

    soft = {"REFDESK_BUDGET_USER_DAY_SOFT_USD": "0.85", "REFDESK_BUDGET_USER_DAY_HARD_USD": "2"}
    result = installation.refdesk(*command, stdin=None, **model, **soft)
    stderr = " ".join(result.stderr.decode().split())
    assert result.returncode == 0, stderr
    assert "rerank: late-interaction instead of llm-listwise: The estimated cost of $0.832" in stderr
    assert f"the limit of $0.85 for one person in 24 hours, of which ${spent:.3f}" in stderr
    assert "Budget is available again in" in stderr
    assert [len(request["messages"]) for request in llm.requests[2:]] == [2], "the answer is still written"

    result = installation.refdesk(*command, stdin=None, **model, REFDESK_BUDGET_USER_DAY_HARD_USD="0.81")
    stderr = " ".join(result.stderr.decode().split())
    assert (result.returncode, result.stdout) == (1, b"")
    assert "The estimated cost of $0.80 would exceed the limit of $0.81 for one person in 24 hours, of which" in stderr
    assert "Budget is available again in" in stderr
    assert len(llm.requests) == 3, "rejected before the first call"
    assert installation.value("SELECT error_class FROM jobs ORDER BY id DESC LIMIT 1") == "BudgetExceeded"

    free = installation.refdesk("ask", QUESTION, REFDESK_BUDGET_USER_DAY_HARD_USD="0.01")
    assert free.returncode == 0, "limits do not apply without a paid model"
