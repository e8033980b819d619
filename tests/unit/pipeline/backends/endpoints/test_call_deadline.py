"""The deadline of a call, with servers on loopback that send single bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from time import monotonic

import pytest

from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.backends.endpoints.openai_embeddings import OpenAIEmbeddings
from pipeline.errors import LlmError, LlmRejected, LlmTimeout
from pipeline.types import ChatMessage, EmbeddingProfile

TIMEOUT_S = 0.8
LATE_S = 1.2
"""A call that ends later did not end at its deadline. The second timeout of a read would end after 1.4 s."""
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
ERROR = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nwrong key"
Step = tuple[float, bytes]
"""Seconds to wait, and the bytes to send then."""

DRIPPED_HEADERS: Sequence[Step] = [(0.1, HEADERS[at : at + 1]) for at in range(60)]
DRIPPED_BODY: Sequence[Step] = [(0, HEADERS), *[(0.1, b" ")] * 60]
STALLED_BODY: Sequence[Step] = [(0, HEADERS), (0.6, b"{")]


@contextmanager
def serve(steps: Sequence[Step]) -> Iterator[str]:
    """Answer one request with the given steps, and keep the connection open until the client closes it."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100_000)
                for wait_s, part in steps:
                    if stopped.wait(wait_s):
                        return
                    connection.sendall(part)
                stopped.wait(10)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        stopped.set()
        thread.join(10)


def complete(url: str) -> LlmError:
    started = monotonic()
    with closing(OpenAIChat(url, "m", max_retries=0)) as chat, pytest.raises(LlmError) as raised:
        chat.complete([ChatMessage("user", "When?")], max_tokens=50, timeout_s=TIMEOUT_S)
    assert monotonic() - started < LATE_S
    return raised.value


@pytest.mark.parametrize("steps", [DRIPPED_HEADERS, DRIPPED_BODY, STALLED_BODY])
def test_chat__ends_at_the_deadline(steps: Sequence[Step]) -> None:
    with serve(steps) as url:
        error = complete(url)
    assert isinstance(error, LlmTimeout)
    assert "in time" in str(error)
    assert error.usage.calls == 1, "the server may have worked on the call, so it is charged"


def test_chat__error_whose_message_stalls_keeps_its_status() -> None:
    with serve([(0, ERROR)]) as url:
        error = complete(url)
    assert isinstance(error, LlmRejected)
    assert "rejected the API key" in str(error)


@pytest.mark.parametrize("steps", [DRIPPED_HEADERS, DRIPPED_BODY, STALLED_BODY])
def test_embeddings__end_at_the_deadline(steps: Sequence[Step]) -> None:
    with serve(steps) as url:
        profile = EmbeddingProfile(1, "p", "m", 3, 512, backend="openai", base_url=url)
        started = monotonic()
        client = OpenAIEmbeddings(profile, timeout_s=TIMEOUT_S, max_retries=0)
        with closing(client), pytest.raises(LlmTimeout, match="in time"):
            client.encode(["one"])
        assert monotonic() - started < LATE_S


def test_calls__a_kept_connection_has_the_deadline_of_its_next_call() -> None:
    body = b'{"choices": [{"message": {"content": "At nine."}, "finish_reason": "stop"}]}'
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                for _ in range(2):
                    connection.recv(100_000)
                    connection.sendall(reply)
                connection.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with closing(OpenAIChat(url, "m", max_retries=0)) as chat:
            texts = []
            for timeout_s in (0.3, 5.0):
                texts.append(chat.complete([ChatMessage("user", "When?")], max_tokens=50, timeout_s=timeout_s).text)
                threading.Event().wait(0.4)  # longer than the first deadline
    assert texts == ["At nine."] * 2
