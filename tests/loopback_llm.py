"""A language model's server on loopback: HTTP in the format of OpenAI's chat completions, with scripted replies."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\\w+|[^\\w\\s]")


@dataclass(frozen=True)
class ScriptedReply:
    """How the server answers one request."""

    text: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    """Sent instead of a chat completion."""
    close: bool = False
    """Close the connection without a reply."""
    hold: bool = False
    """Send nothing until the server stops."""


ReplyFunction = Callable[[Mapping[str, Any]], ScriptedReply]
"""Returns the reply to a request's JSON."""


def count_tokens(text: str) -> int:
    """Count words, punctuation marks and East Asian characters, as the server's usage does."""
    return len(_WORD.findall(text))


class LoopbackLlm:
    """Runs the server in a thread and records its requests."""

    def __init__(self, answer: ReplyFunction, port: int = 0) -> None:
        self.requests: list[Mapping[str, Any]] = []
        self.request_held = threading.Event()
        self.release = threading.Event()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server._lock:
                    server.requests.append(request)
                server._reply(self, request, answer(request))

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # some tests close connections on purpose

        self._http = Server(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def release_calls(self) -> None:
        """Release held requests and wait for the calls of rerankers, so that their connections can be closed."""
        self.release.set()
        for thread in threading.enumerate():
            if thread.name.startswith("rerank"):
                thread.join(10)

    def _reply(self, handler: BaseHTTPRequestHandler, request: Mapping[str, Any], reply: ScriptedReply) -> None:
        if reply.hold:
            self.request_held.set()
            self.release.wait(60)
        if reply.hold or reply.close:
            # A reset instead of an orderly close, as if the server had crashed.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        body = (reply.body if reply.body is not None else build_completion(request, reply.text)).encode()
        handler.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **reply.headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


def build_completion(request: Mapping[str, Any], text: str) -> str:
    """Build a chat completion with its usage."""
    prompt = sum(count_tokens(message["content"]) for message in request["messages"])
    return json.dumps(
        {
            "model": request["model"],
            "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": count_tokens(text)},
        }
    )


def reply_in_order(replies: Sequence[ScriptedReply]) -> ReplyFunction:
    """Return prepared replies one after the other, then the last one again and again."""
    lock = threading.Lock()
    remaining = list(replies)

    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        with lock:
            return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return answer
