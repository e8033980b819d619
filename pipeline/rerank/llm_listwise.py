"""The method `llm-listwise`: a language model orders a window of passages, and the window slides to the front.

Permutation generation: Sun et al., "Is ChatGPT Good at Search? Investigating Large Language Models as Re-Ranking
Agents" (RankGPT, EMNLP 2023, arXiv 2304.09542): a window of 20 passages, then one 10 positions nearer to the front, so
that the best 10 of each window are compared with the next 10. Ma et al., "Zero-Shot Listwise Document Reranking with a
Large Language Model" (LRL, arXiv 2305.02156), do the same. One pass decides the first `window - step` positions; N
passages take ceil((N - window) / step) + 1 sequential calls. The model sees the passages in their incoming order, so a
good order of recall helps, and a bad one hurts (RankGPT, table 5).

The last window decides the first positions, and its reply also contains reasons for them: that costs fewer tokens than
another call with these passages.

The numbers of passages are valid within one prompt only; `ranking_reply` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pipeline.ports import ChatModel
from pipeline.prompts import Prompt, detect_language, escape_passage, load_prompt
from pipeline.rerank.llm_calls import CallOutcome, LlmCalls, LlmLimits
from pipeline.rerank.quoting import quote_candidates
from pipeline.rerank.ranking_reply import RankingReply, parse_ranking
from pipeline.rerank.reasons_reply import TOKENS_PER_REASON
from pipeline.rerank.results import CORRECTED, REPAIRED, UNSCORED, failed_result, rank_by_order
from pipeline.text.tokens import estimate_message_tokens
from pipeline.types import Candidate, ChatReply, Fallback, RerankResult, Usage

MAX_PASSAGE_TOKENS = 400
TOKENS_PER_NUMBER = 4
"""Completion tokens of one number with its comma."""
TOKENS_PER_REPLY = 20
"""Completion tokens of a reply besides its numbers."""


@dataclass(slots=True)
class _ListwiseState:
    """The order so far, and what is known about each candidate (by its index)."""

    order: list[int]
    placed: set[int] = field(default_factory=set)
    flags: dict[int, set[str]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    failed: int = 0
    reason: str = ""


class LlmListwiseReranker:
    """Orders candidates by asking a `ChatModel` for the order of one window after another, from the back."""

    method = "llm-listwise"

    def __init__(
        self,
        chat: ChatModel,
        *,
        limits: LlmLimits | None = None,
        window: int = 20,
        step: int = 10,
        explained: int = 3,
    ) -> None:
        """Create the reranker.

        Args:
            chat: The language model.
            limits: Limits and prices of its calls.
            window: Passages per window.
            step: Positions that the window moves towards the front.
            explained: Number of first positions to ask reasons for.

        Raises:
            ValueError: The window has less than two passages, or the step is not between 1 and its size.
        """
        if not 0 < step <= window or window < 2:
            raise ValueError(
                f"The window needs at least 2 passages, and the step must be from 1 to its size (got {window}, {step})."
            )
        self._chat = chat
        self._limits = limits or LlmLimits()
        self._window = window
        self._step = step
        self._explained = explained

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order window by window; fall back to recall order, with the reason, if no window got a usable reply."""
        if len(candidates) < 2:
            return RerankResult(rank_by_order(candidates, range(len(candidates)), self.method, {}), self.method)
        spans = list_windows(len(candidates), self._window, self._step)
        prompts = [self._prompt(question, start) for start, _ in spans]
        hashes = tuple(dict.fromkeys(prompt.sha256 for prompt in prompts))
        calls = LlmCalls(self._chat, prompts[0], self._limits, deadline_s)
        state = _ListwiseState(list(range(len(candidates))))
        for done, (start, end) in enumerate(spans):
            shown = [candidates[i] for i in state.order[start:end]]
            outcome = self._ask(calls, prompts[done], question, shown)
            _apply_outcome(state, start, end, outcome)
            if on_progress is not None:
                on_progress(len(candidates) - start, len(candidates))
            if outcome.final:
                state.failed += len(spans) - done - 1
                break
        if state.failed == len(spans):
            reason = f"{self._chat.name} returned no usable ranking. {state.reason}"
            return failed_result(candidates, self.method, reason, calls.usage, hashes)
        flags = {
            i: (*((UNSCORED,) if i not in state.placed else ()), *sorted(state.flags.get(i, ())))
            for i in range(len(candidates))
        }
        ranked = rank_by_order(candidates, state.order, self.method, flags, state.reasons)
        return RerankResult(ranked, self.method, self._notes(state, len(spans)), calls.usage, hashes)

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate the cost before the first call."""
        if len(candidates) < 2:
            return Usage()
        spans = list_windows(len(candidates), self._window, self._step)
        prompt_tokens = sum(
            estimate_message_tokens(
                self._prompt(question, start).messages(**self._values(question, candidates[start:end]))
            )
            for start, end in spans
        )
        completion_tokens = sum(self._reply_tokens(self._prompt(question, start), end - start) for start, end in spans)
        return self._limits.price_estimate(len(spans), prompt_tokens, completion_tokens)

    def _prompt(self, question: str, start: int) -> Prompt:
        name = "listwise-reasons" if start == 0 else "listwise"
        return load_prompt(name, detect_language(question))

    def _values(self, question: str, shown: Sequence[Candidate]) -> dict[str, str]:
        return {
            "question": escape_passage(question),
            "count": str(len(shown)),
            "explained": str(min(self._explained, len(shown))),
            "passages": quote_candidates(shown, MAX_PASSAGE_TOKENS),
        }

    def _reply_tokens(self, prompt: Prompt, shown: int) -> int:
        explained = min(self._explained, shown) if prompt.name == "listwise-reasons" else 0
        return TOKENS_PER_REPLY + TOKENS_PER_NUMBER * shown + TOKENS_PER_REASON * explained

    def _ask(
        self, calls: LlmCalls, prompt: Prompt, question: str, shown: Sequence[Candidate]
    ) -> CallOutcome[RankingReply]:
        read = partial(_parse_reply, count=len(shown))
        return calls.ask(self._values(question, shown), read, self._reply_tokens(prompt, len(shown)), prompt)

    def _notes(self, state: _ListwiseState, windows: int) -> tuple[Fallback, ...]:
        notes = []
        if state.failed:
            notes.append(f"{state.failed} of {windows} windows kept their order. {state.reason}")
        unranked = sum(i not in state.placed for i in state.order)
        if unranked:
            notes.append(f"{unranked} of {len(state.order)} candidates were not ranked and follow after the others.")
        return (Fallback("rerank", self.method, "none", " ".join(notes)),) if notes else ()


def list_windows(count: int, window: int, step: int) -> list[tuple[int, int]]:
    """Return start and end of each window, from the back to the front. The last one, at the front, is full."""
    spans = []
    end = count
    while True:
        start = max(0, end - window)
        spans.append((start, min(count, start + window)))
        if start == 0:
            return spans
        end -= step


def _parse_reply(reply: ChatReply, *, count: int) -> RankingReply | None:
    return parse_ranking(reply.text, count)


def _apply_outcome(state: _ListwiseState, start: int, end: int, outcome: CallOutcome[RankingReply]) -> None:
    """Apply the order of a reply to its window. Passages that it does not name follow, in their incoming order."""
    if outcome.value is None:
        state.failed += 1
        state.reason = state.reason or outcome.reason
        return
    shown = state.order[start:end]
    named = [shown[index] for index in outcome.value.order]
    state.order[start:end] = named + [i for i in shown if i not in named]
    state.placed |= set(named)
    state.reasons |= {shown[index]: reason for index, reason in outcome.value.reasons.items()}
    for flag, applies in ((REPAIRED, outcome.repaired), (CORRECTED, outcome.value.corrected)):
        if applies:
            for i in shown:
                state.flags.setdefault(i, set()).add(flag)
