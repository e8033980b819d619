"""What OpenAI-compatible servers do differently, one test each, over a connection to a server on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.backends.endpoints.openai_embeddings import OpenAIEmbeddings
from pipeline.backends.endpoints.rerank_api import HttpRerankEndpoint
from pipeline.errors import LlmUnparsable, LlmUnreachable
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.types import ChatMessage, ChatReply, EmbeddingProfile
from tests.answer_fakes import candidate

TEXT = "The gate opens at nine."
Reply = tuple[int, Mapping[str, str], Any]
"""Status, headers and body of a reply; a body that is not a string is sent as JSON."""


@dataclass
class Request:
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass
class Server:
    answer: Callable[[Mapping[str, Any]], Reply] = lambda _: (200, {}, completion(TEXT))
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def complete(self, base_url: str = "", **options: Any) -> ChatReply:
        schema = options.pop("json_schema", None)
        on_text = options.pop("on_text", None)
        with closing(OpenAIChat(base_url or f"{self.url}/v1", "m", **options)) as chat:
            messages = [ChatMessage("user", "When?")]
            return chat.complete(messages, max_tokens=50, timeout_s=10, json_schema=schema, on_text=on_text)


def completion(content: Any, **message: Any) -> dict[str, Any]:
    choice = {"message": {"content": content, **message}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}


def stream(*chunks: Mapping[str, Any]) -> Reply:
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return 200, {"Content-Type": "text/event-stream"}, f"{events}data: [DONE]\n\n"


def delta(content: str, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": content}, **choice}], "usage": None}


@pytest.fixture
def server() -> Iterator[Server]:
    scripted = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            scripted.requests.append(Request(self.path, headers, body))
            status, more, reply = scripted.answer(body)
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | dict(more)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write((reply if isinstance(reply, str) else json.dumps(reply)).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        scripted.url = f"http://127.0.0.1:{listening.server_port}"
        yield scripted
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/chat/completions", "/v1/chat/completions/"])
def test_base_url__with_a_slash_or_the_path_of_requests(server: Server, path: str) -> None:
    assert server.complete(server.url + path).text == TEXT
    assert server.requests[0].path == "/v1/chat/completions"


@pytest.mark.parametrize(
    "content",
    [
        '```json\n{"score": 7}\n```',
        '<think>{"score": 1} or more?</think>\n{"score": 7}',
        [{"type": "text", "text": '{"score"'}, {"type": "text", "text": ": 7}"}],
    ],
)
def test_content__code_fences_thoughts_and_lists_of_parts(server: Server, content: Any) -> None:
    server.answer = lambda _: (200, {}, completion(content))
    with closing(OpenAIChat(f"{server.url}/v1", "m")) as chat:
        reranker = LlmPointwiseReranker(chat, limits=LlmLimits())
        (ranked,) = reranker.rerank("When?", [candidate(1, TEXT)], deadline_s=10).ranked
    assert ranked.score == pytest.approx(0.7)


def test_reasoning_content__is_kept_apart_from_the_answer(server: Server) -> None:
    server.answer = lambda _: (200, {}, completion(TEXT, reasoning_content="Passage 1 names it."))
    reply = server.complete()
    assert (reply.text, reply.reasoning) == (TEXT, "Passage 1 names it.")


def test_choices__empty_list_in_a_reply_is_an_error_and_in_a_stream_is_skipped(server: Server) -> None:
    server.answer = lambda _: (200, {}, {"choices": []})
    with pytest.raises(LlmUnparsable, match="without choices"):
        server.complete()
    server.answer = lambda _: stream({"choices": []}, delta(TEXT, finish_reason="stop"))
    assert server.complete(on_text=lambda _: None).text == TEXT


def test_stream__last_chunk_with_usage_and_without_choices(server: Server) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 6}}
    server.answer = lambda _: stream(delta(TEXT[:4]), delta(TEXT[4:], finish_reason="stop"), usage)
    seen: list[str] = []
    reply = server.complete(on_text=seen.append)
    assert (reply.text, reply.usage.prompt_tokens, reply.usage.completion_tokens) == (TEXT, 11, 6)
    assert seen == [TEXT[:4], TEXT]
    assert server.requests[0].body["stream_options"] == {"include_usage": True}


def test_stream__server_that_ignores_it(server: Server) -> None:
    seen: list[str] = []
    assert server.complete(on_text=seen.append).text == TEXT
    assert server.requests[0].body["stream"] is True
    assert seen == [TEXT]


@pytest.mark.parametrize(
    ("name", "said", "sent"),
    [
        ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", 50),
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model.", None),
        ("response_format", "response_format is not supported", None),
    ],
)
def test_parameters__rejected_ones_are_left_out_from_then_on(
    server: Server, name: str, said: str, sent: int | None
) -> None:
    def answer(body: Mapping[str, Any]) -> Reply:
        return (400, {}, {"error": {"message": said}}) if name in body else (200, {}, completion(TEXT))

    server.answer = answer
    with closing(OpenAIChat(f"{server.url}/v1", "m")) as chat:
        for _ in range(2):
            messages = [ChatMessage("user", "When?")]
            assert chat.complete(messages, max_tokens=50, timeout_s=10, json_schema={"type": "object"}).text == TEXT
    assert [name in request.body for request in server.requests] == [True, False, False]
    assert server.requests[-1].body.get("max_completion_tokens") == sent


def test_rate_limit__waits_the_milliseconds_that_the_server_names(server: Server) -> None:
    replies: list[Reply] = [(429, {"retry-after-ms": "40", "retry-after": "9"}, {}), (200, {}, completion(TEXT))]
    server.answer = lambda _: replies.pop(0)
    started = time.monotonic()
    assert server.complete().text == TEXT
    assert 0.04 <= time.monotonic() - started < 5


def test_azure__key_header_and_api_version(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    deployment = "http://res.openai.azure.com/openai/deployments/gpt"
    assert server.complete(f"{deployment}?api-version=2025-01-01", api_key="key-1").text == TEXT
    (request,) = server.requests
    assert request.path == f"{deployment}/chat/completions?api-version=2025-01-01"
    assert (request.headers["api-key"], "authorization" in request.headers) == ("key-1", False)


def test_keys__one_for_each_endpoint(server: Server) -> None:
    replies = {
        "/v1/chat/completions": completion(TEXT),
        "/v1/embeddings": {"data": [{"index": 0, "embedding": [1, 2]}]},
        "/v1/rerank": {"results": [{"index": 0, "relevance_score": 0.5}]},
    }
    server.answer = lambda _: (200, {}, replies[server.requests[-1].path])
    base_url = f"{server.url}/v1"
    server.complete(api_key="chat")
    profile = EmbeddingProfile(1, "remote", "m", 2, 8191, backend="openai", base_url=base_url)
    with closing(OpenAIEmbeddings(profile, api_key="embeddings")) as embedder:
        embedder.encode(["a"])
    with closing(HttpRerankEndpoint(base_url, api_key="rerank")) as endpoint:
        endpoint.score("When?", ["a"], timeout_s=10)
    sent = {request.path.split("/")[2]: request.headers["authorization"] for request in server.requests}
    assert sent == {"chat": "Bearer chat", "embeddings": "Bearer embeddings", "rerank": "Bearer rerank"}


REPORTED = {"error": {"message": "The upstream model is paused.", "code": 402}}


@pytest.mark.parametrize(("reply", "error"), [(REPORTED, LlmUnreachable), (None, LlmUnparsable)])
def test_error_or_null_with_status_200__embeddings_and_rerank_send_one_request(
    server: Server, reply: Any, error: type[Exception]
) -> None:
    def answer(_: Mapping[str, Any]) -> Reply:
        assert len(server.requests) < 5, "repeated without end"
        return 200, {}, reply

    server.answer = answer
    profile = EmbeddingProfile(1, "m", "m", 3, 100, backend="openai", base_url=f"{server.url}/v1")
    with closing(OpenAIEmbeddings(profile)) as embedder, pytest.raises(error) as embedding:
        embedder.encode(["a"])
    with closing(HttpRerankEndpoint(server.url)) as reranker, pytest.raises(error) as reranking:
        reranker.score("When?", [TEXT], timeout_s=5)
    assert len(server.requests) == 2
    for caught in (embedding, reranking):
        assert reply is None or "The upstream model is paused." in str(caught.value)
