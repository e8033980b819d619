"""Addresses of endpoints, also those of Azure."""

from __future__ import annotations

import httpx
import pytest

from pipeline.backends.endpoints.chat_address import authorization_header, redact_url
from pipeline.backends.endpoints.model_list import list_models
from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.backends.endpoints.openai_embeddings import OpenAIEmbeddings
from pipeline.errors import LlmRejected, LlmUnparsable
from pipeline.types import ChatMessage, EmbeddingProfile
from tests.mock_endpoint import answer_in_process

AZURE = "https://res.openai.azure.com/openai/deployments/gpt-4o"
VERSION = "?api-version=2025-01-01-preview"


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://h/v1", "http://h/v1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        (" http://h/v1/chat/completions ", "http://h/v1/chat/completions"),
        (f"{AZURE}{VERSION}", f"{AZURE}/chat/completions{VERSION}"),
        (f"{AZURE}/chat/completions{VERSION}", f"{AZURE}/chat/completions{VERSION}"),
        (f"{AZURE}/chat/completions/{VERSION}", f"{AZURE}/chat/completions{VERSION}"),
    ],
)
def test_chat__url_of_requests(base_url: str, url: str) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"choices": [{"message": {"content": "Yes."}}]})

    chat = OpenAIChat(base_url, "m")
    answer_in_process(chat, answer)
    assert chat.complete([ChatMessage("user", "Hi")], max_tokens=9, timeout_s=5).text == "Yes."
    assert [str(request.url) for request in requests] == [url]


@pytest.mark.parametrize("base_url", [f"{AZURE}{VERSION}", f"{AZURE}/embeddings{VERSION}"])
def test_embeddings__query_stays_at_the_end(base_url: str) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"data": [{"index": 0, "embedding": [1, 2]}]})

    profile = EmbeddingProfile(1, "remote", "m", 2, 8191, backend="openai", base_url=base_url)
    embedder = OpenAIEmbeddings(profile, api_key="key-2")
    answer_in_process(embedder, answer)
    embedder.encode(["a"])
    assert str(requests[0].url) == f"{AZURE}/embeddings{VERSION}"
    assert (requests[0].headers["api-key"], "Authorization" in requests[0].headers) == ("key-2", False)


def test_requests__ignore_the_environment_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", "of-another-account")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", "Authorization: Bearer of-another-account\nX-Secret: of-another-account"
    )
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"choices": [{"message": {"content": "Yes."}}]})

    chat = OpenAIChat("http://h/v1", "m")
    answer_in_process(chat, answer)
    chat.complete([ChatMessage("user", "Hi")], max_tokens=9, timeout_s=5)
    assert requests[0].url.host == "h"
    assert "of-another-account" not in str(requests[0].headers.raw)


def test_authorization_header__azure_has_its_own() -> None:
    assert authorization_header("key", url=AZURE) == {"api-key": "key"}
    assert authorization_header("key", url="https://azure.example.com") == {"Authorization": "Bearer key"}
    assert authorization_header("", url=AZURE) == {}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"{AZURE}/chat/completions{VERSION}", f"{AZURE}{VERSION}"),
        (f"{AZURE}{VERSION}&code=hidden", f"{AZURE}{VERSION}"),
        ("http://me:hidden@h/v1?key=hidden", "http://h/v1"),
        ("http://h/v1?api-version=hidden%20word", "http://h/v1"),
    ],
)
def test_redact_url__shows_no_query_but_the_version(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_azure__sends_the_key_and_hides_the_query() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(401, json={"error": {"message": "Access denied"}})

    chat = OpenAIChat(f"{AZURE}/chat/completions{VERSION}&code=hidden", "gpt-4o", api_key="key-1")
    answer_in_process(chat, answer)
    with pytest.raises(LlmRejected, match="rejected the API key") as raised:
        chat.complete([ChatMessage("user", "Hi")], max_tokens=9, timeout_s=5)
    assert "hidden" not in str(raised.value)
    assert str(requests[0].url) == f"{AZURE}/chat/completions{VERSION}&code=hidden"
    assert (requests[0].headers["api-key"], "Authorization" in requests[0].headers) == ("key-1", False)


def test_list_models__azure_deployments_have_none() -> None:
    with pytest.raises(LlmUnparsable, match="has no list of models"):
        list_models(f"{AZURE}/chat/completions{VERSION}", "key")
