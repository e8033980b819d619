"""The method `llm-listwise`: a language model puts a window of passages in order, and the window slides to the front.

Permutation generation: Sun et al., "Is ChatGPT Good at Search? Investigating Large Language Models as Re-Ranking
Agents" (RankGPT, EMNLP 2023, arXiv 2304.09542): a window of 20 passages, then one 10 places nearer to the front, so
that the best 10 of each window meet the next 10; Ma et al., "Zero-Shot Listwise Document Reranking with a Large
Language Model" (LRL, arXiv 2305.02156), do the same. One way through decides the first `window - step` places; N
passages take ceil((N - window) / step) + 1 calls, one after the other. It reads the order in which passages stand, so a
good order of recall helps it, and a bad one hurts (RankGPT, table 5).

Numbers are valid within one prompt only, and only where `ranking_reply` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pipeline.ports import ChatModel
from pipeline.prompts import detect_language, escape_passage, load_prompt
from pipeline.rerank.llm_calls import CallOutcome, LlmCalls, LlmLimits
from pipeline.rerank.passages import quote_candidates
from pipeline.rerank.ranking_reply import RankingReply, parse_ranking
from pipeline.rerank.results import CORRECTED, REPAIRED, UNSCORED, failed_result, rank_by_order
from pipeline.text.tokens import estimate_message_tokens
from pipeline.types import Candidate, ChatReply, Fallback, RerankResult, Usage

MAX_PASSAGE_TOKENS = 400
TOKENS_PER_NUMBER = 4
"""What one number with its comma takes in a reply."""
TOKENS_PER_REPLY = 20


@dataclass(slots=True)
class _ListwiseState:
    """The order so far, and what is known of each place."""

    order: list[int]
    placed: set[int] = field(default_factory=set)
    flags: dict[int, set[str]] = field(default_factory=dict)
    failed: int = 0
    reason: str = ""


class LlmListwiseReranker:
    """Asks a `ChatModel` for the order of a window of passages, window by window from the back."""

    method = "llm-listwise"

    def __init__(self, chat: ChatModel, *, limits: LlmLimits | None = None, window: int = 20, step: int = 10) -> None:
        """Take the endpoint and what may be spent there, the passages per window and how far it slides."""
        if not 0 < step <= window or window < 2:
            raise ValueError("A window of passages needs at least two, and a step from 1 to its size.")
        self._chat = chat
        self._limits = limits or LlmLimits()
        self._window = window
        self._step = step

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order by windows; gives up, with the reason on record, when not one window could be read."""
        if len(candidates) < 2:
            return RerankResult(rank_by_order(candidates, range(len(candidates)), self.method, {}), self.method)
        prompt = load_prompt("listwise", detect_language(question))
        calls = LlmCalls(self._chat, prompt, self._limits, deadline_s)
        spans = window_spans(len(candidates), self._window, self._step)
        sofar = _ListwiseState(list(range(len(candidates))))
        for done, (start, end) in enumerate(spans):
            shown = [candidates[i] for i in sofar.order[start:end]]
            outcome = self._ask(calls, question, shown)
            _apply_outcome(sofar, start, end, outcome)
            if on_progress is not None:
                on_progress(len(candidates) - start, len(candidates))
            if outcome.final:
                sofar.failed += len(spans) - done - 1
                break
        if sofar.failed == len(spans):
            said = f"{self._chat.name} gave no usable ranking. {sofar.reason}"
            return failed_result(candidates, self.method, said, calls.usage, (prompt.sha256,))
        flags = {
            i: (*((UNSCORED,) if i not in sofar.placed else ()), *sorted(sofar.flags.get(i, ())))
            for i in range(len(candidates))
        }
        ranked = rank_by_order(candidates, sofar.order, self.method, flags)
        return RerankResult(ranked, self.method, self._notes(sofar, len(spans)), calls.usage, (prompt.sha256,))

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate what it will cost, before the first call."""
        if len(candidates) < 2:
            return Usage()
        prompt = load_prompt("listwise", detect_language(question))
        spans = window_spans(len(candidates), self._window, self._step)
        asked = sum(
            estimate_message_tokens(prompt.messages(**_prompt_values(question, candidates[start:end])))
            for start, end in spans
        )
        said = sum(TOKENS_PER_REPLY + TOKENS_PER_NUMBER * (end - start) for start, end in spans)
        return self._limits.priced(len(spans), asked, said)

    def _ask(self, calls: LlmCalls, question: str, shown: Sequence[Candidate]) -> CallOutcome[RankingReply]:
        read = partial(_parse_reply, count=len(shown))
        return calls.ask(_prompt_values(question, shown), read, TOKENS_PER_REPLY + TOKENS_PER_NUMBER * len(shown))

    def _notes(self, sofar: _ListwiseState, windows: int) -> tuple[Fallback, ...]:
        notes = []
        if sofar.failed:
            notes.append(f"{sofar.failed} of {windows} windows kept their order. {sofar.reason}")
        left_out = sum(i not in sofar.placed for i in sofar.order)
        if left_out:
            notes.append(f"{left_out} of {len(sofar.order)} candidates were never placed and follow behind the others.")
        return (Fallback("rerank", self.method, "none", " ".join(notes)),) if notes else ()


def window_spans(count: int, window: int, step: int) -> list[tuple[int, int]]:
    """List the windows as start and end, from the back to the front; the last one is at the front and full."""
    spans = []
    end = count
    while True:
        start = max(0, end - window)
        spans.append((start, min(count, start + window)))
        if start == 0:
            return spans
        end -= step


def _prompt_values(question: str, shown: Sequence[Candidate]) -> dict[str, str]:
    return {
        "question": escape_passage(question),
        "count": str(len(shown)),
        "passages": quote_candidates(shown, MAX_PASSAGE_TOKENS),
    }


def _parse_reply(reply: ChatReply, *, count: int) -> RankingReply | None:
    return parse_ranking(reply.text, count)


def _apply_outcome(sofar: _ListwiseState, start: int, end: int, outcome: CallOutcome[RankingReply]) -> None:
    """Put one window in the order that was given; what was not named follows behind, in its incoming order."""
    if outcome.value is None:
        sofar.failed += 1
        sofar.reason = sofar.reason or outcome.reason
        return
    shown = sofar.order[start:end]
    named = [shown[place] for place in outcome.value.order]
    sofar.order[start:end] = named + [i for i in shown if i not in named]
    sofar.placed |= set(named)
    for flag, given in ((REPAIRED, outcome.repaired), (CORRECTED, outcome.value.corrected)):
        if given:
            for i in shown:
                sofar.flags.setdefault(i, set()).add(flag)
