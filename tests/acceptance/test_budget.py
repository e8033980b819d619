"""Spending limits of `refdesk ask`, with a paid language model on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.acceptance.conftest import NOTES, Installation
from tests.loopback_llm import LoopbackLlm, ScriptedReply

QUESTION = "Where does the copper lantern hang?"
PRICES = json.dumps({"judge": {"completion": 1000}})
"""An answer of at most 800 tokens is estimated at $0.80, ranking three passages with their reasons at $0.152."""


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


def test_ask__falls_back_over_the_soft_limit_and_is_rejected_over_the_hard_one(library: Installation, llm: LoopbackLlm):
    model = {"REFDESK_LLM_BASE_URL": llm.url, "REFDESK_LLM_MODEL": "judge", "REFDESK_PRICES": PRICES}
    limits = {"REFDESK_BUDGET_USER_DAY_SOFT_USD": "0.97", "REFDESK_BUDGET_USER_DAY_HARD_USD": "2"}
    worker = library.start_worker("query", **model, **limits)
    command = ("ask", QUESTION, "--reranker", "llm-listwise")

    within, code = library.refdesk_json(*command)
    assert (code, within["reranker"], within["model"], within["fallbacks"]) == (0, "llm-listwise", "judge", [])
    assert len(llm.requests) == 2
    spent = float(library.value("SELECT sum(cost_usd) FROM queries"))
    assert 0 < spent < 0.1
    assert library.value("SELECT count(*) FROM spending_reservations") == 0

    result = library.refdesk(*command)
    stderr = " ".join(result.stderr.decode().split())
    assert result.returncode == 0, stderr
    assert "rerank: late-interaction instead of llm-listwise: The estimated cost of $0.952" in stderr
    assert f"the limit of $0.97 for one person in 24 hours, of which ${spent:.3f}" in stderr
    assert "Budget is available again in" in stderr
    assert [len(request["messages"]) for request in llm.requests[2:]] == [2], "the answer is still written"

    library.value("UPDATE queries SET cost_usd = 0.61 RETURNING id")
    result = library.refdesk(*command)
    stderr = " ".join(result.stderr.decode().split())
    assert (result.returncode, result.stdout) == (1, b"")
    assert "The estimated cost of $0.80 would exceed the limit of $2.00 for one person in 24 hours, of which" in stderr
    assert "Budget is available again in" in stderr
    assert len(llm.requests) == 3, "rejected before the first call"
    assert library.value("SELECT error_class FROM jobs ORDER BY id DESC LIMIT 1") == "BudgetExceeded"

    assert library.stop(worker) == 0
    free = library.refdesk("ask", QUESTION, REFDESK_BUDGET_USER_DAY_HARD_USD="0.01")
    assert free.returncode == 0, "limits do not apply without a paid model"


DIMENSIONS = 16


def embed(request: Mapping[str, Any]) -> ScriptedReply:
    """Embed by counting letters, with one token for each word."""
    data = [
        {"index": place, "embedding": [text.lower().count(chr(97 + letter)) + 0.1 for letter in range(DIMENSIONS)]}
        for place, text in enumerate(request["input"])
    ]
    tokens = sum(len(text.split()) for text in request["input"])
    return ScriptedReply(body=json.dumps({"data": data, "usage": {"prompt_tokens": tokens}}))


def test_embedding_endpoint__is_counted_and_limited(installation: Installation, tmp_path):
    path = tmp_path / "lantern.txt"
    path.write_text(NOTES["lantern.txt"])
    with LoopbackLlm(embed) as server:
        installation.environment |= {
            "REFDESK_EMBEDDING_BASE_URL": server.url,
            "REFDESK_EMBEDDING_MODEL": "letters",
            "REFDESK_EMBEDDING_PRICE_TOKENS_USD": "1000",
            "REFDESK_BUDGET_SERVER_DAY_HARD_USD": "1",
        }
        installation.start_workers("ingest", "query")
        ingested, code = installation.refdesk_json("ingest", str(path))
        assert code == 0, ingested
        job, _ = installation.refdesk_json("jobs", "show", str(ingested["documents"][0]["job"]))
        assert job["tokens"] >= 8, "the words of the document, with its title"
        assert job["cost_usd"] == pytest.approx(job["tokens"] / 1000)

        answered, code = installation.refdesk_json("ask", QUESTION, "--reranker", "none")
        assert (code, answered["fallbacks"]) == (0, [])
        assert installation.value("SELECT calls FROM queries") >= 1
        assert float(installation.value("SELECT cost_usd FROM queries")) >= 0.006

        installation.value("UPDATE queries SET cost_usd = 1 RETURNING id")
        before = len(server.requests)
        path.write_text(NOTES["gate.txt"])
        over, rejected = installation.refdesk_all(
            ("ask", QUESTION, "--reranker", "none", "--json"), ("ingest", str(path), "--json")
        )
        assert over.returncode == 0
        answer = json.loads(over.stdout)
        assert "lantern hangs in the north hall" in answer["answer"]
        assert [fallback["used"] for fallback in answer["fallbacks"]] == ["keyword", "keywords"]
        assert "would exceed the limit of $1.00 for this server" in answer["fallbacks"][0]["reason"]
        assert rejected.returncode == 1
        assert "would exceed the limit of $1.00 for this server" in json.loads(rejected.stdout)["documents"][0]["error"]
        assert len(server.requests) == before, "nothing was sent"
