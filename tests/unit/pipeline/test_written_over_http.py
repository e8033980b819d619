"""Replies of a model server on loopback in many forms, from the socket to the answer that is shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.generate import AnswerLimits, ReasoningRoom, generate_answer
from pipeline.types import GenerationResult
from tests.answer_fakes import ranked

ANSWER = "The bridge was built by Anna Lehr in 1904 [1]."
PASSAGES = ranked("The bridge was built by Anna Lehr in 1904.", "The ferry leaves at nine.")
Reply = tuple[int, str, bytes]
Act = Callable[[dict[str, Any]], Reply]


class Server(ThreadingHTTPServer):
    """A model server whose replies a test chooses."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.act: Act = lambda _: (500, "text/plain", b"")
        self.requests: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(sent)
        status, content_type, body = self.server.act(sent)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        for start in range(0, len(body), 9):
            self.wfile.write(body[start : start + 9])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def ask(server: Server, act: Act) -> tuple[GenerationResult, list[str]]:
    """Answer a question; return the result and the texts that were shown while it was written."""
    server.act, server.requests = act, []
    chat = OpenAIChat(f"http://127.0.0.1:{server.server_port}/v1", "tiny", max_retries=0)
    shown: list[str] = []
    limits = AnswerLimits(800, 5, ReasoningRoom(3200))
    try:
        given = generate_answer("Who built the bridge?", PASSAGES, chat, limits=limits, on_text=shown.append)
    finally:
        chat.close()
    return given, shown


def stream(
    text: str, *, reasoning: str = "", finish_reason: str = "stop", content_type: str = "text/event-stream"
) -> Act:
    deltas: list[dict[str, Any]] = [{"reasoning_content": reasoning}] if reasoning else []
    deltas += [{"content": text[start : start + 5]} for start in range(0, len(text), 5)]
    events: list[dict[str, Any]] = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas]
    events += [{"choices": [{"delta": {}, "finish_reason": finish_reason}]}, {"usage": {"completion_tokens": 5}}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return lambda _: (200, content_type, body.encode())


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        f"<think>Passage [2]? No. Passage [1].</think>\n{ANSWER}",
        f"Okay, passage [1] has it. Anna Lehr built the bridge [1].\n</think>\n\n{ANSWER}",
        f"<|channel|>analysis<|message|>Anna Lehr [1].<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
        f"analysisAnna Lehr built it [1]. We answer.assistantfinal{ANSWER}",
        f"[THINK]Anna Lehr built the bridge [1].[/THINK]{ANSWER}<|im_end|>",
        json.dumps({"answer": ANSWER, "citations": [1]}),
        f"```json\n{json.dumps({'answer': ANSWER})}\n```",
        f"```\n{ANSWER}\n```",
        ANSWER.replace("[1]", "**[1]**"),
        ANSWER.replace("[1]", "(1)"),
        ANSWER.replace(" [1]", "¹"),
        ANSWER.replace("[1]", "<sup>[1]</sup>"),
    ],
)
def test_answer__is_used_and_nothing_else_is_shown(server: Server, text: str) -> None:
    given, shown = ask(server, stream(text, content_type="text/plain"))
    assert (given.text, given.model, given.fallbacks) == (ANSWER, "tiny", ())
    assert set(shown) <= {ANSWER}


def test_answer__after_reasoning_that_used_up_the_tokens(server: Server) -> None:
    def act(sent: dict[str, Any]) -> Reply:
        short = sent["max_tokens"] < 4000
        return stream("", reasoning="Hm. ", finish_reason="length")(sent) if short else stream(ANSWER)(sent)

    given, _ = ask(server, act)
    assert (given.text, given.usage.calls) == (ANSWER, 2)
    assert [sent["max_tokens"] for sent in server.requests] == [800, 4000]


def test_answer__with_fewer_passages_if_the_context_is_small(server: Server) -> None:
    def act(sent: dict[str, Any]) -> Reply:
        if "ferry" in sent["messages"][-1]["content"]:
            return 400, "application/json", b'{"error": {"message": "prompt is too long: 3000 tokens > 2048 maximum"}}'
        return stream(ANSWER)(sent)

    given, _ = ask(server, act)
    assert (given.text, [note.method for note in given.fallbacks]) == (ANSWER, ["all passages"])


def test_answer__cut_at_the_token_limit(server: Server) -> None:
    given, shown = ask(server, stream(f"{ANSWER} The toll was pa", finish_reason="length"))
    assert (given.text, shown) == (ANSWER, [ANSWER])
    assert given.fallbacks[0].reason == "The answer was cut at 800 tokens (REFDESK_LLM_MAX_TOKENS)."
