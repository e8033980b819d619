"""Each endpoint gets its own key, as the settings name it."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from config.chat_model import build_chat_client, list_served_models
from config.embedding import build_embedder
from config.rerankers import build_rerank_endpoint
from config.setting_groups import EmbeddingSettings, LlmSettings, RerankApiSettings
from config.settings import Settings
from pipeline.errors import RefdeskError
from pipeline.types import ChatMessage, EmbeddingProfile

SETTINGS = Settings(
    _env_file=None,
    llm=LlmSettings(base_url="http://chat/v1", model="m", api_key=SecretStr("key-of-chat")),
    embedding=EmbeddingSettings(api_key=SecretStr("key-of-embeddings")),
    rerank_api=RerankApiSettings(url="http://rerank/v1", key=SecretStr("key-of-rerank")),
)
PROFILE = EmbeddingProfile(1, "remote", "m", 2, 8191, backend="openai", base_url="http://embeddings/v1")


def test_endpoints__each_gets_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: set[tuple[str, str]] = set()

    def answer(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        sent.add((request.url.host, request.headers["Authorization"]))
        return httpx.Response(401, stream=httpx.ByteStream(b"{}"))

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    calls = (
        lambda: build_chat_client(SETTINGS).complete([ChatMessage("user", "Hi")], max_tokens=9, timeout_s=5),
        lambda: list_served_models(SETTINGS),
        lambda: build_embedder(SETTINGS, PROFILE).encode(["a"]),
        lambda: build_rerank_endpoint(SETTINGS).score("a", ["b"], timeout_s=5),
    )
    for call in calls:
        with pytest.raises(RefdeskError):
            call()
    assert sent == {
        ("chat", "Bearer key-of-chat"),
        ("embeddings", "Bearer key-of-embeddings"),
        ("rerank", "Bearer key-of-rerank"),
    }
