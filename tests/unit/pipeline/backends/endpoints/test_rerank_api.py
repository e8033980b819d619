"""Rerank endpoints over HTTP on loopback: reply formats of real servers, invalid replies, and failures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from config.checks import Check, _check_rerank_endpoint, run_check
from config.setting_groups import RerankApiSettings
from config.settings import Settings
from pipeline.backends.endpoints.rerank_api import HttpRerankEndpoint, read_scores
from pipeline.errors import LlmError, LlmRejected, LlmTimeout, LlmUnparsable, LlmUnreachable
from pipeline.ports import PassageScores
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.rerank_api import RerankApiReranker
from pipeline.rerank.results import is_full_permutation
from pipeline.types import Usage
from tests.answer_fakes import candidates
from tests.loopback_llm import LoopbackLlm, ScriptedReply, reply_in_order

KEY = "rk-very-secret"


def cohere(*results: Any, **more: Any) -> ScriptedReply:
    return ScriptedReply(body=json.dumps({"id": "x", "results": results, **more}))


def result(index: Any, score: Any) -> dict[str, Any]:
    return {"index": index, "relevance_score": score, "document": {"text": "…"}}


Serve = Callable[..., HttpRerankEndpoint]


@pytest.fixture
def serve() -> Iterator[Serve]:
    opened: list[tuple[LoopbackLlm, HttpRerankEndpoint]] = []

    def start(answer: Any, **options: Any) -> HttpRerankEndpoint:
        server = LoopbackLlm(answer if callable(answer) else reply_in_order(answer)).__enter__()
        endpoint = HttpRerankEndpoint(server.url, api_key=KEY, **options)
        opened.append((server, endpoint))
        endpoint.server = server  # type: ignore[attr-defined]
        return endpoint

    yield start
    for server, endpoint in opened:
        endpoint.close()
        server.__exit__(None, None, None)


def asked(endpoint: Any) -> list[Mapping[str, Any]]:
    seen: list[Mapping[str, Any]] = endpoint.server.requests
    return seen


@pytest.mark.parametrize(
    ("answer", "scores", "said"),
    [
        ({"results": [result(1, 0.2), result(0, 0.8)]}, [0.8, 0.2], ""),
        ([{"index": 1, "score": 0.2}, {"index": 0, "score": 0.8}], [0.8, 0.2], ""),  # TEI
        ({"data": [result(1, 0.2), result(0, 1)]}, [1.0, 0.2], ""),
        ({"results": [result(0, 0.8)]}, [0.8, None], "passages missing: 1"),
        ({"results": [result(0, 0.8), result(2, 0.9)]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), result(-1, 0.9)]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), result("1", 0.9)]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), result(1.0, 0.9)]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(True, 0.8), result(0, 0.9)]}, [0.9, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), result(1, 0.1), result(1, 0.9)]}, [0.8, None], "passages scored twice: 1"),
        ({"results": [result(0, 0.8), result(1, "0.9")]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), result(1, None)]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), result(1, math.nan)]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), result(1, math.inf)]}, [0.8, None], "valid index or score: 1"),
        ({"results": [result(0, 0.8), "nonsense", None]}, [0.8, None], "valid index or score: 2"),
        ({"results": []}, [None, None], "passages missing: 2"),
        ({"results": {"0": 0.8}}, [None, None], "no list of results"),
        ({"error": "x"}, [None, None], "no list of results"),
        ("nonsense", [None, None], "no list of results"),
        (None, [None, None], "no list of results"),
    ],
)
def test_read_scores__raises_nothing(answer: Any, scores: list[float | None], said: str) -> None:
    found, note = read_scores(answer, 2)
    assert found == scores
    assert said in note
    assert bool(note) == bool(said)


def test_score__cohere_format(serve: Serve) -> None:
    meta = {"tokens": {"input_tokens": 77}}
    endpoint = serve([cohere(result(1, 0.9), result(0, 0.1), meta=meta)], model="rerank-v3.5")
    scores = endpoint.score("q", ["a", "b"], timeout_s=5)
    assert scores == PassageScores((0.1, 0.9), Usage(1, 77))
    assert asked(endpoint) == [{"model": "rerank-v3.5", "query": "q", "documents": ["a", "b"], "top_n": 2}]


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [({"total_tokens": 815, "prompt_tokens": 800}, 800), ({"total_tokens": 56}, 56), ({"total_tokens": 0}, 2), (5, 2)],
)
def test_score__usage_of_jina_vllm_and_without_one(serve: Serve, usage: Any, tokens: int) -> None:
    assert serve([cohere(result(0, 0.1), usage=usage)]).score("q", ["a"], timeout_s=5).usage.prompt_tokens == tokens


def tei(limit: int) -> Callable[[Mapping[str, Any]], ScriptedReply]:
    """Answer like Text Embeddings Inference: its parameters, and at most `limit` passages per request."""

    def answer(request: Mapping[str, Any]) -> ScriptedReply:
        if "texts" not in request:
            return ScriptedReply(
                status=422, body="Failed to deserialize the JSON body into the target type: missing field `texts`"
            )
        texts = request["texts"]
        if len(texts) > limit:
            said = f"batch size {len(texts)} > maximum allowed batch size {limit}"
            return ScriptedReply(status=413, body=json.dumps({"error": said, "error_type": "Validation"}))
        scored = [{"index": place, "score": int(text) / 100} for place, text in enumerate(texts)]
        return ScriptedReply(body=json.dumps(scored[::-1]))

    return answer


def test_score__detects_tei_format_and_batch_limit_once(serve: Serve) -> None:
    endpoint = serve(tei(32))
    texts = [str(number) for number in range(50)]
    expected = tuple(number / 100 for number in range(50))
    assert endpoint.score("q", texts, timeout_s=5).scores == expected
    assert [len(request.get("texts", [])) for request in asked(endpoint)] == [0, 50, 25, 25]
    assert endpoint.score("q", texts, timeout_s=5).scores == expected
    assert [len(request.get("texts", [])) for request in asked(endpoint)][4:] == [25, 25]


def test_score__single_passage_too_large(serve: Serve) -> None:
    endpoint = serve([ScriptedReply(status=413, body="too large")])
    with pytest.raises(LlmRejected, match="status 413"):
        endpoint.score("q", ["a"], timeout_s=5)


@pytest.mark.parametrize(
    ("replies", "error", "requests"),
    [
        ([ScriptedReply(status=401, body=f"bad key {KEY}")], LlmRejected, 1),
        ([ScriptedReply(status=403, body="no")], LlmRejected, 1),
        ([ScriptedReply(status=404, body="no such model")], LlmRejected, 1),
        ([ScriptedReply(status=400, body="bad request")], LlmRejected, 1),
        ([ScriptedReply(status=307, body="", headers={"Location": "http://127.0.0.1:9/"})], LlmRejected, 1),
        ([ScriptedReply(status=500, body="boom", headers={"Retry-After": "0"})], LlmUnreachable, 3),
        ([ScriptedReply(status=429, body="slow down", headers={"Retry-After": "3600"})], LlmUnreachable, 1),
        (
            [ScriptedReply(status=429, body="slow down", headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})],
            LlmUnreachable,
            1,
        ),
        ([ScriptedReply(body="<html>It works!</html>")], LlmUnparsable, 1),
        ([ScriptedReply(body="")], LlmUnparsable, 1),
    ],
)
def test_score__failures(serve: Serve, replies: list[ScriptedReply], error: type[LlmError], requests: int) -> None:
    endpoint = serve(replies)
    with pytest.raises(error) as raised:
        endpoint.score("q", ["a"], timeout_s=5)
    assert type(raised.value) is error
    assert endpoint.address in str(raised.value)
    assert KEY not in str(raised.value)
    assert len(asked(endpoint)) == requests


def test_score__retries_after_rate_limits(serve: Serve) -> None:
    wait = ScriptedReply(status=429, body="slow down", headers={"Retry-After": "0"})
    endpoint = serve(
        [
            wait,
            ScriptedReply(status=503, headers={"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}, body=""),
            cohere(result(0, 0.5)),
        ]
    )
    assert endpoint.score("q", ["a"], timeout_s=5).scores == (0.5,)
    assert len(asked(endpoint)) == 3


def test_score__timeout(serve: Serve) -> None:
    endpoint = serve([ScriptedReply(hold=True)])
    with pytest.raises(LlmTimeout):
        endpoint.score("q", ["a"], timeout_s=0.2)


def test_score__closed_connection(serve: Serve) -> None:
    endpoint = serve([ScriptedReply(close=True)], max_retries=0)
    with pytest.raises(LlmUnreachable, match="cannot be reached"):
        endpoint.score("q", ["a"], timeout_s=5)


def test_score__connection_refused() -> None:
    endpoint = HttpRerankEndpoint("http://127.0.0.1:9/v2/rerank", max_retries=0)
    assert endpoint.name == "http://127.0.0.1:9/v2/rerank"
    with pytest.raises(LlmUnreachable, match="REFDESK_RERANK_API_URL"):
        endpoint.score("q", ["a"], timeout_s=5)
    endpoint.close()


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://127.0.0.1/rerank", "http://[::1"])
def test_score__invalid_url(url: str) -> None:
    endpoint = HttpRerankEndpoint(url)
    with pytest.raises(LlmRejected, match="REFDESK_RERANK_API_URL"):
        endpoint.score("q", ["a"], timeout_s=5)
    endpoint.close()


def test_score__invalid_key() -> None:
    endpoint = HttpRerankEndpoint("http://127.0.0.1:9", api_key="schlüssel")
    with pytest.raises(LlmRejected, match="REFDESK_RERANK_API_KEY"):
        endpoint.score("q", ["a"], timeout_s=5)
    endpoint.close()


def test_fallback__failing_endpoint_never_stops_an_answer(serve: Serve) -> None:
    for said in (
        ScriptedReply(status=500, body="", headers={"Retry-After": "0"}),
        ScriptedReply(body="{}"),
        ScriptedReply(close=True),
    ):
        chain = FallbackReranker(RerankApiReranker(serve([said])), RecallOrderReranker())
        found = candidates(5)
        result = chain.rerank("q", found, deadline_s=5.0)
        assert is_full_permutation(result.ranked, found)
        assert [(f.method, f.used) for f in result.fallbacks] == [("rerank-api", "none")]


@pytest.mark.parametrize(("said", "calls"), [(ScriptedReply(hold=True), 1), (ScriptedReply(status=401), 0)])
def test_fallback__counts_lost_calls(serve: Serve, said: ScriptedReply, calls: int) -> None:
    reranker = RerankApiReranker(serve([said]), price_call_usd=2.0)
    result = FallbackReranker(reranker, RecallOrderReranker()).rerank("q", candidates(5), deadline_s=1.0)
    assert result.usage == (reranker.estimate("q", candidates(5)) if calls else Usage())


def test_doctor__checks_that_the_endpoint_returns_scores() -> None:
    def check(url: str, model: str = "") -> Check:
        settings = Settings(rerank_api=RerankApiSettings(url=url, model=model))
        return run_check("rerank endpoint", lambda: _check_rerank_endpoint(settings))

    with LoopbackLlm(reply_in_order([cohere(result(0, 0.9)), cohere()])) as server:
        found = check(server.url, "tiny")
        assert (found.status, found.detail) == ("ok", "tiny returns scores")
        empty = check(server.url)
    assert (empty.status, "without a score" in empty.detail) == ("problem", True)
    assert "cannot be reached" in check("http://127.0.0.1:9").detail
    assert "REFDESK_RERANK_API_URL is not set" in check("").detail
