"""Rerank endpoints over HTTP: Cohere's v2 API, which Jina, vLLM and llama.cpp serve as well, and that of TEI.

Cohere (https://docs.cohere.com/reference/rerank): a request `{model, query, documents, top_n}` returns `{results:
[{index, relevance_score}]}`. Text Embeddings Inference reads `{query, texts}` and returns a list `[{index, score}]`.
The first rejected request shows which of the two a server supports and how many passages fit into one request; both are
stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

from pipeline.backends.endpoints.http_endpoint import Call, EndpointTexts, HttpEndpoint, RejectedRequest
from pipeline.backends.endpoints.token_counts import read_token_count
from pipeline.errors import LlmRejected, LlmUnparsable
from pipeline.ports import PassageScores
from pipeline.text.tokens import estimate_tokens
from pipeline.tracing import span
from pipeline.types import Usage

MAX_REPLY_BYTES = 2_000_000
RERANK_PATH = "/rerank"
URL_SETTING = "REFDESK_RERANK_API_URL"
INVALID_URL = f"{URL_SETTING} is not an http(s) URL. Use one such as http://127.0.0.1:8080/rerank."


class HttpRerankEndpoint:
    """A `RerankEndpoint` over HTTP."""

    def __init__(self, url: str, *, model: str = "", api_key: str = "", max_retries: int = 2) -> None:
        """Create the client; no request is sent yet.

        Args:
            url: The endpoint, with or without `/rerank` at its end.
            model: The model's name; empty for an endpoint with a single model.
            api_key: Sent as a bearer token; empty sends none.
            max_retries: Retries after the first attempt.
        """
        self._model = model
        self._sends_texts = False
        self._batch_size: int | None = None
        self._endpoint = HttpEndpoint(
            url,
            RERANK_PATH,
            EndpointTexts(
                subject=f"The reranker {model!r} at" if model else "The reranker at",
                unreachable_fix=f"check that the server is running and {URL_SETTING}",
                not_found_fix=f"; check {URL_SETTING} and REFDESK_RERANK_API_MODEL",
                key_setting="REFDESK_RERANK_API_KEY",
            ),
            api_key=api_key,
            invalid_url=partial(LlmRejected, INVALID_URL),
            max_retries=max_retries,
            max_reply_bytes=MAX_REPLY_BYTES,
        )

    @property
    def name(self) -> str:
        """The model's name, or the address if the endpoint has a single model."""
        return self._model or self.address

    @property
    def address(self) -> str:
        """The endpoint without user name, password and query."""
        return self._endpoint.address

    def score(self, question: str, passages: Sequence[str], *, timeout_s: float) -> PassageScores:
        """Return one score per passage, in as many requests as the server's batch limit needs.

        Raises:
            LlmError: The endpoint failed.
        """
        deadline = monotonic() + timeout_s
        scores: list[float | None] = []
        usage, notes = Usage(), []
        while len(scores) < len(passages):
            batch = passages[len(scores) : len(scores) + (self._batch_size or len(passages))]
            with span("rerank model", model=self.name, passages=len(passages)):
                answer = self._endpoint.run_with_retries(partial(self._ask, question, batch), deadline - monotonic())
            if answer is None:  # The batch was too large; `_ask` has halved the batch size.
                continue
            batch_scores, note = read_scores(answer, len(batch))
            scores += batch_scores
            notes += [note] if note else []
            usage += _usage(answer, question, batch)
        return PassageScores(tuple(scores), usage, notes[0] if notes else "")

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _payload(self, question: str, passages: Sequence[str]) -> dict[str, Any]:
        if self._sends_texts:
            return {"query": question, "texts": list(passages), "truncate": True}
        model = {"model": self._model} if self._model else {}
        return model | {"query": question, "documents": list(passages), "top_n": len(passages)}

    def _ask(self, question: str, passages: Sequence[str], deadline: float) -> Any:
        """Send one request; return None if the server rejects its size, after halving the batch size."""
        try:
            return self._endpoint.call(partial(self._request, question, passages), deadline)
        except RejectedRequest as rejected:
            if rejected.status in {400, 422} and not self._sends_texts and "texts" in rejected.text:
                self._sends_texts = True
                return self._ask(question, passages, deadline)
            if rejected.status == 413 and len(passages) > 1:
                self._batch_size = (len(passages) + 1) // 2
                return None
            raise LlmRejected(self._endpoint.format_rejection(rejected)) from None

    def _request(self, question: str, passages: Sequence[str], call: Call) -> Any:
        body = call.post(RERANK_PATH, self._payload(question, passages))
        try:
            return call.read_json(body)
        except (ValueError, RecursionError):
            text = body.decode("utf-8", "replace")
            raise LlmUnparsable(f"{self._endpoint.subject} sent a reply that is not JSON: {text}") from None


def read_scores(answer: Any, count: int) -> tuple[list[float | None], str]:
    """Read the scores of `count` passages.

    Entries of another form, indexes out of range and values that are not finite numbers are ignored. A passage that is
    scored twice gets no score, because it is unknown which of the two is right.

    Returns:
        One score per passage (None for a passage without one), and a note on what was wrong (empty if nothing was).
    """
    entries = answer.get("results", answer.get("data")) if isinstance(answer, dict) else answer
    scores: list[float | None] = [None] * count
    if not isinstance(entries, list):
        return scores, "the reply contains no list of results."
    scored: set[int] = set()
    invalid = duplicates = 0
    for entry in entries:
        index, score = _index_and_score(entry)
        if index is None or not 0 <= index < count or score is None:
            invalid += 1
        elif index in scored:
            duplicates += 1
            scores[index] = None
        else:
            scored.add(index)
            scores[index] = score
    return scores, _format_note(invalid, duplicates, count - len(scored))


def _format_note(invalid: int, duplicates: int, missing: int) -> str:
    problems = [
        f"{problem}: {number}"
        for number, problem in (
            (invalid, "results without a valid index or score"),
            (duplicates, "passages scored twice"),
            (missing, "passages missing"),
        )
        if number
    ]
    return f"{', '.join(problems)}." if problems else ""


def _index_and_score(entry: Any) -> tuple[int | None, float | None]:
    if not isinstance(entry, dict):
        return None, None
    index, score = entry.get("index"), entry.get("relevance_score", entry.get("score"))
    if not isinstance(index, int) or isinstance(index, bool):
        index = None
    if not isinstance(score, int | float) or isinstance(score, bool) or not math.isfinite(score):
        return index, None
    return index, float(score)


def _usage(answer: Any, question: str, passages: Sequence[str]) -> Usage:
    """Return the tokens that the server counted, or an estimate."""
    counted = read_token_count(answer)
    if counted is None:
        question_tokens = estimate_tokens(question)
        counted = sum(question_tokens + estimate_tokens(passage) for passage in passages)
    return Usage(calls=1, prompt_tokens=counted)
