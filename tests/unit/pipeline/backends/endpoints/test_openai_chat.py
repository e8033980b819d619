"""The OpenAI-compatible client against a scripted server on loopback."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from pipeline.backends.endpoints import http_endpoint, openai_chat
from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.errors import LlmError, LlmRejected, LlmTimeout, LlmUnparsable, LlmUnreachable
from pipeline.types import ChatMessage, Usage
from tests.mock_endpoint import answer_in_process

KEY = "sk-very-secret"
MESSAGES = [ChatMessage("user", "x" * 40)]
OK: dict[str, Any] = {
    "model": "served",
    "choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500},
}


@dataclass
class Script:
    """Scripted replies (status, headers, body) in order, the last one repeated, and the recorded requests."""

    replies: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""
    hold: threading.Event = field(default_factory=threading.Event)

    def add_reply(self, status: int, body: Any, **headers: str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.replies.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, text))


@pytest.fixture
def server() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            script.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            script.keys.append(self.headers.get("Authorization"))
            status, headers, body = script.replies.pop(0) if len(script.replies) > 1 else script.replies[0]
            if status <= 0:
                script.hold.wait(20 if status == 0 else 0)
                return
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        script.url = f"http://127.0.0.1:{listening.server_port}/v1"
        yield script
        script.hold.set()
        listening.shutdown()
        thread.join()


@pytest.fixture
def chat(server: Script) -> Iterator[OpenAIChat]:
    made = OpenAIChat(server.url + "/", "tiny", api_key=KEY, price_prompt_usd=2.0, price_completion_usd=8.0)
    yield made
    made.close()


def events(*texts: str, done: bool = True) -> str:
    lines = [f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n" for text in texts]
    return ": comment\n\n" + "".join(lines) + ("data: [DONE]\n\n" if done else "")


def fails(call: Callable[[], Any], error: type[LlmError]) -> str:
    with pytest.raises(error) as raised:
        call()
    assert type(raised.value) is error
    assert KEY not in str(raised.value)
    return str(raised.value)


def test_complete__text_usage_and_cost(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, OK)
    reply = chat.complete(MESSAGES, max_tokens=9, timeout_s=5)
    assert (reply.text, reply.model, reply.finish_reason) == ("Hello.", "served", "stop")
    assert (reply.usage.calls, reply.usage.prompt_tokens, reply.usage.completion_tokens) == (1, 1000, 500)
    assert reply.usage.cost_usd == pytest.approx(0.006)
    request = server.requests[0]
    assert (request["model"], request["max_tokens"], request["stream"]) == ("tiny", 9, False)
    assert server.keys == [f"Bearer {KEY}"]


def test_complete__usage_is_estimated_when_missing(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, {"choices": [{"message": {"content": "123456"}}], "usage": None})
    reply = chat.complete(MESSAGES, max_tokens=9, timeout_s=5)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.model) == (14, 3, "tiny")


@pytest.mark.parametrize("content", [None, [], [{"type": "text", "text": ""}]])
def test_complete__missing_content_is_an_empty_text(server: Script, chat: OpenAIChat, content: Any) -> None:
    server.add_reply(200, {"choices": [{"message": {"content": content}}]})
    assert chat.complete(MESSAGES, max_tokens=9, timeout_s=5).text == ""


def test_complete__streams(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, events("Hel", "lo", "."), Content_Type="text/event-stream; charset=utf-8")
    seen: list[str] = []
    assert chat.complete(MESSAGES, max_tokens=9, timeout_s=5, on_text=seen.append).text == "Hello."
    assert seen == ["Hel", "Hello", "Hello."]
    assert server.requests[0]["stream_options"] == {"include_usage": True}


def test_complete__server_without_streaming(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, OK)
    seen: list[str] = []
    chat.complete(MESSAGES, max_tokens=9, timeout_s=5, on_text=seen.append)
    assert seen == ["Hello."]


def test_complete__stream_without_text_and_without_end(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, events("", done=False), Content_Type="text/event-stream")
    said = fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5, on_text=print), LlmUnreachable)
    assert "closed the connection" in said


def test_complete__error_in_the_stream(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, 'data: {"error": {"message": "out of memory"}}\n\n', Content_Type="text/event-stream")
    assert "out of memory" in fails(
        lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5, on_text=print), LlmUnreachable
    )


def test_complete__sends_the_schema(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, OK)
    chat.complete(MESSAGES, max_tokens=9, timeout_s=5, json_schema={"type": "object"})
    assert server.requests[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize("status", [400, 422])
def test_complete__rejected_schema_is_remembered(server: Script, chat: OpenAIChat, status: int) -> None:
    server.add_reply(status, {"error": {"message": "cannot do that"}})
    server.add_reply(200, OK)
    for _ in range(2):
        assert chat.complete(MESSAGES, max_tokens=9, timeout_s=5, json_schema={"type": "object"}).text == "Hello."
    assert ["response_format" in request for request in server.requests] == [True, False, False]


def test_complete__leaves_out_one_parameter_after_another(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(400, {"error": {"message": "Unsupported parameter: 'max_tokens', use 'max_completion_tokens'"}})
    server.add_reply(422, {"error": "temperature: only 1 is supported"})
    server.add_reply(200, OK)
    chat.complete(MESSAGES, max_tokens=9, timeout_s=5)
    last = server.requests[-1]
    assert last["max_completion_tokens"] == 9
    assert "max_tokens" not in last
    assert "temperature" not in last


def test_complete__rejection_without_optional_parameters_is_raised(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(400, {"error": {"message": f"no such thing, {KEY}"}})
    said = fails(
        lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5, json_schema={"type": "object"}), LlmRejected
    )
    assert "no such thing" in said
    assert len(server.requests) == 3
    server.replies.clear()
    server.add_reply(200, OK)
    chat.complete(MESSAGES, max_tokens=9, timeout_s=5, json_schema={"type": "object"})
    assert "response_format" in server.requests[-1]


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "rejected the API key"), (403, "does not allow this API key"), (404, "does not have this URL or model")],
)
def test_complete__rejections_are_not_retried(server: Script, chat: OpenAIChat, status: int, said: str) -> None:
    server.add_reply(status, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    message = fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmRejected)
    assert said in message
    assert server.url in message
    assert "'tiny'" in message
    assert len(server.requests) == 1


def test_complete__redirects_are_not_followed(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(307, "", Location="http://127.0.0.1:9/elsewhere")
    fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmRejected)


def test_complete__retries_after_rate_limits(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(429, "slow down", Retry_After="0")
    server.add_reply(503, "busy", Retry_After="0")
    server.add_reply(200, OK)
    assert chat.complete(MESSAGES, max_tokens=9, timeout_s=5).text == "Hello."
    assert len(server.requests) == 3


def test_complete__waits_the_milliseconds_of_a_rate_limit(
    server: Script, chat: OpenAIChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    server.add_reply(429, "slow down", retry_after_ms="1500", Retry_After="9")
    server.add_reply(200, OK)
    assert chat.complete(MESSAGES, max_tokens=9, timeout_s=5).text == "Hello."
    assert waited == [1.5]


def test_complete__retries_are_limited(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(500, "boom", Retry_After="0")
    assert "status 500" in fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmUnreachable)
    assert len(server.requests) == 3


def test_complete__does_not_wait_beyond_the_timeout(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(429, "slow down", Retry_After="3600")
    assert "slow down" in fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmUnreachable)
    assert len(server.requests) == 1


def test_complete__timeout(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(0, "")
    fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=0.2), LlmTimeout)


LOST = Usage(1, 14, 9, (14 * 2.0 + 9 * 8.0) / 1_000_000)
"""Usage of a call that was sent and got no reply: its prompt and its longest reply."""


@pytest.mark.parametrize(
    ("replies", "lost"),
    [
        ([(0, "")], 1),
        ([(-1, "")], 3),
        ([(200, "<html>")], 1),
        ([(200, events("", done=False))], 1),
        ([(-1, ""), (401, "no")], 1),
        ([(401, "no")], 0),
        ([(429, "slow")], 0),
        ([(500, "no")], 0),
    ],
)
def test_complete__counts_lost_calls(
    server: Script, chat: OpenAIChat, replies: list[tuple[int, str]], lost: int
) -> None:
    for status, body in replies:
        server.add_reply(
            status, body, Retry_After="0", Content_Type="text/event-stream" if "data" in body else "text/html"
        )
    with pytest.raises(LlmError) as raised:
        chat.complete(MESSAGES, max_tokens=9, timeout_s=2)
    assert raised.value.usage == sum([LOST] * lost, Usage())


def test_complete__adds_lost_calls_to_the_usage_of_the_reply(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(-1, "")
    server.add_reply(200, OK)
    reply = chat.complete(MESSAGES, max_tokens=9, timeout_s=5)
    assert reply.usage == Usage(1, 1000, 500, 0.006) + LOST


def test_complete__no_time_left(server: Script, chat: OpenAIChat) -> None:
    server.add_reply(200, OK)
    fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=0), LlmTimeout)
    assert server.requests == []


@pytest.mark.parametrize(
    "body",
    ["", "<html>It works!</html>", "[]", "{}", '{"choices": []}', '{"choices": [{}]}', '{"choices": 5}', "[" * 90_000],
)
def test_complete__unparsable_replies(server: Script, chat: OpenAIChat, body: str) -> None:
    server.add_reply(200, body)
    fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmUnparsable)


def test_complete__connection_refused() -> None:
    chat = OpenAIChat("http://127.0.0.1:9/v1", "tiny", max_retries=0)
    assert "http://127.0.0.1:9/v1 cannot be reached" in fails(
        lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmUnreachable
    )
    chat.close()


@pytest.mark.parametrize("url", ["", "localhost:11434", "ftp://127.0.0.1/v1", "http://[::1", "nonsense"])
def test_complete__invalid_url(url: str) -> None:
    chat = OpenAIChat(url, "tiny")
    assert "REFDESK_LLM_BASE_URL" in fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmRejected)
    chat.close()


def test_complete__errors_hide_the_password_of_the_url(server: Script) -> None:
    server.add_reply(401, "no")
    chat = OpenAIChat(server.url.replace("//", f"//user:{KEY}@"), "tiny")
    fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmRejected)
    chat.close()


@pytest.mark.parametrize("key", ["sk-schlüssel", f"{KEY}\n{KEY}", f"{KEY}\r\nX-Header: 1"])
def test_complete__invalid_key(key: str) -> None:
    chat = OpenAIChat("http://127.0.0.1:9/v1", "tiny", api_key=key)
    said = fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmRejected)
    assert "REFDESK_LLM_API_KEY is not a valid API key" in said
    assert "Set it to the key alone, on one line." in said
    chat.close()


def test_complete__removes_characters_that_the_store_rejects(server: Script, chat: OpenAIChat) -> None:
    said = {"model": "ser\x00ved\ud800", "choices": [{"message": {"content": "Hel\x00lo\udfff."}}]}
    server.add_reply(200, said)
    seen: list[str] = []
    reply = chat.complete(MESSAGES, max_tokens=9, timeout_s=5, on_text=seen.append)
    assert (reply.text, reply.model, seen) == ("Hello.", "served", ["Hello."])


@pytest.mark.parametrize("padding", [0, 190, 480])
def test_complete__errors_hide_the_key_in_replies_of_status_200(server: Script, chat: OpenAIChat, padding: int) -> None:
    server.add_reply(200, {"error": {"message": "x" * padding + f"bad key {KEY}"}})
    said = fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmUnreachable)
    assert KEY[:6] not in said
    server.replies.clear()
    server.add_reply(200, "<html>" + "x" * padding + KEY)
    assert KEY[:6] not in fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=5), LlmUnparsable)


def drip(*, tick: Callable[[], None] = lambda: None) -> Iterator[bytes]:
    """Yield a reply without end, one character at a time."""
    for _ in range(1000):
        tick()
        yield b"x"
    raise AssertionError("nothing cut the reply off")


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
def test_complete__slow_reply_without_line_ends_times_out(monkeypatch: pytest.MonkeyPatch, content_type: str) -> None:
    now = [0.0]
    monkeypatch.setattr(http_endpoint, "monotonic", lambda: now[0])
    body = drip(tick=lambda: now.__setitem__(0, now[0] + 1))
    chat = OpenAIChat("http://h/v1", "tiny")
    answer_in_process(chat, lambda _: httpx.Response(200, headers={"Content-Type": content_type}, content=body))
    said = fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=10), LlmTimeout)
    assert "did not finish its reply in time" in said


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
def test_complete__endless_line_is_too_long(monkeypatch: pytest.MonkeyPatch, content_type: str) -> None:
    monkeypatch.setattr(openai_chat, "MAX_REPLY_BYTES", 100)
    chat = OpenAIChat("http://h/v1", "tiny")
    answer_in_process(chat, lambda _: httpx.Response(200, headers={"Content-Type": content_type}, content=drip()))
    said = fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=10), LlmUnparsable)
    assert "larger than 100 bytes" in said


def test_complete__compressed_reply_counts_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        body = zlib.compress(json.dumps(OK).encode() + b" " * 100_000)
        return httpx.Response(200, headers={"Content-Encoding": "deflate"}, content=body)

    chat = OpenAIChat("http://h/v1", "tiny")
    answer_in_process(chat, answer)
    assert chat.complete(MESSAGES, max_tokens=9, timeout_s=10).text == "Hello."
    monkeypatch.setattr(openai_chat, "MAX_REPLY_BYTES", 50_000)
    small = OpenAIChat("http://h/v1", "tiny")
    answer_in_process(small, answer)
    fails(lambda: small.complete(MESSAGES, max_tokens=9, timeout_s=10), LlmUnparsable)


def test_complete__endless_error_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_endpoint, "MAX_ERROR_BODY_BYTES", 100)
    chat = OpenAIChat("http://h/v1", "tiny")
    answer_in_process(chat, lambda _: httpx.Response(401, content=drip()))
    fails(lambda: chat.complete(MESSAGES, max_tokens=9, timeout_s=10), LlmRejected)
