"""Calls to a language model while reranking: one deadline, one budget, one repair try, and a limit of calls at once."""

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
from pipeline.types import ChatMessage, ChatReply, Usage

MAX_QUOTED_REPLY_CHARS = 2000
"""Characters of an unusable reply that are sent back with the repair question."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class LlmLimits:
    """What reranking with a language model may take."""

    call_timeout_s: float = 30.0
    concurrency: int = 4
    reply_tokens: int = 400
    """Room in each reply besides what its form needs: for a short think block."""
    budget_tokens: int = 0
    """Tokens that one question may spend on reranking; 0: no limit."""
    price_prompt_usd: float = 0.0
    """Of a million tokens, for estimates; the endpoint prices what was really used."""
    price_completion_usd: float = 0.0

    def priced(self, calls: int, prompt_tokens: int, completion_tokens: int) -> Usage:
        """Put a price on an estimate; what would pass the budget of tokens is not asked, so it is not paid either."""
        tokens = prompt_tokens + completion_tokens
        if self.budget_tokens and tokens > self.budget_tokens:
            share = self.budget_tokens / tokens
            calls, prompt_tokens = math.ceil(calls * share), int(prompt_tokens * share)
            completion_tokens = self.budget_tokens - prompt_tokens
        return self.cost(calls, prompt_tokens, completion_tokens)

    def cost(self, calls: int, prompt_tokens: int, completion_tokens: int) -> Usage:
        """Put a price on calls."""
        usd = prompt_tokens * self.price_prompt_usd + completion_tokens * self.price_completion_usd
        return Usage(calls, prompt_tokens, completion_tokens, usd / 1_000_000)


@dataclass(frozen=True, slots=True)
class CallOutcome(Generic[Value]):
    """What came of one question to the model."""

    value: Value | None
    """None when nothing usable came back."""
    reason: str = ""
    """Why there is no value."""
    final: bool = False
    """Whether asking on is useless: the endpoint refuses or is away, the time is up, the budget is spent."""
    repaired: bool = False
    """Whether the model had to be asked a second time for the right form."""


class LlmCalls:
    """All calls of one reranking; its threads share the deadline, the budget and the count of what was used."""

    def __init__(self, chat: ChatModel, prompt: Prompt, limits: LlmLimits, deadline_s: float) -> None:
        """Start the clock."""
        self.ends = monotonic() + deadline_s
        self._chat = chat
        self._prompt = prompt
        self._limits = limits
        self._lock = threading.Lock()
        self._usage = Usage()
        self._under_way: dict[int, Usage] = {}
        self._reserved = 0

    @property
    def usage(self) -> Usage:
        """What the calls so far have cost; one that is still under way counts with the most that it may cost."""
        with self._lock:
            return sum(self._under_way.values(), self._usage)

    def ask(
        self, values: Mapping[str, str], read: Callable[[ChatReply], Value | None], reply_tokens: int
    ) -> CallOutcome[Value]:
        """Ask, and ask once more when the reply cannot be read; never raises an error of the endpoint.

        `reply_tokens` is what the form asked for needs. The tokens are estimated and set aside before each call.
        """
        messages = self._prompt.messages(**values)
        for repaired in (False, True):
            left = self.ends - monotonic()
            if left <= 0:
                return CallOutcome(None, f"There is no more to ask: {OUT_OF_TIME}", final=True)
            estimated = Usage(1, estimate_message_tokens(messages), reply_tokens)
            if not self._reserve(estimated):
                budget = f"{self._limits.budget_tokens:,}"
                return CallOutcome(None, f"The {budget} tokens that reranking may spend are used up.", final=True)
            try:
                reply = self._complete(messages, min(left, self._limits.call_timeout_s), reply_tokens)
            except LlmError as error:
                self._settle(estimated, error.usage)
                # A refusal (wrong key, no such model) does not get better, and an endpoint that is away has been
                # tried again already.
                return CallOutcome(None, str(error), final=isinstance(error, LlmRejected | LlmUnreachable))
            self._settle(estimated, reply.usage)
            value = read(reply)
            if value is not None:
                return CallOutcome(value, repaired=repaired)
            said = reply.text[:MAX_QUOTED_REPLY_CHARS] or "(nothing)"
            messages = [*messages, ChatMessage("assistant", said), ChatMessage("user", self._prompt.repair)]
        name = self._chat.name
        return CallOutcome(None, f"{name} did not answer in the form that was asked for, also when asked again.")

    def _complete(self, messages: list[ChatMessage], timeout_s: float, reply_tokens: int) -> ChatReply:
        return self._chat.complete(
            messages,
            max_tokens=self._limits.reply_tokens + reply_tokens,
            timeout_s=timeout_s,
            json_schema=dict(self._prompt.schema) if self._prompt.schema else None,
        )

    def _reserve(self, estimated: Usage) -> bool:
        tokens = estimated.prompt_tokens + estimated.completion_tokens
        with self._lock:
            if self._limits.budget_tokens and self._reserved + tokens > self._limits.budget_tokens:
                return False
            self._reserved += tokens
            longest = self._limits.reply_tokens + estimated.completion_tokens
            self._under_way[threading.get_ident()] = self._limits.cost(1, estimated.prompt_tokens, longest)
        return True

    def _settle(self, estimated: Usage, used: Usage) -> None:
        with self._lock:
            del self._under_way[threading.get_ident()]
            self._usage += used
            self._reserved += used.prompt_tokens + used.completion_tokens
            self._reserved -= estimated.prompt_tokens + estimated.completion_tokens


class ParallelCalls(Generic[Key, Value]):
    """Runs functions in threads, never more at once than allowed, and gives what they return as it comes."""

    def __init__(self, concurrency: int, ends: float) -> None:
        """Take how many may run at once and until when results are waited for."""
        self._concurrency = concurrency
        self._ends = ends
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="rerank")
        self._under_way: dict[Future[Value], Key] = {}

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave; a call that hangs ends by its own time-out, and nobody waits for it here."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def free(self) -> bool:
        """Whether one more may start: what is not started need not be paid for when it turns out useless."""
        return len(self._under_way) < self._concurrency

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return bool(self._under_way)

    def start(self, key: Key, call: Callable[[], Value]) -> None:
        """Start a function; what it needs must come with it, for it runs while the caller goes on."""
        self._under_way[self._pool.submit(call)] = key

    def finished(self) -> list[tuple[Key, Value]]:
        """Wait for at least one result; none when the time is up first."""
        done, _ = wait(self._under_way, timeout=max(0.0, self._ends - monotonic()), return_when=FIRST_COMPLETED)
        return [(self._under_way.pop(call), call.result()) for call in done]
