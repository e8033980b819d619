"""Chat models of an OpenAI-compatible endpoint: hosted services, Ollama, vLLM, llama.cpp, `transformers serve`.

These servers agree on the main request parameters only. `RequestForm` describes what the endpoint accepts; a request
that it rejects is sent again in another form, and the form that succeeds is used from then on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pipeline.backends.endpoints.chat_address import CHAT_PATH
from pipeline.backends.endpoints.chat_parts import ReplyParts, read_chunks
from pipeline.backends.endpoints.chat_stream import normalize_events
from pipeline.backends.endpoints.http_endpoint import Call, EndpointTexts, HttpEndpoint, RejectedRequest
from pipeline.backends.endpoints.request_form import RequestForm, is_prompt_too_long
from pipeline.errors import LlmError, LlmRejected, PromptTooLong
from pipeline.text.cleaning import clean_line, clean_text
from pipeline.text.tokens import estimate_message_tokens, estimate_tokens
from pipeline.tracing import span
from pipeline.types import ChatMessage, ChatReply, Usage

MAX_MODEL_CHARS = 200
MAX_REPLY_BYTES = 4_000_000
"""Largest reply that is read."""
ADAPTABLE_STATUSES = frozenset({400, 413, 422})
"""Statuses of requests that the endpoint may accept in another form."""

INVALID_URL = "REFDESK_LLM_BASE_URL is not an http(s) URL. Use one such as http://127.0.0.1:11434/v1."


class OpenAIChat:
    """A `ChatModel` over HTTP."""

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
        """Create the client; no request is sent yet.

        Args:
            base_url: The endpoint (…/v1).
            model: The model's name at the endpoint.
            api_key: Sent as a bearer token, to Azure as `api-key`; empty sends none.
            price_prompt_usd: Price of a million prompt tokens.
            price_completion_usd: Price of a million completion tokens.
            max_retries: Retries after the first attempt.
            top_logprobs: Token alternatives to request with their log-probabilities, where the server supports it.
            reasoning_effort: Sent as it is; empty sends none.
        """
        self._model = model
        self._prices = (price_prompt_usd, price_completion_usd)
        self._top_logprobs = top_logprobs
        self._reasoning_effort = reasoning_effort
        self._form = RequestForm()
        self._lock = threading.Lock()
        self._endpoint = HttpEndpoint(
            base_url,
            CHAT_PATH,
            EndpointTexts(
                subject=f"The language model {model!r} at",
                unreachable_fix="check that the server is running and REFDESK_LLM_BASE_URL",
                not_found_fix="; check REFDESK_LLM_BASE_URL and REFDESK_LLM_MODEL",
                key_setting="REFDESK_LLM_API_KEY",
                url_setting="REFDESK_LLM_BASE_URL",
            ),
            api_key=api_key,
            invalid_url=partial(LlmRejected, INVALID_URL),
            max_retries=max_retries,
            max_reply_bytes=MAX_REPLY_BYTES,
            normalize=normalize_events,
        )

    @property
    def name(self) -> str:
        """The model's name as sent to the endpoint."""
        return self._model

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        timeout_s: float,
        json_schema: dict[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> ChatReply:
        """Return the model's reply, retrying failures that may pass within the time.

        A call that breaks off or runs out of time may still be charged. It counts with its prompt and its longest
        reply, in the usage of the reply or of the error. Rejected requests (status 4xx, 5xx) and failed connections
        cost nothing.

        Args:
            messages: The conversation.
            max_tokens: Longest reply.
            timeout_s: Time for the call with all its retries.
            json_schema: Schema of the reply, sent where the server supports it.
            on_text: Called with the text so far while it streams; without it the reply is not streamed.

        Raises:
            PromptTooLong: The messages do not fit into the model's context.
            LlmError: The endpoint failed; its `usage` is the upper estimate of what the call may have cost.
        """
        lost: list[None] = []  # an entry for each request that was sent and returned no usage
        payload = self._payload(messages, max_tokens, json_schema, stream=on_text is not None)
        show = None if on_text is None else lambda text: on_text(clean_text(text))
        request = partial(self._ask, payload, on_text=show, lost=lost)
        try:
            with span("chat", model=self._model):
                parts, limit = self._endpoint.run_with_retries(request, timeout_s)
        except LlmError as error:
            error.usage = self._upper_estimate(len(lost), messages, max_tokens)
            raise
        usage = self._usage(messages, parts) + self._upper_estimate(len(lost), messages, max_tokens)
        return ChatReply(
            text=clean_text(parts.text),
            model=clean_line(parts.model, MAX_MODEL_CHARS) or self._model,
            usage=usage,
            finish_reason=clean_text(parts.finish_reason),
            reasoning=clean_text(parts.reasoning),
            refusal=clean_text(parts.refusal),
            max_tokens=limit,
            tokens=tuple(parts.tokens),
        )

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

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
        self, payload: dict[str, Any], deadline: float, *, on_text: Callable[[str], None] | None, lost: list[None]
    ) -> tuple[ReplyParts, int]:
        """Send one request, again in another form after each rejection that a change may fix.

        Returns:
            The reply and the token limit that was sent.
        """
        known = form = self._form
        lasting_limit = known.max_tokens
        while True:
            sent = form.apply(payload)
            try:
                parts = self._endpoint.call(partial(self._send, sent, on_text), deadline, partial(lost.append, None))
                break
            except RejectedRequest as rejected:
                changed = form.adapt(rejected.text, sent) if rejected.status in ADAPTABLE_STATUSES else None
                if changed is None:
                    raise self._rejection(rejected) from None
                if changed.max_tokens != form.max_tokens and not is_prompt_too_long(rejected.text):
                    lasting_limit = changed.max_tokens  # a limit that depends on this prompt is not remembered
                form = changed
        self._remember(known, replace(form, max_tokens=lasting_limit))
        return parts, form.token_limit(sent)

    def _send(self, sent: dict[str, Any], on_text: Callable[[str], None] | None, call: Call) -> ReplyParts:
        """Send one request and read its reply as a stream, which `normalize_events` makes of every reply."""
        with call.stream(CHAT_PATH, sent) as chunks:
            return read_chunks(chunks, on_text, self._endpoint.subject)

    def _rejection(self, rejected: RejectedRequest) -> LlmRejected:
        is_too_long = rejected.status in ADAPTABLE_STATUSES and is_prompt_too_long(rejected.text)
        return (PromptTooLong if is_too_long else LlmRejected)(self._endpoint.format_rejection(rejected))

    def _remember(self, known: RequestForm, form: RequestForm) -> None:
        """Use a form that has succeeded for later requests, together with what other threads have learned."""
        if form == known:
            return
        with self._lock:
            self._form = replace(form, left_out=form.left_out | self._form.left_out)

    def _usage(self, messages: Sequence[ChatMessage], parts: ReplyParts) -> Usage:
        prompt, completion = parts.prompt_tokens, parts.completion_tokens
        return self._priced(
            estimate_message_tokens(messages) if prompt is None else prompt,
            estimate_tokens(parts.reasoning + parts.text) if completion is None else completion,
        )

    def _upper_estimate(self, calls: int, messages: Sequence[ChatMessage], max_tokens: int) -> Usage:
        """Estimate the cost of calls that were sent and returned no usage."""
        if not calls:
            return Usage()
        each = self._priced(estimate_message_tokens(messages), max_tokens)
        return sum([each] * calls, Usage())

    def _priced(self, prompt: int, completion: int) -> Usage:
        cost = (prompt * self._prices[0] + completion * self._prices[1]) / 1_000_000
        return Usage(calls=1, prompt_tokens=prompt, completion_tokens=completion, cost_usd=cost)
