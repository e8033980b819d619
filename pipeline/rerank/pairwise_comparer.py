"""The referee: has pairs judged by a language model, each in both orders, and plays games with the verdicts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from pipeline.rerank.llm_calls import CallOutcome, LlmCalls, ParallelCalls
from pipeline.rerank.pairwise_sorting import ComparisonSequence, Pair, Result
from pipeline.rerank.preference_reply import Preference, parse_preference
from pipeline.rerank.results import REPAIRED, UNSCORED
from pipeline.types import ChatReply

REPLY_TOKENS = 20
MIN_FAILURES_TO_STOP = 12
"""Replies that may fail before a model that fails on two of three is given up; with fewer it might be bad luck."""


@dataclass(slots=True)
class _PairVerdicts:
    """What is known of one pair: whom each of the two answers prefers."""

    answers: list[int | None] = field(default_factory=list)
    """1: the one in front, -1: the other one, 0: neither, None: no usable answer."""

    @property
    def complete(self) -> bool:
        """Whether both orders have been asked."""
        return len(self.answers) == 2

    @property
    def verdict(self) -> int:
        """Only what both orders agree on counts."""
        return (self.answers[0] or 0) if self.complete and self.answers[0] == self.answers[1] else 0


class PairwiseComparer:
    """Judges each pair once, and stops asking when it is of no use any more; what is open then is a tie."""

    def __init__(
        self,
        calls: LlmCalls,
        ask: Callable[[int, int], Mapping[str, str]],
        concurrency: int,
        on_judged: Callable[[int], None],
    ) -> None:
        """Take the calls, what to ask about a pair (passage A, passage B), and whom to tell of judged pairs."""
        self._calls = calls
        self._ask = ask
        self._on_judged = on_judged
        self._running = ParallelCalls[tuple[Pair, bool], CallOutcome[Preference]](concurrency, calls.ends)
        self._hearings: dict[Pair, _PairVerdicts] = {}
        self._to_ask: deque[tuple[Pair, bool]] = deque()
        self._reasons: list[str] = []
        self._repaired: set[int] = set()
        self._failed = self._replied = 0
        self._stopped = ""

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave what is still under way alone."""
        self._running.__exit__(kind, error, at)

    @property
    def _heard(self) -> list[_PairVerdicts]:
        return [hearing for hearing in self._hearings.values() if hearing.complete]

    @property
    def judged(self) -> int:
        """How many pairs were asked in both orders."""
        return len(self._heard)

    @property
    def decided(self) -> int:
        """How many pairs have a winner."""
        return sum(hearing.verdict != 0 for hearing in self._heard)

    def play(self, games: Sequence[ComparisonSequence[Result]]) -> list[Result]:
        """Play games side by side and give their results in order."""
        results: dict[int, Result] = {}
        waiting: dict[Pair, list[tuple[int, bool]]] = {}

        def advance(place: int, verdict: int | None) -> None:
            try:
                while True:
                    pair = next(games[place]) if verdict is None else games[place].send(verdict)
                    turned = pair[0] > pair[1]
                    known = self._known((pair[1], pair[0]) if turned else pair)
                    if known is None:
                        waiting.setdefault((min(pair), max(pair)), []).append((place, turned))
                        return
                    verdict = -known if turned else known
            except StopIteration as end:
                results[place] = end.value

        for place in range(len(games)):
            advance(place, None)
        while waiting:
            self._hear()
            for pair in [pair for pair in waiting if self._known(pair) is not None]:
                verdict = self._known(pair) or 0
                for place, turned in waiting.pop(pair):
                    advance(place, -verdict if turned else verdict)
        return [results[place] for place in range(len(games))]

    def flags(self, count: int) -> dict[int, tuple[str, ...]]:
        """Flag the places that nothing usable was said about, and those of which a reply had to be repaired."""
        usable = (pair for pair, hearing in self._hearings.items() if hearing.complete and None not in hearing.answers)
        known = {place for pair in usable for place in pair}
        return {
            place: (*((UNSCORED,) if place not in known else ()), *((REPAIRED,) if place in self._repaired else ()))
            for place in range(count)
        }

    def note(self) -> str:
        """Say what went wrong; nothing when every reply was usable and no pair is left."""
        if not self._stopped and not self._failed:
            return ""
        reason = self._stopped or self._reasons[0]
        return f"{self.judged} pairs were judged, {self._failed} replies failed. {reason}"

    def defeat(self) -> str:
        """Say why no pair has a winner."""
        contradicted = sum(set(hearing.answers) == {1, -1} for hearing in self._heard)
        said = f"decided none of {self.judged} pairs"
        if contradicted:
            said += f"; it contradicted itself on {contradicted} when A and B changed places"
        return f"{said}. {self.note()}".rstrip()

    def _known(self, pair: Pair) -> int | None:
        """Give the verdict on a pair, first place in front; have it heard when it is new, None until it is known."""
        hearing = self._hearings.get(pair)
        if hearing is None and not self._stopped:
            self._hearings[pair] = _PairVerdicts()
            self._to_ask += [(pair, False), (pair, True)]
            return None
        if hearing is not None and hearing.complete:
            return hearing.verdict
        return 0 if self._stopped else None

    def _hear(self) -> None:
        while self._to_ask and self._running.free:
            pair, swapped = self._to_ask.popleft()
            first, second = (pair[1], pair[0]) if swapped else pair
            self._running.start((pair, swapped), partial(self._judge, self._ask(first, second)))
        finished = self._running.finished()
        for (pair, swapped), outcome in finished:
            self._take(pair, outcome, swapped=swapped)
        if not finished:
            self._stopped = "The time for reranking was up."
        elif self._failed >= MIN_FAILURES_TO_STOP and self._failed * 3 > self._replied * 2:
            self._stopped = self._stopped or self._reasons[0]
        self._on_judged(self.judged)

    def _judge(self, values: Mapping[str, str]) -> CallOutcome[Preference]:
        return self._calls.ask(values, _parse_reply, REPLY_TOKENS)

    def _take(self, pair: Pair, outcome: CallOutcome[Preference], *, swapped: bool) -> None:
        self._replied += 1
        prefers = None if outcome.value is None else {"A": 1, "B": -1, "tie": 0}[outcome.value]
        self._hearings[pair].answers.append(-prefers if swapped and prefers is not None else prefers)
        if outcome.repaired:
            self._repaired |= set(pair)
        if outcome.value is None:
            self._failed += 1
            self._reasons.append(outcome.reason)
            if outcome.final:
                self._stopped = outcome.reason


def _parse_reply(reply: ChatReply) -> Preference | None:
    return parse_preference(reply.text)
