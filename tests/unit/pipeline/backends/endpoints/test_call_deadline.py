"""The deadline of a call, with servers on loopback that send single bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from time import monotonic
from typing import BinaryIO

import httpcore
import pytest

from pipeline.backends.endpoints.call_deadline import CallNetwork, limit_call
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


def read_request(requests: BinaryIO) -> None:
    """Read one request to its end, however many packets it comes in."""
    length = 0
    while (line := requests.readline().strip().lower()) != b"":
        name, _, value = line.partition(b":")
        length = int(value) if name == b"content-length" else length
    requests.read(length)


def test_calls__a_kept_connection_has_the_deadline_of_its_next_call() -> None:
    body = b'{"choices": [{"message": {"content": "At nine."}, "finish_reason": "stop"}]}'
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as requests:
                for _ in range(2):
                    read_request(requests)
                    connection.sendall(reply)
                connection.recv(1)

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with closing(OpenAIChat(url, "m", max_retries=0)) as chat:
            texts = []
            for timeout_s in (1.0, 5.0):
                texts.append(chat.complete([ChatMessage("user", "When?")], max_tokens=50, timeout_s=timeout_s).text)
                threading.Event().wait(1.1)  # longer than the first deadline
    assert texts == ["At nine."] * 2


def test_calls__a_server_that_reads_slowly_does_not_delay_the_deadline() -> None:
    stopped = threading.Event()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def read_slowly() -> None:
            connection, _ = listener.accept()
            with connection:
                while not stopped.wait(0.1) and connection.recv(20_000):
                    pass

        thread = threading.Thread(target=read_slowly, daemon=True)
        thread.start()
        network = CallNetwork()
        options = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)]
        started = monotonic()
        with limit_call(started + TIMEOUT_S):
            stream = network.connect_tcp("127.0.0.1", listener.getsockname()[1], socket_options=options)
            with closing(stream), pytest.raises(httpcore.TimeoutException):
                stream.write(bytes(1_000_000))
        assert monotonic() - started < LATE_S
        stopped.set()
        thread.join(10)


@contextmanager
def open_full_listener() -> Iterator[int]:
    """Open a port that answers no further connection, because its queue is full."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        yield listener.getsockname()[1]


def test_connections__all_addresses_of_a_host_share_the_deadline() -> None:
    started = monotonic()
    network = CallNetwork(lambda host, timeout_s: ["127.0.0.1"] * 3)
    with open_full_listener() as port, limit_call(started + TIMEOUT_S), pytest.raises(httpcore.ConnectTimeout):
        network.connect_tcp("host.test", port, 0.5)
    assert TIMEOUT_S <= monotonic() - started < LATE_S


def test_connections__have_no_deadline_outside_a_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = CallNetwork().connect_tcp("127.0.0.1", listener.getsockname()[1])
        with closing(stream), listener.accept()[0] as server:
            server.sendall(b"a")
            assert stream.read(1) == b"a"
