"""Rerank endpoints over HTTP: the shape of Cohere's v2 API, which Jina, vLLM and llama.cpp serve as well, and TEI's.

Cohere's shape (https://docs.cohere.com/reference/rerank): `{model, query, documents, top_n}` brings `{results: [{index,
relevance_score}]}`. Text Embeddings Inference reads `{query, texts}` and answers with a list `[{index, score}]`. Which
of the two a server wants, and how many passages it takes at once, is found out at the first refusal and remembered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import httpx

from pipeline.backends.chat_address import authorization, shown_address
from pipeline.backends.retries import TryAgainError, read_body, retry_after, retrying
from pipeline.errors import LlmError, LlmRefused, LlmTimeout, LlmUnparsable, LlmUnreachable
from pipeline.parse import clean_text
from pipeline.ports import PassageScores
from pipeline.types import Usage

CONNECT_TIMEOUT_S = 5.0
MAX_REPLY_CHARS = 2_000_000
MAX_ERROR_CHARS = 500
CHARS_PER_TOKEN = 4
SETTINGS = "REFDESK_RERANK_API_URL"


class HttpRerankEndpoint:
    """Fills the port `RerankEndpoint` over HTTP."""

    def __init__(self, url: str, *, model: str = "", api_key: str = "", max_retries: int = 2) -> None:
        """Take the address, with or without /rerank at its end, and the model's name where the endpoint wants one."""
        self._url = _address(url)
        self._model = model
        self._api_key = api_key.strip()
        self._max_retries = max_retries
        self._lists_texts = False
        self._batch: int | None = None
        self._client = httpx.Client()

    @property
    def name(self) -> str:
        """The model's name, or the address where the endpoint has one model only."""
        return self._model or self.where

    @property
    def where(self) -> str:
        """The endpoint as shown to people: no user name, password or query."""
        return shown_address(self._url)

    def score(self, question: str, passages: Sequence[str], *, timeout_s: float) -> PassageScores:
        """Score passages, in as many calls as the server's limit asks for; raises an `LlmError` when it gives none."""
        ends = monotonic() + timeout_s
        scores: list[float | None] = []
        usage, notes = Usage(), []
        while len(scores) < len(passages):
            part = passages[len(scores) : len(scores) + (self._batch or len(passages))]
            try:
                answer: Any = retrying(self._max_retries, ends)(self._ask, question, part, ends)
            except LlmError as error:
                error.args = (self._tellable(str(error)),)
                raise
            if answer is None:  # too many at once; the limit is remembered
                continue
            found, note = read_scores(answer, len(part))
            scores += found
            notes += [note] if note else []
            usage += _usage(answer, question, part)
        return PassageScores(tuple(scores), usage, notes[0] if notes else "")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _payload(self, question: str, passages: Sequence[str]) -> dict[str, Any]:
        if self._lists_texts:
            return {"query": question, "texts": list(passages), "truncate": True}
        model = {"model": self._model} if self._model else {}
        return model | {"query": question, "documents": list(passages), "top_n": len(passages)}

    def _ask(self, question: str, passages: Sequence[str], ends: float) -> Any:
        """Ask once; None when the passages are too many at once, of which half are tried then."""
        status, said, wait_s = self._post(self._payload(question, passages), ends)
        if status in {400, 422} and not self._lists_texts and "texts" in said:
            self._lists_texts = True
            status, said, wait_s = self._post(self._payload(question, passages), ends)
        if status == 413 and len(passages) > 1:
            self._batch = (len(passages) + 1) // 2
            return None
        if status in {408, 425, 429} or status >= 500:
            reason = "asks to slow down" if status == 429 else "fails"
            raise TryAgainError(
                LlmUnreachable(f"The reranker at {self.where} {reason} (status {status}). {said}"), wait_s
            )
        if status != 200:
            raise self._refusal(status, said)
        try:
            return json.loads(said)
        except (ValueError, RecursionError):
            raise LlmUnparsable(f"The server at {self.where} sent something that holds no scores: {said}") from None

    def _post(self, payload: Mapping[str, Any], ends: float) -> tuple[int, str, float | None]:
        left = ends - monotonic()
        if left <= 0:
            raise LlmTimeout(f"The reranker at {self.where} did not answer in time.")
        timeout = httpx.Timeout(left, connect=min(CONNECT_TIMEOUT_S, left))
        headers = authorization(self._api_key, "REFDESK_RERANK_API_KEY")
        try:
            with self._client.stream("POST", self._url, json=payload, headers=headers, timeout=timeout) as response:
                if response.status_code != 200:
                    return response.status_code, read_body(response, ends), retry_after(response)
                return 200, self._whole(response, ends), None
        except httpx.ConnectTimeout as error:
            raise TryAgainError(self._unreachable(error)) from error
        except httpx.TimeoutException as error:
            raise LlmTimeout(f"The reranker at {self.where} did not answer in time.") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise LlmRefused(
                f"{SETTINGS} is not an http(s) address; set it like http://127.0.0.1:8080/rerank."
            ) from error
        except httpx.HTTPError as error:
            raise TryAgainError(self._unreachable(error)) from error

    def _whole(self, response: httpx.Response, ends: float) -> str:
        text = ""
        for part in response.iter_text():
            text += part
            if monotonic() > ends:
                raise LlmTimeout(f"The reranker at {self.where} did not finish its answer in time.")
            if len(text) > MAX_REPLY_CHARS:
                raise LlmUnparsable(f"The reranker at {self.where} sent an endless answer.")
        return text

    def _unreachable(self, error: httpx.HTTPError) -> LlmUnreachable:
        kind = type(error).__name__
        return LlmUnreachable(
            f"The reranker at {self.where} cannot be reached ({kind}); check that it runs and {SETTINGS}."
        )

    def _refusal(self, status: int, said: str) -> LlmRefused:
        about = {
            401: "refused the key; check REFDESK_RERANK_API_KEY",
            403: "does not let this key use it; check REFDESK_RERANK_API_KEY",
            404: f"knows no such address or model; check {SETTINGS} and REFDESK_RERANK_API_MODEL",
        }.get(status, "refused the request")
        return LlmRefused(f"The reranker at {self.where} {about} (status {status}). {said}")

    def _tellable(self, said: str) -> str:
        """Shorten what a server may have put into an error, without the key that servers like to repeat."""
        text = clean_text(" ".join(said.split()))
        return (text.replace(self._api_key, "…") if self._api_key else text)[:MAX_ERROR_CHARS]


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
    chars = sum(len(question) + len(passage) for passage in passages)
    return Usage(calls=1, prompt_tokens=math.ceil(chars / CHARS_PER_TOKEN))


def _address(url: str) -> str:
    """Give the address that ends in /rerank, also of one that ends before it."""
    bare = url.strip().rstrip("/")
    return bare if bare.endswith("/rerank") else f"{bare}/rerank"
