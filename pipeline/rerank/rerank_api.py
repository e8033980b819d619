"""The method `rerank-api`: a rerank endpoint as served by Cohere, Jina, vLLM, TEI and llama.cpp.

Some endpoints return probabilities, others logits; `scale_scores` brings both to 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.errors import LlmTimeout, LlmUnparsable
from pipeline.ports import RerankEndpoint
from pipeline.rerank.batching import OUT_OF_TIME
from pipeline.rerank.results import failed_result, rank_by_score, unscored_fallbacks
from pipeline.rerank.score_scaling import scale_scores
from pipeline.text.passages import build_passage
from pipeline.text.tokens import cut_to_tokens, estimate_tokens
from pipeline.types import Candidate, RerankResult, Usage

MAX_PASSAGE_TOKENS = 2000


class RerankApiReranker:
    """Orders candidates by the scores of a `RerankEndpoint`, which receives all passages in one call."""

    method = "rerank-api"

    def __init__(
        self,
        endpoint: RerankEndpoint,
        *,
        call_timeout_s: float = 30.0,
        price_call_usd: float = 0.0,
        price_tokens_usd: float = 0.0,
        budget_tokens: int = 0,
    ) -> None:
        """Create the reranker.

        Args:
            endpoint: The endpoint's client.
            call_timeout_s: Time per call with its retries.
            price_call_usd: Price of a thousand calls.
            price_tokens_usd: Price of a million tokens.
            budget_tokens: Tokens that reranking may use for one question; 0 sets no limit.
        """
        self._endpoint = endpoint
        self._call_timeout_s = call_timeout_s
        self._prices = (price_call_usd, price_tokens_usd)
        self._budget_tokens = budget_tokens

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order by score; fall back to recall order, with the reason, if less than half of the passages got one."""
        if not candidates:
            return RerankResult((), self.method)
        estimated = self.estimate(question, candidates)
        if self._budget_tokens and estimated.prompt_tokens > self._budget_tokens:
            reason = (
                f"Reranking would need about {estimated.prompt_tokens:,} tokens; the limit is {self._budget_tokens:,}."
            )
            return failed_result(candidates, self.method, reason)
        if deadline_s <= 0:
            raise LlmTimeout(f"No request was sent to {self._endpoint.name}. {OUT_OF_TIME}")
        passages = [
            cut_to_tokens(build_passage(candidate.headings, candidate.text), MAX_PASSAGE_TOKENS)
            for candidate in candidates
        ]
        try:
            answer = self._endpoint.score(question, passages, timeout_s=min(deadline_s, self._call_timeout_s))
        except (LlmTimeout, LlmUnparsable) as error:
            error.usage = estimated  # The request was sent and may be charged.
            raise
        if on_progress is not None:
            on_progress(len(candidates), len(candidates))
        usage = self._priced(answer.usage)
        usable = sum(score is not None for score in answer.scores)
        reason = answer.note or "the endpoint returned no score for them."
        if usable * 2 < len(candidates):
            failure = (
                f"Only {usable} of {len(candidates)} passages got a usable score from {self._endpoint.name}: {reason}"
            )
            return failed_result(candidates, self.method, failure, usage)
        ranked = rank_by_score(candidates, scale_scores(answer.scores), self.method)
        return RerankResult(ranked, self.method, unscored_fallbacks(ranked, self.method, reason), usage)

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate the cost: every passage is read together with the question."""
        question_tokens = estimate_tokens(question)
        tokens = sum(
            question_tokens + min(MAX_PASSAGE_TOKENS, estimate_tokens(build_passage(c.headings, c.text)))
            for c in candidates
        )
        return self._priced(Usage(calls=1, prompt_tokens=tokens)) if candidates else Usage()

    def _priced(self, usage: Usage) -> Usage:
        cost = usage.calls * self._prices[0] / 1000 + usage.prompt_tokens * self._prices[1] / 1_000_000
        return Usage(usage.calls, usage.prompt_tokens, usage.completion_tokens, cost)
