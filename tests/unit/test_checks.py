"""What `refdesk doctor` says of a language model, and how settings bound each other."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from config import wiring
from config.checks import Check, _language_model
from config.settings import Settings
from pipeline.types import EmbeddingProfile

URL = "http://user:hidden-word@127.0.0.1:9/v1?token=hidden-word"
MANY = {"data": [{"id": f"model-{n}"} for n in range(7)]}


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Check]:
    """Ask about a language model whose server gives this reply."""

    def ask(status: int, body: Any, *, model: str = "tiny", key: str = "") -> Check:
        reply = httpx.Response(status, **({"text": body} if isinstance(body, str) else {"json": body}))
        monkeypatch.setattr(httpx, "get", lambda url, **_: reply)
        settings = Settings(llm_base_url=URL, llm_model=model, llm_api_key=SecretStr(key))
        found = _language_model(settings)
        assert "hidden-word" not in found.detail
        return found

    return ask


def test_language_model__that_the_server_has_is_ok(look):
    found = look(200, {"data": [{"id": "other"}, {"id": "tiny"}]})
    assert (found.status, found.detail) == ("ok", "tiny at http://127.0.0.1:9/v1")
    assert look(200, {"data": [{"id": "tiny:latest"}]}).status == "ok"


def test_language_model__that_the_server_lacks_is_a_problem(look):
    found = look(200, MANY)
    assert found.status == "problem"
    assert "tiny" in found.detail
    assert "model-4, …" in found.detail
    assert "model-5" not in found.detail


@pytest.mark.parametrize(("status", "says"), [(401, "refuses the key"), (404, "404"), (500, "500"), (302, "302")])
def test_language_model__only_status_200_is_ok(look, status, says):
    found = look(status, {"data": [{"id": "tiny"}]})
    assert found.status == "problem"
    assert says in found.detail


@pytest.mark.parametrize("body", ["<html>", {}, [], {"data": None}, {"data": ["tiny"]}])
def test_language_model__without_a_list_is_a_note(look, body):
    assert look(200, body).status == "note"


def test_language_model__key_that_is_none_is_a_problem(look):
    found = look(200, MANY, key="sk-schlüssel")
    assert (found.status, "REFDESK_LLM_API_KEY" in found.detail) == ("problem", True)


def test_language_model__unreachable_hides_the_password():
    found = _language_model(Settings(llm_base_url=URL, llm_model="tiny"))
    assert found.status == "problem"
    assert "hidden-word" not in found.detail


def test_parts__overlap_is_bounded_by_the_room_the_model_leaves(monkeypatch, tmp_path):
    profile = EmbeddingProfile(1, "p", "m", 8, 66, "", "", True)
    embedder = SimpleNamespace(encode=lambda texts: None, profile=profile)
    monkeypatch.setattr(wiring, "build_embedder", lambda settings, profile: embedder)
    settings = Settings(home=tmp_path, chunk_tokens=200, chunk_overlap=100)
    parts = wiring.build_parts(settings, profile, role="ingest")
    assert (parts.ingest.chunk_tokens, parts.ingest.chunk_overlap) == (64, 32)
