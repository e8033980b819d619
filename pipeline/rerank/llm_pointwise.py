"""The method `llm-pointwise`: a language model rates each passage on a scale and states a reason.

Relevance generation: Liang et al., "Holistic Evaluation of Language Models" (arXiv 2211.09110), ask for yes or no;
Zhuang et al., "Beyond Yes and No" (NAACL 2024, arXiv 2310.14122), show that a scale ranks better, and that the expected
value over the scale ranks better than the number in the reply. The corresponding cross-encoder is monoT5 (Nogueira et
al., "Document Ranking with a Pretrained Sequence-to-Sequence Model", Findings of EMNLP 2020, arXiv 2003.06713).

Each passage is rated separately on a scale described in words, so calls run in parallel, the order of recall has no
influence, and ratings of different calls are comparable. N passages take N calls, or N / b with b passages per call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from pipeline.ports import ChatModel
from pipeline.prompts import Prompt, detect_language, escape_passage, load_prompt, quote_title
from pipeline.rerank.batching import OUT_OF_TIME
from pipeline.rerank.expected_rating import expected_rating
from pipeline.rerank.llm_calls import CallOutcome, LlmCalls, LlmLimits, ParallelCalls
from pipeline.rerank.quoting import quote_candidates, quote_text
from pipeline.rerank.rating_reply import Rating, parse_rating, parse_ratings
from pipeline.rerank.results import REPAIRED, CandidateScore, failed_result, rank_by_score, unscored_fallbacks
from pipeline.text.tokens import estimate_message_tokens
from pipeline.types import Candidate, ChatReply, RerankResult, Usage

MAX_PASSAGE_TOKENS = 2000
TOKENS_PER_RATING = 60
"""Completion tokens of one rating with its reason."""

_Ratings = CallOutcome[Mapping[int, Rating]]
"""Ratings by the passage's number within its call, from 1."""


@dataclass(slots=True)
class _RatingState:
    """The ratings so far; written by the calling thread only."""

    scored: dict[int, CandidateScore] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    done: int = 0
    failed: int = 0
    final: bool = False


class LlmPointwiseReranker:
    """Orders candidates by asking a `ChatModel` for ratings, several calls at a time."""

    method = "llm-pointwise"

    def __init__(
        self,
        chat: ChatModel,
        *,
        limits: LlmLimits | None = None,
        scale: Literal[5, 10] = 10,
        passages_per_call: int = 1,
    ) -> None:
        """Create the reranker.

        With one passage per call and an endpoint that returns token probabilities, the expected rating is the score.

        Args:
            chat: The language model.
            limits: Limits and prices of its calls.
            scale: Top of the rating scale, which starts at 0.
            passages_per_call: Passages that one call rates.
        """
        self._chat = chat
        self._limits = limits or LlmLimits()
        self._scale = scale
        self._per_call = passages_per_call

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order by rating; fall back to recall order, with the reason, if less than half of the ratings are usable."""
        prompt = self._prompt(question)
        calls = LlmCalls(self._chat, prompt, self._limits, deadline_s)
        state = self._rate_all(calls, question, candidates, on_progress)
        usable = len(state.scored)
        reason = state.reasons[0] if state.reasons else OUT_OF_TIME
        if candidates and usable * 2 < len(candidates):
            failure = (
                f"Only {usable} of {len(candidates)} passages got a usable rating from {self._chat.name}. {reason}"
            )
            return failed_result(candidates, self.method, failure, calls.usage, (prompt.sha256,))
        scored = [state.scored.get(i, CandidateScore(None)) for i in range(len(candidates))]
        ranked = rank_by_score(candidates, scored, self.method)
        note = unscored_fallbacks(ranked, self.method, reason)
        return RerankResult(ranked, self.method, note, calls.usage, (prompt.sha256,))

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate the cost before the first call."""
        prompt = self._prompt(question)
        batches = [candidates[at : at + self._per_call] for at in range(0, len(candidates), self._per_call)]
        prompt_tokens = sum(
            estimate_message_tokens(prompt.messages(**self._values(question, batch))) for batch in batches
        )
        return self._limits.price_estimate(len(batches), prompt_tokens, TOKENS_PER_RATING * len(candidates))

    def _prompt(self, question: str) -> Prompt:
        name = "pointwise" if self._per_call == 1 else "pointwise-list"
        return load_prompt(name if self._scale == 10 else f"{name}-{self._scale}", detect_language(question))

    def _values(self, question: str, batch: Sequence[Candidate]) -> dict[str, str]:
        escaped = escape_passage(question)
        if self._per_call == 1:
            title, passage = quote_title(batch[0].title, batch[0].headings), quote_text(batch[0], MAX_PASSAGE_TOKENS)
            return {"question": escaped, "title": title, "passage": passage}
        return {
            "question": escaped,
            "passages": quote_candidates(batch, max(200, MAX_PASSAGE_TOKENS // self._per_call)),
        }

    def _rate_all(
        self,
        calls: LlmCalls,
        question: str,
        candidates: Sequence[Candidate],
        on_progress: Callable[[int, int], None] | None,
    ) -> _RatingState:
        state = _RatingState()
        pending = deque(range(0, len(candidates), self._per_call))
        with ParallelCalls[int, _Ratings](self._limits.concurrency, calls.ends) as running:
            # With more than half of the passages failed the result is unusable, so no further calls are paid for.
            while (pending or running.busy) and not state.final and state.failed * 2 <= len(candidates):
                while pending and running.free:
                    start = pending.popleft()
                    batch = candidates[start : start + self._per_call]
                    running.start(start, partial(self._rate, calls, self._values(question, batch), len(batch)))
                finished = running.finished()
                if not finished:
                    break
                for start, outcome in finished:
                    self._apply_outcome(state, start, min(self._per_call, len(candidates) - start), outcome)
                if on_progress is not None:
                    on_progress(state.done, len(candidates))
        return state

    def _rate(self, calls: LlmCalls, values: Mapping[str, str], count: int) -> _Ratings:
        """Rate the passages of one call; runs in a thread."""
        return calls.ask(values, partial(self._parse_reply, count=count), TOKENS_PER_RATING * count)

    def _parse_reply(self, reply: ChatReply, *, count: int) -> Mapping[int, Rating] | None:
        if self._per_call > 1:
            return parse_ratings(reply.text, count, self._scale)
        rating = parse_rating(reply.text, self._scale)
        if rating is None:
            return None
        expected = expected_rating(reply, rating.value, self._scale)
        return {1: rating if expected is None else replace(rating, value=expected)}

    def _apply_outcome(self, state: _RatingState, start: int, count: int, outcome: _Ratings) -> None:
        ratings = outcome.value or {}
        flags = (REPAIRED,) if outcome.repaired else ()
        for number, rating in ratings.items():
            share = rating.value / self._scale
            state.scored[start + number - 1] = CandidateScore(share, rating.value, rating.reason, flags)
        state.done += count
        state.failed += count - len(ratings)
        state.final = state.final or outcome.final
        if len(ratings) < count:
            omitted = f"{self._chat.name} omitted {count - len(ratings)} of {count} passages in a reply."
            # The reason that ended the reranking is the most informative one, so it comes first.
            state.reasons.insert(0 if outcome.final else len(state.reasons), outcome.reason or omitted)
