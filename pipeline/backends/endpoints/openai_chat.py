"""Chat models behind an OpenAI-compatible endpoint: hosted, Ollama, vLLM, llama.cpp, `transformers serve`.

Servers of this kind agree on the main fields only. A field that a server turns down (JSON schema, temperature, the name
of the token limit …) is left out from then on, for this endpoint, without a failed answer in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx

from pipeline.backends.endpoints.chat_address import authorization_header, normalize_base_url, redact_url
from pipeline.backends.endpoints.chat_stream import ReplyParts, read_reply
from pipeline.backends.endpoints.retries import RetryableError, build_retrying, parse_retry_after, read_error_body
from pipeline.errors import LlmError, LlmRejected, LlmTimeout, LlmUnreachable
from pipeline.text.cleaning import clean_line, clean_text
from pipeline.text.tokens import estimate_messages, estimate_tokens
from pipeline.types import ChatMessage, ChatReply, Usage

CONNECT_TIMEOUT_S = 5.0
MAX_MODEL_CHARS = 200
MAX_ERROR_CHARS = 500
OPTIONAL_PARAMETERS = ("response_format", "stream_options", "reasoning_effort", "logprobs", "temperature", "max_tokens")
"""Fields a server may turn down; the last one is sent as `max_completion_tokens` then."""
LIKELY_UNSUPPORTED = ("response_format", "logprobs", "reasoning_effort")
"""What a refusal is about that names no field: first the one that the fewest servers know."""


class OpenAIChat:
    """Fills the port `ChatModel` over HTTP."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        price_prompt_usd: float = 0.0,
        price_completion_usd: float = 0.0,
        max_retries: int = 2,
        top_logprobs: int = 0,
        reasoning_effort: str = "",
    ) -> None:
        """Take the endpoint (…/v1), the model's name there, and prices per million tokens.

        With `top_logprobs` replies carry the odds of their tokens, where the server gives them; `reasoning_effort` is
        sent as it is.
        """
        self._url = normalize_base_url(base_url) + "/chat/completions"
        self._model = model
        self._api_key = api_key.strip()
        self._prices = (price_prompt_usd, price_completion_usd)
        self._max_retries = max_retries
        self._top_logprobs = top_logprobs
        self._reasoning_effort = reasoning_effort
        self._refused_fields: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._client = httpx.Client()

    @property
    def name(self) -> str:
        """The model's name as sent to the endpoint."""
        return self._model

    @property
    def where(self) -> str:
        """The endpoint as shown to people: no user name, password or query."""
        return redact_url(self._url)

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        timeout_s: float,
        json_schema: dict[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> ChatReply:
        """Ask once, retrying what is worth it within the time; `on_text` gets the text so far while it streams.

        A call that breaks off or runs out of time may be charged for all the same: it counts with its prompt and its
        longest answer, in the usage of the reply or of the error. Refusals (status 4xx, 5xx) and connections that
        never came about cost nothing.
        """
        ends = monotonic() + timeout_s
        lost = _LostCalls()
        payload = self._payload(messages, max_tokens, json_schema, stream=on_text is not None)
        show = None if on_text is None else lambda text: on_text(clean_text(text))
        try:
            parts: ReplyParts = build_retrying(self._max_retries, ends)(self._ask, payload, ends, show, lost)
        except LlmError as error:
            error.args = (self._tellable(str(error)),)
            error.usage = self._at_most(lost.calls, messages, max_tokens)
            raise
        usage = self._usage(messages, parts) + self._at_most(lost.calls, messages, max_tokens)
        model = clean_line(parts.model, MAX_MODEL_CHARS) or self._model
        return ChatReply(
            text=clean_text(parts.text),
            model=model,
            usage=usage,
            finish_reason=clean_text(parts.finish_reason),
            tokens=tuple(parts.tokens),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _payload(
        self, messages: Sequence[ChatMessage], max_tokens: int, json_schema: dict[str, Any] | None, *, stream: bool
    ) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": 0,
            "max_tokens": max_tokens,
            "stream": stream,
        }
        if stream:
            payload["stream_options"] = {"include_usage": True}
        if self._top_logprobs:
            payload |= {"logprobs": True, "top_logprobs": self._top_logprobs}
        if self._reasoning_effort:
            payload["reasoning_effort"] = self._reasoning_effort
        if json_schema is not None:
            payload["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "reply", "strict": True, "schema": json_schema},
            }
        return payload

    def _ask(
        self, payload: dict[str, Any], ends: float, on_text: Callable[[str], None] | None, lost: _LostCalls
    ) -> ReplyParts:
        """Ask, leaving out field by field what the server turns down; remembered once that has helped."""
        known = refused = self._refused_fields
        while True:
            sent = _without_parameters(payload, refused)
            with self._open(sent, ends, lost) as response:
                if response.status_code in {400, 422}:
                    said = read_error_body(response, ends)
                    turned_down = _unsupported_parameter(said, sent)
                    if turned_down is not None:
                        refused |= {turned_down}
                        continue
                    raise self._refusal(response.status_code, said)
                self._check_status(response, ends)
                with lost.unless_told():
                    parts = read_reply(response, ends=ends, on_text=on_text, where=self.where)
            if refused != known:
                with self._lock:
                    self._refused_fields |= refused
            return parts

    @contextmanager
    def _open(self, payload: dict[str, Any], ends: float, lost: _LostCalls) -> Iterator[httpx.Response]:
        """Open a response; every failure of the connection, also while it is read, becomes an error of the endpoint."""
        left = ends - monotonic()
        if left <= 0:
            raise LlmTimeout(f"The language model at {self.where} did not answer in time.")
        timeout = httpx.Timeout(left, connect=min(CONNECT_TIMEOUT_S, left))
        headers = authorization_header(self._api_key)
        try:
            with self._client.stream("POST", self._url, json=payload, headers=headers, timeout=timeout) as response:
                yield response
        except httpx.TimeoutException as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise RetryableError(self._unreachable(error)) from error
            lost.calls += 1
            raise LlmTimeout(f"The language model at {self.where} did not answer in time.") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise LlmRejected(
                "REFDESK_LLM_BASE_URL is not an http(s) address; set it like http://127.0.0.1:11434/v1."
            ) from error
        except httpx.HTTPError as error:
            if not isinstance(error, httpx.ConnectError | httpx.ProxyError):
                lost.calls += 1
            raise RetryableError(self._unreachable(error)) from error

    def _unreachable(self, error: httpx.HTTPError) -> LlmUnreachable:
        return LlmUnreachable(
            f"The language model at {self.where} cannot be reached ({type(error).__name__}); check that it runs and "
            "REFDESK_LLM_BASE_URL."
        )

    def _check_status(self, response: httpx.Response, ends: float) -> None:
        status = response.status_code
        if status == 200:
            return
        said = read_error_body(response, ends)
        if status in {408, 425, 429} or status >= 500:
            reason = "asks to slow down" if status == 429 else "fails"
            final = LlmUnreachable(f"The language model at {self.where} {reason} (status {status}). {said}")
            raise RetryableError(final, parse_retry_after(response))
        raise self._refusal(status, said)

    def _refusal(self, status: int, said: str) -> LlmRejected:
        about = {
            401: "refused the key; check REFDESK_LLM_API_KEY",
            403: "does not let this key use it; check REFDESK_LLM_API_KEY",
            404: "knows no such address or model; check REFDESK_LLM_BASE_URL and REFDESK_LLM_MODEL",
        }.get(status, "refused the request")
        return LlmRejected(
            f"The endpoint {self.where}, asked for the model {self._model!r}, {about} (status {status}). {said}"
        )

    def _tellable(self, said: str) -> str:
        """Shorten what a server may have put into an error, without the key that servers like to repeat."""
        text = clean_text(" ".join(said.split()))
        # The key goes before the cut: half a key is a secret too.
        return (text.replace(self._api_key, "…") if self._api_key else text)[:MAX_ERROR_CHARS]

    def _usage(self, messages: Sequence[ChatMessage], parts: ReplyParts) -> Usage:
        prompt = parts.prompt_tokens
        if prompt is None:
            prompt = estimate_messages(messages)
        completion = parts.completion_tokens
        if completion is None:
            completion = estimate_tokens(parts.text)
        return self._priced(prompt, completion)

    def _at_most(self, calls: int, messages: Sequence[ChatMessage], max_tokens: int) -> Usage:
        """Estimate what calls have cost that were sent and brought no usage back."""
        if not calls:
            return Usage()
        each = self._priced(estimate_messages(messages), max_tokens)
        return sum([each] * calls, Usage())

    def _priced(self, prompt: int, completion: int) -> Usage:
        cost = (prompt * self._prices[0] + completion * self._prices[1]) / 1_000_000
        return Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion, cost_usd=cost)


@dataclass
class _LostCalls:
    """How many calls of one question to the model were sent and brought no usage back."""

    calls: int = 0

    @contextmanager
    def unless_told(self) -> Iterator[None]:
        """Count the call when its reply cannot be read; the connection's own failures are counted where it is open."""
        try:
            yield
        except LlmError:
            self.calls += 1
            raise


def _without_parameters(payload: dict[str, Any], refused: frozenset[str]) -> dict[str, Any]:
    sent = {name: value for name, value in payload.items() if name not in refused}
    if "max_tokens" in refused:
        sent["max_completion_tokens"] = payload["max_tokens"]
    if "logprobs" in refused:
        sent.pop("top_logprobs", None)
    return sent


def _unsupported_parameter(said: str, sent: dict[str, Any]) -> str | None:
    """Guess which optional field a refusal is about: one it names, or else the likeliest."""
    folded = said.casefold()
    named = [field for field in OPTIONAL_PARAMETERS if field in sent and field in folded]
    return next((field for field in (*named, *LIKELY_UNSUPPORTED) if field in sent), None)
