"""Answer the requests of a model client in the process, for URLs that no server on loopback can have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipeline.backends.endpoints import http_endpoint


def answer_in_process(client: Any, answer: Callable[[httpx.Request], httpx.Response]) -> None:
    """Let `answer` reply to all requests of a client that has sent none yet."""

    def send(request: httpx.Request) -> httpx.Response:
        reply = answer(request)
        # As from a connection: not read yet.
        return httpx.Response(reply.status_code, headers=reply.headers, stream=reply.stream)

    def build_client(_url: str, *, limits: Any, network: Any, **options: Any) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(send), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_endpoint, "build_client", build_client)
        client._endpoint._open_client()
