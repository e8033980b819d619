"""Rerank endpoints over HTTP: the shape of Cohere's v2 API, which Jina, vLLM and llama.cpp serve as well, and TEI's.

Cohere's shape (https://docs.cohere.com/reference/rerank): `{model, query, documents, top_n}` brings `{results: [{index,
relevance_score}]}`. Text Embeddings Inference reads `{query, texts}` and answers with a list `[{index, score}]`. Which
of the two a server wants, and how many passages it takes at once, is found out at the first refusal and remembered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

from pipeline.backends.endpoints.chat_address import redact_url
from pipeline.backends.endpoints.json_endpoint import JsonEndpoint
from pipeline.errors import LlmRejected, LlmUnparsable
from pipeline.ports import PassageScores
from pipeline.text.tokens import estimate_tokens
from pipeline.types import Usage

MAX_REPLY_BYTES = 2_000_000
URL_SETTING = "REFDESK_RERANK_API_URL"


class HttpRerankEndpoint:
    """Fills the port `RerankEndpoint` over HTTP."""

    def __init__(self, url: str, *, model: str = "", api_key: str = "", max_retries: int = 2) -> None:
        """Take the address, with or without /rerank at its end, and the model's name where the endpoint wants one."""
        self._model = model
        self._where = redact_url(_rerank_url(url))
        self._lists_texts = False
        self._batch: int | None = None
        self._endpoint = JsonEndpoint(
            _rerank_url(url),
            subject="The reranker at",
            api_key=api_key,
            key_setting="REFDESK_RERANK_API_KEY",
            wrong_address=LlmRejected(
                f"{URL_SETTING} is not an http(s) address; set it like http://127.0.0.1:8080/rerank."
            ),
            advice=f"check that it runs and {URL_SETTING}",
            max_retries=max_retries,
            max_reply_bytes=MAX_REPLY_BYTES,
        )

    @property
    def name(self) -> str:
        """The model's name, or the address where the endpoint has one model only."""
        return self._model or self.where

    @property
    def where(self) -> str:
        """The endpoint as shown to people: no user name, password or query."""
        return self._where

    def score(self, question: str, passages: Sequence[str], *, timeout_s: float) -> PassageScores:
        """Score passages, in as many calls as the server's limit asks for; raises an `LlmError` when it gives none."""
        ends = monotonic() + timeout_s
        scores: list[float | None] = []
        usage, notes = Usage(), []
        while len(scores) < len(passages):
            part = passages[len(scores) : len(scores) + (self._batch or len(passages))]
            answer = self._endpoint.retried(partial(self._ask, question, part), ends - monotonic())
            if answer is None:  # too many at once; the limit is remembered
                continue
            found, note = read_scores(answer, len(part))
            scores += found
            notes += [note] if note else []
            usage += _usage(answer, question, part)
        return PassageScores(tuple(scores), usage, notes[0] if notes else "")

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _payload(self, question: str, passages: Sequence[str]) -> dict[str, Any]:
        if self._lists_texts:
            return {"query": question, "texts": list(passages), "truncate": True}
        model = {"model": self._model} if self._model else {}
        return model | {"query": question, "documents": list(passages), "top_n": len(passages)}

    def _ask(self, question: str, passages: Sequence[str], ends: float) -> Any:
        """Ask once; None when the passages are too many at once, of which half are tried then."""
        reply = self._endpoint.post(self._payload(question, passages), ends)
        if reply.status in {400, 422} and not self._lists_texts and "texts" in reply.said:
            self._lists_texts = True
            reply = self._endpoint.post(self._payload(question, passages), ends)
        if reply.status == 413 and len(passages) > 1:
            self._batch = (len(passages) + 1) // 2
            return None
        if reply.status != 200:
            raise self._refusal(reply.status, reply.said)
        try:
            return json.loads(reply.said)
        except (ValueError, RecursionError):
            raise LlmUnparsable(
                f"The server at {self.where} sent something that holds no scores: {reply.said}"
            ) from None

    def _refusal(self, status: int, said: str) -> LlmRejected:
        about = {
            401: "refused the key; check REFDESK_RERANK_API_KEY",
            403: "does not let this key use it; check REFDESK_RERANK_API_KEY",
            404: f"knows no such address or model; check {URL_SETTING} and REFDESK_RERANK_API_MODEL",
        }.get(status, "refused the request")
        return LlmRejected(f"The reranker at {self.where} {about} (status {status}). {said}")


def read_scores(answer: Any, count: int) -> tuple[list[float | None], str]:
    """Read the scores of `count` passages; None for each that has no score of its own, and what was wrong.

    An entry that is none, an index that no passage has and a value that is no finite number are dropped; of a passage
    that is scored twice nobody knows which holds, so it has no score.
    """
    entries = answer.get("results", answer.get("data")) if isinstance(answer, dict) else answer
    scores: list[float | None] = [None] * count
    if not isinstance(entries, list):
        return scores, "the answer holds no list of results."
    seen: set[int] = set()
    wrong = twice = 0
    for entry in entries:
        index, score = _index_and_score(entry)
        if index is None or not 0 <= index < count or score is None:
            wrong += 1
        elif index in seen:
            twice += 1
            scores[index] = None
        else:
            seen.add(index)
            scores[index] = score
    return scores, _note(wrong, twice, count - len(seen))


def _note(wrong: int, twice: int, missing: int) -> str:
    said = [
        f"{number} {what}"
        for number, what in (
            (wrong, "results name no passage or no number"),
            (twice, "passages are scored twice"),
            (missing, "passages are missing"),
        )
        if number
    ]
    return f"{', '.join(said)}." if said else ""


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
    """Read the tokens a server counted, wherever it puts them, or estimate them."""
    told = answer if isinstance(answer, dict) else {}
    meta = told["meta"] if isinstance(told.get("meta"), dict) else {}
    for counts, field in (
        (told.get("usage"), "prompt_tokens"),
        (told.get("usage"), "total_tokens"),
        (meta.get("tokens"), "input_tokens"),
    ):
        counted = counts.get(field) if isinstance(counts, dict) else None
        if isinstance(counted, int) and counted > 0:
            return Usage(calls=1, prompt_tokens=counted)
    asked = estimate_tokens(question)
    return Usage(calls=1, prompt_tokens=sum(asked + estimate_tokens(passage) for passage in passages))


def _rerank_url(url: str) -> str:
    """Give the address that ends in /rerank, also of one that ends before it."""
    bare = url.strip().rstrip("/")
    return bare if bare.endswith("/rerank") else f"{bare}/rerank"
