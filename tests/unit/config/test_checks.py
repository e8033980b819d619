"""Checks of `refdesk doctor`, and objects built from several settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr

from config import wiring
from config.budgets import build_budget, build_document_budget
from config.chat_model import build_chat
from config.checks import Check, _check_confinement, _check_language_model, _check_prices
from config.cross_encoders import LazyCrossEncoder
from config.embedding import ProfileRequest, build_encoder_options, describe_profile
from config.job_setting_groups import IngestSettings
from config.prices import Price
from config.rerankers import build_rerankers
from config.setting_groups import BudgetSettings, EmbeddingSettings, LlmSettings, RerankApiSettings, ServerSettings
from config.settings import Settings
from pipeline.budget import Limit, Limits
from pipeline.errors import InvalidInput
from pipeline.rerank import estimate_usage
from pipeline.types import EmbeddingProfile
from tests.answer_fakes import PROFILE, WordEmbedder, candidate

LLM = LlmSettings(base_url="http://127.0.0.1:9/v1", model="tiny")
URL = "http://user:hidden-word@127.0.0.1:9/v1?token=hidden-word"
MANY = {"data": [{"id": f"model-{n}"} for n in range(7)]}


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Check]:
    """Return a function that checks a language model whose server sends a given response."""

    def check_response(status: int, body: Any, *, model: str = "tiny", key: str = "") -> Check:
        reply = httpx.Response(status, **({"text": body} if isinstance(body, str) else {"json": body}))
        unread = httpx.Response(status, headers=reply.headers, stream=reply.stream)
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: unread)
        settings = Settings(llm=LlmSettings(base_url=URL, model=model, api_key=SecretStr(key)))
        result = _check_language_model(settings)
        assert "hidden-word" not in result.detail
        return result

    return check_response


def test_language_model__available_on_the_server_is_ok(check):
    result = check(200, {"data": [{"id": "other"}, {"id": "tiny"}]})
    assert (result.status, result.detail) == ("ok", "tiny at http://127.0.0.1:9/v1")
    assert check(200, {"data": [{"id": "tiny:latest"}]}).status == "ok"


def test_language_model__missing_on_the_server_is_a_problem(check):
    result = check(200, MANY)
    assert result.status == "problem"
    assert "tiny" in result.detail
    assert "model-4, …" in result.detail
    assert "model-5" not in result.detail


@pytest.mark.parametrize(("status", "text"), [(401, "rejected the API key"), (404, "404"), (500, "500"), (302, "302")])
def test_language_model__only_status_200_is_ok(check, status, text):
    result = check(status, {"data": [{"id": "tiny"}]})
    assert result.status == "problem"
    assert text in result.detail


@pytest.mark.parametrize("body", ["<html>", {}, [], {"data": None}, {"data": ["tiny"]}])
def test_language_model__without_a_model_list_is_a_note(check, body):
    assert check(200, body).status == "note"


def test_language_model__invalid_key_is_a_problem(check):
    result = check(200, MANY, key="sk-schlüssel")
    assert (result.status, "REFDESK_LLM_API_KEY" in result.detail) == ("problem", True)


def test_language_model__unreachable_hides_the_password():
    result = _check_language_model(Settings(llm=LlmSettings(base_url=URL, model="tiny")))
    assert result.status == "problem"
    assert "hidden-word" not in result.detail


def test_parts__overlap_is_at_most_half_of_the_model_limit(monkeypatch, tmp_path):
    profile = EmbeddingProfile(1, "p", "m", 8, 66, "", "", True)
    embedder = SimpleNamespace(encode=lambda texts: None, profile=profile)
    monkeypatch.setattr(wiring, "build_embedder", lambda settings, profile: embedder)
    settings = Settings(
        servers=ServerSettings(home=tmp_path), ingest=IngestSettings(chunk_tokens=200, chunk_overlap=100)
    )
    parts = wiring.build_parts(settings, profile, role="ingest")
    assert (parts.ingest.chunk_tokens, parts.ingest.chunk_overlap) == (64, 32)


def test_prices__missing_ones_are_reported_only_with_a_spending_limit():
    def result(llm=LLM, **groups):
        return [(check.status, check.detail) for check in _check_prices(Settings(_env_file=None, llm=llm, **groups))]

    limited = BudgetSettings(question_hard_usd=1.0)
    assert result() == []
    assert result(budget=limited) == [
        ("note", "no price for tiny, so REFDESK_BUDGET_* does not limit its use; add it to REFDESK_PRICES")
    ]
    endpoint = RerankApiSettings(url="https://a/rerank")
    assert result(budget=limited, rerank_api=endpoint)[0][1].startswith("no price for tiny, https://a/rerank,")
    priced = [("ok", "every model in use has a price")]
    remote = EmbeddingSettings(base_url="https://a/v1", model="large")
    assert result(budget=limited, embedding=remote)[0][1].startswith("no price for tiny, large,")
    paid = remote.model_copy(update={"price_tokens_usd": 0.1})
    assert result(LlmSettings(), budget=limited, embedding=paid) == [("ok", "every model in use has a price")]
    assert result(LLM.model_copy(update={"price_prompt_usd": 0.1}), budget=limited) == priced
    for price in (Price(prompt=0.1), Price()):
        table = BudgetSettings(question_hard_usd=1.0, prices={"tiny": price})
        assert result(budget=table) == priced, "0 in the table is a price"
    assert result(LlmSettings(), budget=limited) == []


def test_wiring__prices_come_from_the_table():
    settings = Settings(
        _env_file=None,
        llm=LLM.model_copy(update={"price_prompt_usd": 7}),
        rerank_api=RerankApiSettings(url="https://a/rerank", model="ranker"),
        budget=BudgetSettings(prices={"tiny": Price(prompt=1, completion=2), "ranker": Price(calls=3)}),
    )
    chat: Any = build_chat(settings)
    assert chat._prices == (1, 2)
    cross_encoder = LazyCrossEncoder("unused", build_encoder_options(settings))
    built = build_rerankers(settings, WordEmbedder(), chat=chat, cross_encoder=cross_encoder)
    ten = [candidate(n) for n in range(1, 11)]
    rated = estimate_usage(built["llm-pointwise"], "Where?", ten)
    assert rated.cost_usd == pytest.approx((rated.prompt_tokens + 2 * rated.completion_tokens) / 1e6)
    assert estimate_usage(built["rerank-api"], "Where?", ten).cost_usd == pytest.approx(0.003)
    limited = settings.budget.model_copy(update={"user_day_hard_usd": 2.0})
    budget = build_budget(settings.model_copy(update={"budget": limited}), cast("Any", None), PROFILE)
    assert budget is not None
    assert (budget.prompt_usd, budget.completion_usd, budget.limits) == (1, 2, Limits(user=Limit(0.0, 2.0)))
    assert build_budget(settings, cast("Any", None), PROFILE) is None
    chat.close()


def test_budget__embedding_is_priced_for_endpoints_only():
    limited = BudgetSettings(prices={"listed": Price(prompt=3)}, question_hard_usd=1.0, user_day_hard_usd=2.0)
    settings = Settings(_env_file=None, embedding=EmbeddingSettings(price_tokens_usd=0.1), budget=limited)
    remote = replace(PROFILE, backend="openai")

    def price(profile, build=build_budget):
        budget = build(settings, cast("Any", None), profile)
        return budget and budget.embedding_usd

    assert price(PROFILE) == 0
    assert price(remote) == 0.1
    assert price(replace(remote, model="listed")) == 3
    assert price(PROFILE, build_document_budget) is None
    assert price(remote, build_document_budget) == 0.1
    documents = build_document_budget(settings, cast("Any", None), remote)
    assert documents is not None
    assert documents.limits == Limits(user=Limit(0.0, 2.0)), "limits per question do not apply"


@pytest.mark.parametrize("option", [{"base_url": "https://a/v1"}, {"pooling": "mean"}])
def test_describe_profile__only_local_models_are_quantized(option):
    request = ProfileRequest("p", "m", quantization="int8", **option)
    with pytest.raises(InvalidInput, match="Only local sentence-transformers models can be quantized"):
        describe_profile(Settings(_env_file=None), request)


def test_confinement__is_what_the_system_supports():
    found = _check_confinement()
    assert found.status in {"ok", "note"}
    assert found.detail.startswith("in a process without network" if found.status == "ok" else "in a separate process")
