"""Compare pairs of candidates with a language model, each in both orders, for the generators of `pairwise_sorting`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from pipeline.rerank.batching import OUT_OF_TIME
from pipeline.rerank.llm_calls import CallOutcome, LlmCalls, ParallelCalls
from pipeline.rerank.pairwise_sorting import ComparisonSequence, Pair, Result
from pipeline.rerank.preference_reply import Preference, parse_preference
from pipeline.rerank.results import REPAIRED, UNSCORED
from pipeline.types import ChatReply

REPLY_TOKENS = 20
MIN_FAILURES_TO_STOP = 12
"""Failed replies before a model that fails on more than two of three is not asked again; fewer may be chance."""


@dataclass(slots=True)
class _PairReplies:
    """The replies for one pair, asked in both orders."""

    replies: list[int | None] = field(default_factory=list)
    """1: the first one is better, -1: the second one is, 0: tie, None: no usable reply."""

    @property
    def complete(self) -> bool:
        """Whether both orders were asked."""
        return len(self.replies) == 2

    @property
    def verdict(self) -> int:
        """The preference that both orders agree on; 0 otherwise."""
        return (self.replies[0] or 0) if self.complete and self.replies[0] == self.replies[1] else 0


class PairwiseComparer:
    """Compares each pair once. It stops when further calls are useless; pairs without a verdict are ties then."""

    def __init__(
        self,
        calls: LlmCalls,
        ask: Callable[[int, int], Mapping[str, str]],
        concurrency: int,
        on_compared: Callable[[int], None],
    ) -> None:
        """Create the comparer.

        Args:
            calls: The calls to the language model.
            ask: Returns the prompt's values for passage A and passage B, given by index.
            concurrency: Maximum concurrent calls.
            on_compared: Called with the number of compared pairs.
        """
        self._calls = calls
        self._ask = ask
        self._on_compared = on_compared
        self._running = ParallelCalls[tuple[Pair, bool], CallOutcome[Preference]](concurrency, calls.ends)
        self._replies: dict[Pair, _PairReplies] = {}
        self._pending: deque[tuple[Pair, bool]] = deque()
        self._reasons: list[str] = []
        self._repaired: set[int] = set()
        self._failed = self._replied = 0
        self._stopped = ""

    def __enter__(self) -> Self:
        """Enter the context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave without waiting for running calls."""
        self._running.__exit__(kind, error, at)

    @property
    def _complete(self) -> list[_PairReplies]:
        return [replies_of_pair for replies_of_pair in self._replies.values() if replies_of_pair.complete]

    @property
    def compared(self) -> int:
        """Number of pairs that were asked in both orders."""
        return len(self._complete)

    @property
    def decided(self) -> int:
        """Number of pairs with a winner."""
        return sum(replies_of_pair.verdict != 0 for replies_of_pair in self._complete)

    def run(self, sequences: Sequence[ComparisonSequence[Result]]) -> list[Result]:
        """Run several sequences in parallel and return their results in order."""
        results: dict[int, Result] = {}
        waiting: dict[Pair, list[tuple[int, bool]]] = {}

        def advance(index: int, verdict: int | None) -> None:
            try:
                while True:
                    pair = next(sequences[index]) if verdict is None else sequences[index].send(verdict)
                    swapped = pair[0] > pair[1]
                    known = self._find_verdict((pair[1], pair[0]) if swapped else pair)
                    if known is None:
                        waiting.setdefault((min(pair), max(pair)), []).append((index, swapped))
                        return
                    verdict = -known if swapped else known
            except StopIteration as end:
                results[index] = end.value

        for index in range(len(sequences)):
            advance(index, None)
        while waiting:
            self._collect_replies()
            for pair in [pair for pair in waiting if self._find_verdict(pair) is not None]:
                verdict = self._find_verdict(pair) or 0
                for index, swapped in waiting.pop(pair):
                    advance(index, -verdict if swapped else verdict)
        return [results[index] for index in range(len(sequences))]

    def flags(self, count: int) -> dict[int, tuple[str, ...]]:
        """Return the flags of each candidate: without a usable comparison, or with a reply from a repair request."""
        usable = (
            pair
            for pair, replies_of_pair in self._replies.items()
            if replies_of_pair.complete and None not in replies_of_pair.replies
        )
        known = {index for pair in usable for index in pair}
        return {
            index: (*((UNSCORED,) if index not in known else ()), *((REPAIRED,) if index in self._repaired else ()))
            for index in range(count)
        }

    def describe_problems(self) -> str:
        """Describe failed replies and an early stop; empty if there were none."""
        if not self._stopped and not self._failed:
            return ""
        reason = self._stopped or self._reasons[0]
        return f"{self.compared} pairs were compared, {self._failed} replies failed. {reason}"

    def describe_failure(self) -> str:
        """Describe why no pair has a winner."""
        contradicted = sum(set(replies_of_pair.replies) == {1, -1} for replies_of_pair in self._complete)
        failure = f"decided none of {self.compared} pairs"
        if contradicted:
            failure += f"; its preference changed on {contradicted} of them when A and B were swapped"
        return f"{failure}. {self.describe_problems()}".rstrip()

    def _find_verdict(self, pair: Pair) -> int | None:
        """Return the verdict on a pair (smaller index first), or None after scheduling its calls if it is new."""
        replies_of_pair = self._replies.get(pair)
        if replies_of_pair is None and not self._stopped:
            self._replies[pair] = _PairReplies()
            self._pending += [(pair, False), (pair, True)]
            return None
        if replies_of_pair is not None and replies_of_pair.complete:
            return replies_of_pair.verdict
        return 0 if self._stopped else None

    def _collect_replies(self) -> None:
        while self._pending and self._running.free:
            pair, swapped = self._pending.popleft()
            first, second = (pair[1], pair[0]) if swapped else pair
            self._running.start((pair, swapped), partial(self._compare, self._ask(first, second)))
        finished = self._running.finished()
        for (pair, swapped), outcome in finished:
            self._apply_outcome(pair, outcome, swapped=swapped)
        if not finished:
            self._stopped = OUT_OF_TIME
        elif self._failed >= MIN_FAILURES_TO_STOP and self._failed * 3 > self._replied * 2:
            self._stopped = self._stopped or self._reasons[0]
        self._on_compared(self.compared)

    def _compare(self, values: Mapping[str, str]) -> CallOutcome[Preference]:
        return self._calls.ask(values, _parse_reply, REPLY_TOKENS)

    def _apply_outcome(self, pair: Pair, outcome: CallOutcome[Preference], *, swapped: bool) -> None:
        self._replied += 1
        preference = None if outcome.value is None else {"A": 1, "B": -1, "tie": 0}[outcome.value]
        self._replies[pair].replies.append(-preference if swapped and preference is not None else preference)
        if outcome.repaired:
            self._repaired |= set(pair)
        if outcome.value is None:
            self._failed += 1
            self._reasons.append(outcome.reason)
            if outcome.final:
                self._stopped = outcome.reason


def _parse_reply(reply: ChatReply) -> Preference | None:
    return parse_preference(reply.text)
