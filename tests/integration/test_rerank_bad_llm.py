"""Failing language models over real HTTP: all candidates are returned, and the reason is recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import is_full_permutation
from pipeline.types import RerankResult
from tests.answer_fakes import candidates, order
from tests.judging_llm import JudgingLlm, text_key
from tests.loopback_llm import LoopbackLlm, ReplyFunction, ScriptedReply

COUNT = 10
METHODS = {
    "llm-pointwise": LlmPointwiseReranker,
    "llm-pairwise": LlmPairwiseReranker,
    "llm-listwise": LlmListwiseReranker,
}
FOUND = candidates(COUNT)
JUDGE = JudgingLlm({text_key("question"): {text_key(c.text): c.chunk_id for c in FOUND}}, highest=COUNT)
EVENTS = {"Content-Type": "text/event-stream"}

FAILURES = {
    "nothing": (ScriptedReply(""), "requested format"),
    "a refusal": (ScriptedReply("I'm sorry, but I can't rank these 10 passages."), "requested format"),
    "a filter": (
        ScriptedReply(body='{"choices": [{"message": {"content": null, "refusal": "no"}}]}'),
        "requested format",
    ),
    "a stream of garbage": (
        ScriptedReply(body="data: {\x00\x7f\n\ndata: [[[\n\n", headers=EVENTS),
        "not a chat completion",
    ),
    "a stream that breaks off": (
        ScriptedReply(body='data: {"choices": []}\n\n', headers=EVENTS),
        "closed the connection",
    ),
    "bytes": (ScriptedReply(body="\x01\x02{{{<<<"), "not a chat completion"),
    "repeated ids": (ScriptedReply("[3] > " * 40 + "[3]"), "requested format"),
    "repeated ids in JSON": (
        ScriptedReply(json.dumps({"ranking": [7] * 40, "ratings": []})),
        "requested format",
    ),
    "French": (ScriptedReply("Désolé, je ne peux pas classer ces 10 passages."), "requested format"),
    "Chinese": (ScriptedReply("对不起，我无法为这10段资料排序，第3段最好。"), "requested format"),
    "thinking without end": (
        ScriptedReply("<think>Passage 3 is better than 5, so [3] > [5]"),
        "requested format",
    ),
    "a wrong key": (ScriptedReply(status=401, body="Incorrect API key provided"), "status 401"),
    "no such model": (ScriptedReply(status=404, body="model not found"), "status 404"),
    "too many requests for an hour": (
        ScriptedReply(status=429, body="", headers={"Retry-After": "3600"}),
        "reached its rate limit",
    ),
    "a broken server": (ScriptedReply(status=500, body="boom", headers={"Retry-After": "0"}), "status 500"),
    "a closed socket": (ScriptedReply(close=True), "cannot be reached"),
}


def ask(
    method: str, answer: ReplyFunction, *, deadline_s: float = 30.0
) -> tuple[RerankResult, list[Mapping[str, Any]]]:
    with LoopbackLlm(answer) as server:
        chat = OpenAIChat(server.url, "tiny", max_retries=1)
        reranker = METHODS[method](chat, limits=LlmLimits(concurrency=2))
        result = FallbackReranker(reranker, RecallOrderReranker()).rerank("question", FOUND, deadline_s=deadline_s)
        server.release_calls()
        chat.close()
        return result, list(server.requests)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("failure", FAILURES)
def test_failure__is_a_recorded_fallback(method: str, failure: str) -> None:
    said, reason = FAILURES[failure]
    result, asked = ask(method, lambda request: said)
    assert is_full_permutation(result.ranked, FOUND)
    assert order(result) == list(range(1, COUNT + 1))
    assert result.method == "none"
    assert [(f.stage, f.method, f.used) for f in result.fallbacks] == [("rerank", method, "none")]
    assert reason in result.fallbacks[0].reason
    assert len(asked) <= 2 * COUNT + 2 * 4


@pytest.mark.parametrize("method", METHODS)
def test_hanging_server__is_not_waited_for(method: str) -> None:
    with LoopbackLlm(lambda request: ScriptedReply(hold=True)) as server:
        chat = OpenAIChat(server.url, "tiny")
        result = FallbackReranker(METHODS[method](chat), RecallOrderReranker()).rerank(
            "question", FOUND, deadline_s=2.0
        )
        assert server.request_held.is_set()
        assert not server.release.is_set(), "the server was waited for"
        server.release_calls()
        chat.close()
    assert order(result) == list(range(1, COUNT + 1))
    assert "time" in result.fallbacks[0].reason


@pytest.mark.parametrize("method", METHODS)
def test_retry_after__is_honoured_within_the_deadline(method: str) -> None:
    refused: list[int] = []

    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        if not refused:
            refused.append(1)
            return ScriptedReply(status=429, body="slow down", headers={"Retry-After": "0.2"})
        return JUDGE(request)

    result, _ = ask(method, answer)
    assert order(result) == list(range(COUNT, 0, -1))
    assert result.fallbacks == ()


@pytest.mark.parametrize("method", METHODS)
def test_schema__server_without_support_loses_no_reply(method: str) -> None:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        if "response_format" in request:
            return ScriptedReply(status=400, body=json.dumps({"error": {"message": "unknown field response_format"}}))
        return JUDGE(request)

    result, asked = ask(method, answer)
    assert order(result) == list(range(COUNT, 0, -1))
    assert result.fallbacks == ()
    with_schema = ["response_format" in request for request in asked]
    assert 1 <= sum(with_schema) <= 2, "remembered after the first calls, two of which run at once"


@pytest.mark.parametrize("method", METHODS)
def test_unusable_replies__affect_their_candidates_only(method: str) -> None:
    judge = JudgingLlm(JUDGE.grades, highest=COUNT, fault_rate=0.2, fault="unusable", seed=3)
    result, _ = ask(method, judge)
    assert is_full_permutation(result.ranked, FOUND)
    if method != "llm-listwise":  # one window of ten succeeds or fails as a whole
        assert result.method == method
        assert order(result) != list(range(1, COUNT + 1))
        assert result.fallbacks
