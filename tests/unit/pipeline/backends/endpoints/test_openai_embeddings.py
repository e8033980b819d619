"""Embedding endpoints: requests, replies and failures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.backends.endpoints.openai_embeddings import OpenAIEmbeddings, describe_endpoint
from pipeline.embed import try_embed_question
from pipeline.errors import (
    LlmRejected,
    LlmTimeout,
    LlmUnparsable,
    LlmUnreachable,
    ModelUnavailable,
    ProfileMismatch,
    RefdeskError,
)
from pipeline.text.tokens import estimate_tokens
from pipeline.types import EmbeddingProfile, Usage
from pipeline.usage import measure_usage
from tests.loopback_llm import LoopbackLlm, ReplyFunction, ScriptedReply, reply_in_order

PROFILE = EmbeddingProfile(1, "remote", "text-embedding-3-large", 3, 8191, backend="openai")


def numbers(text: str, dimensions: int = 3) -> list[float]:
    return [float(len(text) + place) for place in range(dimensions)]


def vectors(request: Mapping[str, Any], dimensions: int = 3, *, backwards: bool = False) -> ScriptedReply:
    data = [
        {"object": "embedding", "index": place, "embedding": numbers(text, dimensions)}
        for place, text in enumerate(request["input"])
    ]
    return ScriptedReply(body=json.dumps({"data": data[::-1] if backwards else data, "usage": {"prompt_tokens": 5}}))


def client(server: LoopbackLlm, profile: EmbeddingProfile = PROFILE, **options: Any) -> closing[OpenAIEmbeddings]:
    return closing(OpenAIEmbeddings(replace(profile, base_url=server.url), **options))


def embed(
    answer: ReplyFunction, texts: Sequence[str] = ("a", "bb"), **options: Any
) -> tuple[Any, list[Mapping[str, Any]]]:
    with LoopbackLlm(answer) as server, client(server, **options) as embedder:
        return embedder.encode(texts), server.requests


def failure(answer: ReplyFunction, **options: Any) -> RefdeskError:
    with pytest.raises(RefdeskError) as caught:
        embed(answer, **options)
    return caught.value


def test_encode__sends_model_texts_and_dimensions() -> None:
    _, asked = embed(vectors)
    assert asked == [
        {"model": "text-embedding-3-large", "input": ["a", "bb"], "encoding_format": "float", "dimensions": 3}
    ]


def test_encode__orders_by_index_and_normalises() -> None:
    found, _ = embed(lambda request: vectors(request, backwards=True))
    expected = np.array([numbers("a"), numbers("bb")], dtype=np.float32)
    assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True))
    assert found.dtype == np.float32


def test_encode__does_not_normalise_for_a_profile_without() -> None:
    with LoopbackLlm(vectors) as server, client(server, replace(PROFILE, normalize=False)) as embedder:
        found = embedder.encode(["a"])
    assert found.tolist() == [numbers("a")]


def test_encode__no_texts_need_no_request() -> None:
    found, asked = embed(vectors, ())
    assert found.shape == (0, 3)
    assert asked == []


def test_encode__leaves_out_dimensions_if_rejected() -> None:
    def ada(request: Mapping[str, Any]) -> ScriptedReply:
        if "dimensions" in request:
            return ScriptedReply(
                status=400, body='{"error": {"message": "This model does not support specifying dimensions."}}'
            )
        return vectors(request)

    found, asked = embed(ada, ("a", "b", "c"), batch_size=1)
    assert found.shape == (3, 3)
    assert ["dimensions" in request for request in asked] == [True, False, False, False]


def up_to(limit: int, said: str, status: int = 400) -> ReplyFunction:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        if len(request["input"]) > limit:
            return ScriptedReply(status=status, body=json.dumps({"error": {"message": said}}))
        return vectors(request)

    return answer


@pytest.mark.parametrize(
    ("said", "status"),
    [("batch size 8 > maximum allowed batch size 2", 422), ("too large", 413), ("array too long", 400)],
)
def test_encode__halves_and_remembers_the_batch_size(said: str, status: int) -> None:
    texts = [f"text {n}" for n in range(8)]
    with LoopbackLlm(up_to(2, said, status)) as server, client(server, batch_size=8) as embedder:
        found = embedder.encode(texts)
        first = [len(request["input"]) for request in server.requests]
        embedder.encode(texts)
        second = [len(request["input"]) for request in server.requests][len(first) :]
    assert found.shape == (8, 3)
    assert first == [8, 4, 2, 2, 2, 2]
    assert second == [2, 2, 2, 2]


def test_encode__token_limit_does_not_change_the_batch_size() -> None:
    answer = up_to(1, "maximum 300000 tokens per request")
    with LoopbackLlm(answer) as server, client(server, batch_size=2) as embedder:
        embedder.encode(["a", "b"])
        embedder.encode(["a", "b"])
        assert [len(request["input"]) for request in server.requests] == [2, 1, 1, 2, 1, 1]


def test_encode__single_rejected_text() -> None:
    error = failure(reply_in_order([ScriptedReply(status=400, body='{"error": {"message": "8,000 tokens at most"}}')]))
    assert isinstance(error, LlmRejected)
    assert "8,000 tokens at most" in str(error)


def test_encode__waits_as_long_as_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    scripted = reply_in_order(
        [
            ScriptedReply(status=429, headers={"Retry-After": "7"}, body="{}"),
            ScriptedReply(status=503, body="{}"),
            ScriptedReply(text="last"),
        ]
    )

    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        said = scripted({"messages": []})
        return vectors(request) if said.text else said

    found, asked = embed(answer)
    assert found.shape == (2, 3)
    assert (waited, len(asked)) == ([7.0, 1.0], 3)


def test_encode__does_not_wait_beyond_the_timeout() -> None:
    error = failure(
        reply_in_order([ScriptedReply(status=429, headers={"Retry-After": "3600"}, body="{}")]), timeout_s=2
    )
    assert isinstance(error, LlmUnreachable)
    assert error.retryable


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            ScriptedReply(status=401, body='{"error": {"message": "bad key sk-1"}}'),
            ModelUnavailable,
            "REFDESK_EMBEDDING_API_KEY",
        ),
        (ScriptedReply(status=404, body="{}"), ModelUnavailable, "model"),
        (ScriptedReply(status=500, body="{}"), LlmUnreachable, "failed"),
        (ScriptedReply(close=True), LlmUnreachable, "cannot be reached"),
        (ScriptedReply(hold=True), LlmTimeout, "in time"),
        (ScriptedReply(body="<html>"), LlmUnparsable, "not JSON"),
        (ScriptedReply(body="[]"), LlmUnparsable, "without a list"),
        (ScriptedReply(body='{"data": [1, 2]}'), LlmUnparsable, "without a list"),
        (ScriptedReply(body='{"data": [{"index": 0, "embedding": [1, 2, 3]}]}'), LlmUnparsable, "2 texts"),
        (
            ScriptedReply(
                body='{"data": [{"index": 0, "embedding": [1, 2, 3]}, {"index": 0, "embedding": [1, 2, 3]}]}'
            ),
            LlmUnparsable,
            "2 texts",
        ),
        (
            ScriptedReply(
                body='{"data": [{"index": 0, "embedding": [1, NaN, 3]}, {"index": 1, "embedding": [1, 2, 3]}]}'
            ),
            LlmUnparsable,
            "finite",
        ),
        (ScriptedReply(body='{"data": [{"index": 0, "embedding": null}, {"index": 1}]}'), LlmUnparsable, "finite"),
        (
            ScriptedReply(
                body='{"data": [{"index": 0, "embedding": [1, 1e300, 3]}, {"index": 1, "embedding": [1, 2, 3]}]}'
            ),
            LlmUnparsable,
            "up to 1e+09",
        ),
        (
            ScriptedReply(body='{"data": [{"index": 0, "embedding": [1, 1%s, 3]}, {"index": 1}]}' % ("0" * 400)),
            LlmUnparsable,
            "up to 1e+09",
        ),
        (
            ScriptedReply(
                body='{"data": [{"index": 0, "embedding": [0, 0, 0]}, {"index": 1, "embedding": [1, 2, 3]}]}'
            ),
            LlmUnparsable,
            "zeros",
        ),
        (
            ScriptedReply(
                body='{"data": [{"index": [0], "embedding": [1, 2, 3]}, {"index": 1, "embedding": [1, 2, 3]}]}'
            ),
            LlmUnparsable,
            "2 texts",
        ),
    ],
)
def test_encode__failures(said: ScriptedReply, kind: type[RefdeskError], words: str) -> None:
    error = failure(reply_in_order([said]), timeout_s=1, max_retries=0, api_key="sk-1")
    assert type(error) is kind
    assert words in str(error)
    assert "sk-1" not in str(error)


def test_encode__wrong_dimensions_name_both_numbers() -> None:
    error = failure(lambda request: vectors(request, 5))
    assert isinstance(error, ProfileMismatch)
    assert "5 dimensions" in str(error)
    assert "has 3" in str(error)


@pytest.mark.parametrize("key", ["schlüssel", "sk-1\nsk-2"])
def test_encode__invalid_key_sends_nothing_and_names_the_setting(key: str) -> None:
    with LoopbackLlm(vectors) as server, client(server, api_key=key) as embedder:
        with pytest.raises(ModelUnavailable, match="REFDESK_EMBEDDING_API_KEY is not a valid API key") as caught:
            embedder.encode(["a"])
        assert server.requests == []
    assert "on one line" in str(caught.value)
    assert key not in str(caught.value)


def test_encode__dimensions_that_change_during_a_call_store_nothing() -> None:
    dimensions = iter([3, 5])
    error = failure(lambda request: vectors(request, next(dimensions)), batch_size=1)
    assert isinstance(error, ProfileMismatch)
    assert "5 dimensions" in str(error)
    assert "Add a profile for the new dimensions" in str(error)


def test_question__without_a_usable_endpoint_goes_on_by_keywords() -> None:
    with LoopbackLlm(lambda request: vectors(request, 5)) as server, client(server) as embedder:
        vector, reason = try_embed_question(embedder, "a")
    assert vector is None
    assert "ProfileMismatch" in reason


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "nonsense", ""])
def test_encode__invalid_url(url: str) -> None:
    client = closing(OpenAIEmbeddings(replace(PROFILE, base_url=url), max_retries=0))
    with client as embedder, pytest.raises(ModelUnavailable) as caught:
        embedder.encode(["a"])
    assert "http(s) URL" in str(caught.value)


@pytest.mark.parametrize(("asked", "sent"), [(0, False), (256, True)])
def test_describe_endpoint__requests_one_vector(asked: int, *, sent: bool) -> None:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        return vectors(request, request.get("dimensions", 1536))

    with LoopbackLlm(answer) as server:
        described = describe_endpoint(replace(PROFILE, dimensions=asked, base_url=server.url))
        assert [("dimensions" in request) for request in server.requests] == [sent]
    assert described.dimensions == (asked or 1536)


def test_describe_endpoint__rejects_other_dimensions() -> None:
    with LoopbackLlm(lambda request: vectors(request, 1536)) as server, pytest.raises(ProfileMismatch):
        describe_endpoint(replace(PROFILE, dimensions=256, base_url=server.url))


def measure(answer: ReplyFunction, texts: Sequence[str] = ("a", "bb"), **options: Any) -> Usage:
    with measure_usage() as meter, suppress(RefdeskError):
        embed(answer, texts, **options)
    return meter.usage


def test_encode__records_the_tokens_and_cost_of_each_request() -> None:
    assert measure(vectors, price_tokens_usd=2.0) == Usage(1, 5, 0, 5 * 2.0 / 1_000_000)
    assert measure(vectors, ("a", "bb", "ccc"), batch_size=2) == Usage(2, 10)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 0}, {"prompt_tokens": "many"}, []])
def test_encode__estimates_tokens_that_the_server_does_not_report(usage: Any) -> None:
    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        return ScriptedReply(body=json.dumps({**json.loads(vectors(request).body or ""), "usage": usage}))

    assert measure(answer, ("one two", "three")) == Usage(1, estimate_tokens("one two") + estimate_tokens("three"))


@pytest.mark.parametrize(
    ("replies", "calls"),
    [
        ([ScriptedReply(close=True), ScriptedReply(body='{"data": []}')], 2),
        ([ScriptedReply(body="<html>")], 1),
        ([ScriptedReply(status=429, headers={"retry-after": "0"}, body="{}"), ScriptedReply(body='{"data": []}')], 1),
        ([ScriptedReply(status=401, body="{}")], 0),
        ([ScriptedReply(hold=True)], 1),
    ],
)
def test_encode__lost_requests_are_charged_and_rejected_ones_are_not(replies: list[ScriptedReply], calls: int) -> None:
    used = measure(reply_in_order(replies), ("one two",), timeout_s=2.0)
    assert used == Usage(calls, calls * estimate_tokens("one two"))
