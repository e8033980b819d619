"""Calls to a language model during reranking: deadline, token budget, one repair request, and limited concurrency."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Generic, Self, TypeVar

from pipeline.errors import LlmError, LlmRejected, LlmUnreachable
from pipeline.ports import ChatModel
from pipeline.prompts import Prompt
from pipeline.rerank.batching import OUT_OF_TIME
from pipeline.text.tokens import estimate_message_tokens
from pipeline.tracing import bind_span
from pipeline.types import ChatMessage, ChatReply, Usage

MAX_QUOTED_REPLY_CHARS = 2000
"""Characters of an unusable reply that the repair request quotes."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class LlmLimits:
    """Limits and prices of reranking with a language model."""

    call_timeout_s: float = 30.0
    concurrency: int = 4
    reply_tokens: int = 400
    """Completion tokens per call in addition to those of the requested format, for a short think block."""
    budget_tokens: int = 0
    """Tokens that reranking may use for one question; 0 sets no limit."""
    price_prompt_usd: float = 0.0
    """Price of a million prompt tokens, for estimates only; the endpoint's client prices the real usage."""
    price_completion_usd: float = 0.0

    def price_estimate(self, calls: int, prompt_tokens: int, completion_tokens: int) -> Usage:
        """Price an estimate, cut to the token budget: calls beyond it are not made."""
        tokens = prompt_tokens + completion_tokens
        if self.budget_tokens and tokens > self.budget_tokens:
            share = self.budget_tokens / tokens
            calls, prompt_tokens = math.ceil(calls * share), int(prompt_tokens * share)
            completion_tokens = self.budget_tokens - prompt_tokens
        return self.price(calls, prompt_tokens, completion_tokens)

    def price(self, calls: int, prompt_tokens: int, completion_tokens: int) -> Usage:
        """Return the usage of calls with their price."""
        usd = prompt_tokens * self.price_prompt_usd + completion_tokens * self.price_completion_usd
        return Usage(calls, prompt_tokens, completion_tokens, usd / 1_000_000)


@dataclass(frozen=True, slots=True)
class CallOutcome(Generic[Value]):
    """The outcome of one call with its repair request."""

    value: Value | None
    """The parsed reply; None without a usable one."""
    reason: str = ""
    """Why there is no value."""
    final: bool = False
    """Whether further calls are useless: endpoint rejects or is unreachable, deadline passed, budget used up."""
    repaired: bool = False
    """Whether the value comes from the repair request."""


class LlmCalls:
    """All calls of one reranking. Its threads share the deadline, the token budget and the usage."""

    def __init__(self, chat: ChatModel, prompt: Prompt, limits: LlmLimits, deadline_s: float) -> None:
        """Start the deadline."""
        self.ends = monotonic() + deadline_s
        self._chat = chat
        self._prompt = prompt
        self._limits = limits
        self._lock = threading.Lock()
        self._usage = Usage()
        self._running: dict[int, Usage] = {}
        self._reserved = 0

    @property
    def usage(self) -> Usage:
        """Usage of the calls so far; a running call counts with the most that it may cost."""
        with self._lock:
            return sum(self._running.values(), self._usage)

    def ask(
        self,
        values: Mapping[str, str],
        read: Callable[[ChatReply], Value | None],
        reply_tokens: int,
        prompt: Prompt | None = None,
    ) -> CallOutcome[Value]:
        """Send the prompt, and a repair request if the reply cannot be parsed. Errors of the endpoint are returned.

        The tokens of each call are estimated and reserved before it.

        Args:
            values: Values of the prompt's placeholders.
            read: Parses a reply; None for one that is unusable.
            reply_tokens: Completion tokens that the requested format needs.
            prompt: Used instead of the prompt of the other calls.
        """
        prompt = prompt or self._prompt
        messages = prompt.messages(**values)
        for repaired in (False, True):
            left = self.ends - monotonic()
            if left <= 0:
                return CallOutcome(None, OUT_OF_TIME, final=True)
            estimated = Usage(1, estimate_message_tokens(messages), reply_tokens)
            if not self._reserve(estimated):
                limit = f"The limit of {self._limits.budget_tokens:,} tokens for reranking one question is reached."
                return CallOutcome(None, limit, final=True)
            try:
                reply = self._complete(prompt, messages, min(left, self._limits.call_timeout_s), reply_tokens)
            except LlmError as error:
                self._settle(estimated, error.usage)
                # A rejection (wrong key, unknown model) is permanent, and the client has already retried an unreachable
                # endpoint.
                return CallOutcome(None, str(error), final=isinstance(error, LlmRejected | LlmUnreachable))
            self._settle(estimated, reply.usage)
            value = read(reply)
            if value is not None:
                return CallOutcome(value, repaired=repaired)
            quoted = reply.text[:MAX_QUOTED_REPLY_CHARS] or "(nothing)"
            messages = [*messages, ChatMessage("assistant", quoted), ChatMessage("user", prompt.repair)]
        return CallOutcome(
            None, f"{self._chat.name} did not reply in the requested format, not even to the repair request."
        )

    def _complete(self, prompt: Prompt, messages: list[ChatMessage], timeout_s: float, reply_tokens: int) -> ChatReply:
        return self._chat.complete(
            messages,
            max_tokens=self._limits.reply_tokens + reply_tokens,
            timeout_s=timeout_s,
            json_schema=dict(prompt.schema) if prompt.schema else None,
        )

    def _reserve(self, estimated: Usage) -> bool:
        tokens = estimated.prompt_tokens + estimated.completion_tokens
        with self._lock:
            if self._limits.budget_tokens and self._reserved + tokens > self._limits.budget_tokens:
                return False
            self._reserved += tokens
            longest = self._limits.reply_tokens + estimated.completion_tokens
            self._running[threading.get_ident()] = self._limits.price(1, estimated.prompt_tokens, longest)
        return True

    def _settle(self, estimated: Usage, used: Usage) -> None:
        with self._lock:
            del self._running[threading.get_ident()]
            self._usage += used
            self._reserved += used.prompt_tokens + used.completion_tokens
            self._reserved -= estimated.prompt_tokens + estimated.completion_tokens


class ParallelCalls(Generic[Key, Value]):
    """Runs functions in a limited number of threads and returns their results as they arrive."""

    def __init__(self, concurrency: int, ends: float) -> None:
        """Create the threads.

        Args:
            concurrency: Maximum concurrent functions.
            ends: Deadline for waiting, in the time of `monotonic`.
        """
        self._concurrency = concurrency
        self._ends = ends
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="rerank")
        self._running: dict[Future[Value], Key] = {}

    def __enter__(self) -> Self:
        """Enter the context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Shut down without waiting: a call that hangs ends by its own timeout."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def free(self) -> bool:
        """Whether one more call may start. Calls are not queued, so that useless ones need not be paid."""
        return len(self._running) < self._concurrency

    @property
    def busy(self) -> bool:
        """Whether a call is running."""
        return bool(self._running)

    def start(self, key: Key, call: Callable[[], Value]) -> None:
        """Start a function. It must not share state with the caller, which continues in parallel."""
        self._running[self._pool.submit(bind_span(call))] = key

    def finished(self) -> list[tuple[Key, Value]]:
        """Wait for at least one result and return those that are there; empty after the deadline."""
        done, _ = wait(self._running, timeout=max(0.0, self._ends - monotonic()), return_when=FIRST_COMPLETED)
        return [(self._running.pop(call), call.result()) for call in done]
