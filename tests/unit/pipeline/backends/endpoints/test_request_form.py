"""Requests in the form that an endpoint accepts, learned from its rejections."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipeline.backends.endpoints.error_bodies import find_wait_s, read_error_text
from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.backends.endpoints.request_form import RequestForm
from pipeline.backends.endpoints.retries import find_retry_after, is_loading, is_quota_used_up
from pipeline.errors import LlmError, LlmRejected, PromptTooLong
from pipeline.types import ChatMessage
from tests.mock_endpoint import answer_in_process

MESSAGES = [ChatMessage("system", "Rules."), ChatMessage("user", "Question?")]
REPLY = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}
TOO_LARGE = (
    "'max_tokens' or 'max_completion_tokens' is too large: 800. This model's maximum context length is 2048 tokens and"
    " your request has 1700 input tokens (800 > 2048 - 1700)."
)
Rule = Callable[[dict[str, Any]], tuple[int, Any] | None]


class Endpoint:
    """A chat client whose server rejects what `rule` names."""

    def __init__(self, rule: Rule, **options: Any) -> None:
        self.requests: list[dict[str, Any]] = []
        self.chat = OpenAIChat("http://127.0.0.1:9/v1", "m", max_retries=0, **options)
        self._rule = rule
        answer_in_process(self.chat, self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        sent = json.loads(request.content)
        self.requests.append(sent)
        status, body = self._rule(sent) or (200, REPLY)
        return httpx.Response(status, json=body)

    def ask(self, max_tokens: int = 800) -> str:
        schema = {"type": "object"}
        return self.chat.complete(
            MESSAGES, max_tokens=max_tokens, timeout_s=5, json_schema=schema, on_text=lambda _: None
        ).text


def reject(name: str, body: Any, status: int = 400) -> Rule:
    return lambda sent: (status, body) if name in sent else None


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("stream_options", 422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs not permitted"}]}),
        ("stream_options", 400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}),
        ("response_format", 400, {"error": {"message": "This model does not support response_format"}}),
        ("temperature", 400, {"error": {"message": "Unsupported value", "param": "temperature"}}),
        ("temperature", 400, {"error": "temperature: only 1 is supported"}),
        ("temperature", 400, {"message": "Bad request."}),
        ("reasoning_effort", 400, {"object": "error", "message": "reasoning_effort is not a valid field"}),
        ("logprobs", 400, {"error": {"message": "Setting 'top_logprobs' is not supported."}}),
        ("stream", 400, {"error": {"message": "'stream' must be false"}}),
    ],
)  # fmt: skip
def test_complete__leaves_out_a_rejected_parameter_and_remembers_it(name: str, status: int, body: Any) -> None:
    endpoint = Endpoint(reject(name, body, status), reasoning_effort="low", top_logprobs=3)
    assert (endpoint.ask(), endpoint.ask()) == ("Yes.", "Yes.")
    assert name not in endpoint.requests[-1]
    assert name not in endpoint.requests[-2]


@pytest.mark.parametrize(
    "said",
    [
        "System role not supported",
        "Only user and assistant roles are supported!",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "Developer instruction is not enabled for models/gemma",
        "system messages are not allowed",
    ],
)
def test_complete__moves_the_system_message_and_remembers_it(said: str) -> None:
    def rule(sent: dict[str, Any]) -> tuple[int, Any] | None:
        return (400, {"error": {"message": said}}) if sent["messages"][0]["role"] == "system" else None

    endpoint = Endpoint(rule)
    assert (endpoint.ask(), endpoint.ask()) == ("Yes.", "Yes.")
    assert [len(sent["messages"]) for sent in endpoint.requests] == [2, 1, 1]
    assert endpoint.requests[-1]["messages"] == [{"role": "user", "content": "Rules.\n\nQuestion?"}]
    assert "response_format" in endpoint.requests[-1]


def test_complete__role_error_that_remains_is_raised() -> None:
    endpoint = Endpoint(lambda _: (400, {"error": {"message": "Conversation roles must alternate"}}))
    with pytest.raises(LlmRejected, match="roles must alternate"):
        endpoint.ask()


@pytest.mark.parametrize(
    ("said", "limit", "sent", "remembered"),
    [
        (TOO_LARGE, 348, [800, 348, 800, 348], False),
        ("max_tokens must be at most 512", 512, [800, 512, 512], True),
        ("max_tokens: Input should be less than or equal to 512", 512, [800, 512, 512], True),
        ("max_tokens is too large", 300, [800, 400, 200, 200], True),
    ],
)  # fmt: skip
def test_complete__lowers_a_token_limit(said: str, limit: int, sent: list[int], remembered: bool) -> None:
    endpoint = Endpoint(lambda body: (400, {"error": {"message": said}}) if body["max_tokens"] > limit else None)
    for _ in range(2):
        endpoint.ask()
    assert [body["max_tokens"] for body in endpoint.requests] == sent
    assert remembered == (sent[-1] == sent[-2])


def test_complete__other_name_of_the_token_limit() -> None:
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    endpoint = Endpoint(reject("max_tokens", {"error": {"message": said, "param": "max_tokens"}}))
    assert (endpoint.ask(), endpoint.ask()) == ("Yes.", "Yes.")
    assert ["max_completion_tokens" in sent for sent in endpoint.requests] == [False, True, True]


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 2048 tokens. You requested 2900 tokens (2100 in the messages).",
        "the request exceeds the available context size. try increasing the context size",
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_complete__prompt_too_long(said: str) -> None:
    endpoint = Endpoint(lambda _: (400, {"error": {"message": said}}))
    with pytest.raises(PromptTooLong):
        endpoint.ask()
    assert len(endpoint.requests) <= 4


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"error": {"message": "no", "param": "seed"}}', "no (parameter: seed)"),
        ('{"detail": "Not Found"}', "Not Found"),
        ('{"detail": [{"loc": ["body", "n"], "msg": "too big"}, {"msg": "bad"}]}', "n: too big; bad"),
        ("<html><head><title>404 &amp; gone</title></head></html>", "The response is the web page “404 & gone”."),
        ("<!DOCTYPE html><p>x", "The response is a web page."),
        ("plain", "plain"),
        ('{"other": 1}', '{"other": 1}'),
    ],
)
def test_read_error_text(body: str, text: str) -> None:
    assert read_error_text(body) == text


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("Please try again in 6.5s.", 6.5),
        ("Please try again in 1m2.5s", 62.5),
        ("try again in 500ms", 0.5),
        ("Please retry after 20 seconds.", 20),
        ("Please retry in 2 minutes", 120),
        ("Rate limit reached in organization org-1", None),
    ],
)
def test_find_wait_s(said: str, wait_s: float | None) -> None:
    assert find_wait_s(said) == wait_s


def test_find_retry_after__header_before_message() -> None:
    said = "try again in 6.5s"
    assert find_retry_after(429, {"retry-after-ms": "1500", "retry-after": "9"}, said) == 1.5
    assert find_retry_after(429, {"retry-after": "9"}, said) == 9
    assert find_retry_after(429, {}, said) == 6.5
    assert find_retry_after(500, {}, said) is None


def test_is_quota_used_up__not_if_the_server_names_a_wait() -> None:
    assert is_quota_used_up(429, "You exceeded your current quota, please check your billing details.")
    assert not is_quota_used_up(429, "You exceeded your current quota. Please retry in 34.07s.")
    assert not is_quota_used_up(429, "slow down")


def test_is_loading() -> None:
    assert is_loading(503, "Loading model")
    assert not is_loading(503, "busy")


def test_complete__waits_for_a_server_that_loads_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.backends.endpoints.retries.LOADING_WAIT_S", 0.01)
    left = [5]

    def rule(_: dict[str, Any]) -> tuple[int, Any] | None:
        left[0] -= 1
        return (503, {"error": {"message": "Loading model"}}) if left[0] else None

    assert Endpoint(rule).ask() == "Yes."


def test_complete__used_up_quota_is_not_retried() -> None:
    endpoint = Endpoint(lambda _: (429, {"error": {"message": "You exceeded your current quota"}}))
    with pytest.raises(LlmError, match="quota is used up"):
        endpoint.ask()
    assert len(endpoint.requests) == 1


def test_apply__no_system_and_no_user_message() -> None:
    payload = {"messages": [{"role": "system", "content": "Rules."}], "max_tokens": 9}
    sent = RequestForm(has_system_role=False).apply(payload)
    assert sent["messages"] == [{"role": "user", "content": "Rules."}]
