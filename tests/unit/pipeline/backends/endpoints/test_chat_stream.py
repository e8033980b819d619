"""Bodies of chat completions in the forms that servers send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.errors import LlmUnparsable, LlmUnreachable
from pipeline.types import INCOMPLETE, ChatMessage, ChatReply
from tests.mock_endpoint import answer_in_process

TEXT = "Grün ist das Tor [1]."
FIRST = {"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": None}]}
DELTA = {"choices": [{"delta": {"content": TEXT}, "finish_reason": None}]}
END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
USAGE = {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}


class Parts(httpx.SyncByteStream):
    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]


def read(
    body: str | bytes, content_type: str = "text/event-stream", *, size: int = 7, seen: list[str] | None = None
) -> ChatReply:
    """Read a body through the whole client."""
    sent = body.encode() if isinstance(body, str) else body
    chat = OpenAIChat("http://h/v1", "m", max_retries=0)
    headers = {"Content-Type": content_type}
    answer_in_process(chat, lambda _: httpx.Response(200, headers=headers, stream=Parts(sent, size)))
    on_text = None if seen is None else seen.append
    return chat.complete([ChatMessage("user", "Hi")], max_tokens=9, timeout_s=60, on_text=on_text)


def stream(*sent: Any, prefix: str = "data: ", end: str = "\n\n", done: bool = True) -> str:
    lines = [one if isinstance(one, str) else prefix + json.dumps(one) + end for one in sent]
    return "".join(lines) + (f"{prefix}[DONE]{end}" if done else "")


@pytest.mark.parametrize(
    "body",
    [
        stream(FIRST, DELTA, END, USAGE),
        stream(FIRST, DELTA, END, USAGE | {"choices": []}),
        stream(FIRST, DELTA, END, USAGE | {"choices": None}),
        stream({"prompt_filter_results": []}, FIRST, DELTA, END, USAGE),
        stream(": PROCESSING\n\n", 'event: ping\ndata: {"type": "ping"}\n\n', FIRST, DELTA, END, USAGE),
        stream("data:\n\n", FIRST, "data: \n\n", DELTA, "data: keep-alive\n\n", END, USAGE),
        stream(FIRST, DELTA, END, USAGE, done=False),
        stream(FIRST, DELTA, END, USAGE, prefix="data:"),
        stream(FIRST, DELTA, END, USAGE, end="\r\n\r\n"),
        stream(FIRST, DELTA, END, USAGE, end="\n"),
        stream("retry: 100\nid: 1\n", FIRST, DELTA, END, USAGE),
        "\ufeff" + stream(FIRST, DELTA, END, USAGE),
        "\n\n" + stream(FIRST, DELTA, END, USAGE),
        "".join(json.dumps(one) + "\n" for one in (FIRST, DELTA, END, USAGE)),
        stream(USAGE | {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}),
        stream(USAGE | {"choices": [{"text": TEXT, "finish_reason": "stop"}]}),
        stream(DELTA, USAGE | {"choices": [{"delta": {}, "message": {"content": TEXT}, "finish_reason": "stop"}]}),
        stream(*({"choices": [{"delta": {"content": part}}]} for part in (TEXT[:4], TEXT[4:])), END, USAGE),
        json.dumps(USAGE | {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}),
        json.dumps(USAGE | {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}, indent=2),
        f"data: {{\ndata: {json.dumps(DELTA)[1:]}\n\n" + stream(END, USAGE),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "content_type", ["text/event-stream", "text/plain; charset=utf-8", "application/octet-stream", "application/json"]
)
def test_read_reply__content_decides_not_its_type(body: str, content_type: str) -> None:
    seen: list[str] = []
    parts = read(body, content_type, seen=seen)
    assert (parts.text, parts.finish_reason, parts.usage.completion_tokens) == (TEXT, "stop", 5)
    assert seen[-1] == TEXT


def test_read_reply__other_encoding_than_utf8() -> None:
    body = json.dumps({"choices": [{"message": {"content": TEXT}}]}, ensure_ascii=False)
    assert read(body.encode("cp1252"), "application/json").text == TEXT
    assert read(body.encode("gb18030", "replace"), "application/json; charset=gb18030").text == TEXT
    assert read(stream(END, done=False) + stream(DELTA, END), size=1).text == TEXT


def test_read_reply__stream_without_end_is_used_and_marked() -> None:
    assert read(stream(FIRST, DELTA, done=False)).finish_reason == INCOMPLETE
    assert read(stream(FIRST, DELTA)).finish_reason == ""
    with pytest.raises(LlmUnreachable, match="closed the connection"):
        read(stream(FIRST, done=False))


@pytest.mark.parametrize(
    ("delta", "finish", "expected"),
    [
        ({"reasoning_content": "Hm."}, "length", ("", "Hm.", "", "length")),
        ({"reasoning": "Hm."}, "stop", ("", "Hm.", "", "stop")),
        ({"refusal": "I cannot."}, "stop", ("", "", "I cannot.", "stop")),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, "stop", ("", "", "", "stop")),
        ({"tool_calls": [{"index": 0}]}, "tool_calls", ("", "", "", "tool_calls")),
        ({"tool_calls": [{"index": 0}]}, None, ("", "", "", "tool_calls")),
        ({}, "content_filter", ("", "", "", "content_filter")),
        ({"content": [{"type": "thinking", "thinking": [{"text": "Hm."}]}]}, "stop", ("", "", "", "stop")),
        ({"content": [{"type": "reasoning", "text": "Hm."}, {"text": "Yes."}]}, "stop", ("Yes.", "", "", "stop")),
    ],
)  # fmt: skip
def test_read_reply__what_is_no_text_is_kept_apart(delta: Any, finish: str | None, expected: tuple[str, ...]) -> None:
    parts = read(stream({"choices": [{"delta": delta, "finish_reason": finish}]}))
    assert (parts.text, parts.reasoning, parts.refusal, parts.finish_reason) == expected


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('data: {"error": {"message": "no such model", "code": 404}}\n\n', "no such model"),
        ('{"error": "no such model"}', "no such model"),
        ('{"object": "error", "message": "no such model", "code": 50001}', "no such model"),
        ('event: error\ndata: {"message": "no such model"}\n\n', "no such model"),
        ('[{"error": {"message": "no such model", "code": 400}}]', "no such model"),
    ],
)
def test_read_reply__error_with_status_200(body: str, said: str) -> None:
    with pytest.raises(LlmUnreachable, match=said) as raised:
        read(body)
    assert "{" not in str(raised.value)


def test_read_reply__error_that_may_pass_is_retried() -> None:
    bodies = ['data: {"error": {"message": "Provider returned error", "code": 502}}\n\n', stream(DELTA, END)]
    chat = OpenAIChat("http://h/v1", "m", max_retries=1)
    answer_in_process(chat, lambda _: httpx.Response(200, content=bodies.pop(0)))
    assert chat.complete([ChatMessage("user", "Hi")], max_tokens=9, timeout_s=5).text == TEXT


def test_read_reply__web_page_is_named_by_its_title() -> None:
    with pytest.raises(LlmUnparsable, match="the web page “Open WebUI” instead of a chat completion"):
        read("<!doctype html>\n<html><head><title>Open\nWebUI</title></head></html>", "text/html")


@pytest.mark.parametrize("body", ["", "data: [DONE]\n\n", "hello", 'data: {"choices": [{"del\n\n', "{} {}"])
def test_read_reply__no_completion(body: str) -> None:
    with pytest.raises(LlmUnparsable):
        read(body)
