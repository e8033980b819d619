"""Token log-probabilities and reasoning effort: sent if set, left out if rejected, read in the servers' formats."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.types import ChatMessage
from tests.answer_fakes import candidates, order
from tests.loopback_llm import LoopbackLlm, ScriptedReply, build_completion

MESSAGES = [ChatMessage("user", "Rate.")]


def reply_with_logprobs(request: Mapping[str, Any], *places: Mapping[str, float]) -> ScriptedReply:
    """Reply with the likeliest token of each position; log-probabilities as OpenAI, vLLM and llama.cpp send them."""
    chosen = [max(place, key=lambda token: place[token]) for place in places]
    body = json.loads(build_completion(request, "".join(chosen)))
    content = [
        {
            "token": token,
            "logprob": math.log(place[token]),
            "bytes": list(token.encode()),
            "top_logprobs": [
                {"token": other, "logprob": math.log(odds), "bytes": None} for other, odds in place.items()
            ],
        }
        for token, place in zip(chosen, places, strict=True)
    ]
    body["choices"][0]["logprobs"] = {"content": content, "refusal": None}
    return ScriptedReply(body=json.dumps(body))


def rated(request: Mapping[str, Any]) -> ScriptedReply:
    """Rate every passage 7, with different probabilities of the other numbers."""
    eight = 0.4 if "Passage number 2." in request["messages"][1]["content"] else 0.1
    return reply_with_logprobs(request, {'{"score":': 1.0}, {" 7": 0.55, " 8": eight, " 6": 0.45 - eight}, {"}": 1.0})


def test_expected_rating__distinguishes_passages_with_the_same_number() -> None:
    with LoopbackLlm(rated) as server:
        chat = OpenAIChat(server.url, "tiny", top_logprobs=20)
        result = LlmPointwiseReranker(chat).rerank("q", candidates(3), deadline_s=10.0)
        server.release_calls()
        chat.close()
    assert order(result) == [2, 1, 3]
    assert [r.raw_score for r in result.ranked] == pytest.approx([7.35, 6.75, 6.75])
    assert all(request["logprobs"] is True and request["top_logprobs"] == 20 for request in server.requests)


@pytest.mark.parametrize("named", [True, False])
def test_logprobs__server_without_them_still_rates(named: bool) -> None:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        if "logprobs" in request or "top_logprobs" in request:
            return ScriptedReply(status=400, body="logprobs are not supported" if named else "bad request")
        return ScriptedReply('{"score": 7}')

    with LoopbackLlm(answer) as server:
        chat = OpenAIChat(server.url, "tiny", top_logprobs=20)
        for _ in range(2):
            reply = chat.complete(MESSAGES, max_tokens=9, timeout_s=5, json_schema={"type": "object"})
            assert (reply.text, reply.tokens) == ('{"score": 7}', ())
        chat.close()
    assert "logprobs" not in server.requests[-1]
    assert "top_logprobs" not in server.requests[-1]
    assert len(server.requests) == (3 if named else 4)


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        5,
        {"content": None},
        {"content": [None, 5, {"token": 5}, {"logprob": 1}]},
        {"tokens": ["a"], "token_logprobs": [-1]},
    ],
)
def test_logprobs__other_formats_are_ignored(logprobs: Any) -> None:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        body = json.loads(build_completion(request, "7"))
        body["choices"][0]["logprobs"] = logprobs
        return ScriptedReply(body=json.dumps(body))

    with LoopbackLlm(answer) as server:
        chat = OpenAIChat(server.url, "tiny", top_logprobs=5)
        assert chat.complete(MESSAGES, max_tokens=9, timeout_s=5).tokens == ()
        chat.close()


def test_logprobs__entries_without_alternatives_are_read() -> None:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        body = json.loads(build_completion(request, "7"))
        entry = {"token": "7", "logprob": -0.5, "top_logprobs": [{"token": "7", "logprob": -0.5}, 5, {"token": "8"}]}
        body["choices"][0]["logprobs"] = {"content": [entry, {"token": "8", "logprob": -1, "top_logprobs": 5}]}
        return ScriptedReply(body=json.dumps(body))

    with LoopbackLlm(answer) as server:
        chat = OpenAIChat(server.url, "tiny", top_logprobs=5)
        tokens = chat.complete(MESSAGES, max_tokens=9, timeout_s=5).tokens
        chat.close()
    assert [(token.text, token.alternatives) for token in tokens] == [("7", (("7", -0.5),)), ("8", (("8", -1.0),))]


def test_reasoning_effort__is_sent_and_left_out_if_rejected() -> None:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        if "reasoning_effort" in request:
            return ScriptedReply(status=400, body="Unrecognized request argument supplied: reasoning_effort")
        return ScriptedReply("ok")

    with LoopbackLlm(answer) as server:
        chat = OpenAIChat(server.url, "tiny", reasoning_effort="none")
        assert chat.complete(MESSAGES, max_tokens=9, timeout_s=5).text == "ok"
        chat.close()
    assert [request.get("reasoning_effort") for request in server.requests] == ["none", None]
