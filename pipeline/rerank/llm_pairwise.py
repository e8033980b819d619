"""The method `llm-pairwise`: a language model compares two passages at a time, until the order is known.

Pairwise ranking prompting: Qin et al., "Large Language Models are Effective Text Rankers with Pairwise Ranking
Prompting" (Findings of NAACL 2024, arXiv 2306.17563). Every pair is asked in both orders, because models favour a
position; if the two replies contradict each other, the pair is a tie. Three strategies derive an order:

- `all-pairs` (their PRP-Allpair) compares every pair; a win scores one point, a tie half a point. N (N - 1) calls, and
  the most robust against single wrong replies.
- `sort` (their PRP-Sorting, there by heapsort) sorts by these comparisons with O(N log N) calls. Here it is a merge
  sort: the merges of one level are independent and run in parallel, ties keep the incoming order, and a partial result
  is useful when the time runs out. Only the first `depth` positions are sorted.
- `sliding` (their PRP-Sliding-K) lets the best passage rise from the back, `depth` times: O(K N) sequential calls.

A repeated pair is not asked again (Wisznia et al., "Are Optimal Algorithms Still Optimal?", arXiv
2505.24643, measure what that saves).

The replies contain no reasons, so that one more call asks for those of the passages that the answer uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pipeline.ports import ChatModel
from pipeline.prompts import Prompt, detect_language, escape_passage, load_prompt, quote_title
from pipeline.rerank.llm_calls import LlmCalls, LlmLimits
from pipeline.rerank.pairwise_comparer import REPLY_TOKENS, PairwiseComparer
from pipeline.rerank.pairwise_sorting import (
    Strategy,
    all_pairs,
    bubble_passes,
    compare_pair,
    max_comparisons,
    merge_runs,
)
from pipeline.rerank.quoting import quote_candidates, quote_text
from pipeline.rerank.reasons import Explanation
from pipeline.rerank.reasons_reply import TOKENS_PER_REASON, parse_reasons
from pipeline.rerank.results import UNSCORED, CandidateScore, failed_result, rank_by_order, rank_by_score
from pipeline.text.tokens import estimate_message_tokens
from pipeline.types import Candidate, ChatReply, Fallback, RankedCandidate, RerankResult, Usage

MAX_PASSAGE_TOKENS = 1000
MAX_EXPLAINED_TOKENS = 400
"""Tokens of a passage in the call for reasons."""


class LlmPairwiseReranker:
    """Orders candidates by asking a `ChatModel` to compare pairs, several calls at a time."""

    method = "llm-pairwise"

    def __init__(
        self,
        chat: ChatModel,
        *,
        limits: LlmLimits | None = None,
        strategy: Strategy = "sort",
        depth: int = 20,
        explained: int = 3,
    ) -> None:
        """Create the reranker.

        Args:
            chat: The language model.
            limits: Limits and prices of its calls.
            strategy: How the order is derived from comparisons.
            depth: Number of leading positions that the comparisons decide.
            explained: Maximum number of passages in the call for reasons.
        """
        self._chat = chat
        self._limits = limits or LlmLimits()
        self._strategy = strategy
        self._depth = max(1, depth)
        self._explained = explained

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order by preference; fall back to recall order, with the reason, if no pair could be decided."""
        if len(candidates) < 2:
            return RerankResult(rank_by_order(candidates, range(len(candidates)), self.method, {}), self.method)
        prompt = load_prompt("pairwise", detect_language(question))
        calls = LlmCalls(self._chat, prompt, self._limits, deadline_s)
        ask = partial(
            _prompt_values, escape_passage(question), [_quote_candidate(candidate) for candidate in candidates]
        )
        max_pairs = max_comparisons(self._strategy, len(candidates), self._depth)
        with PairwiseComparer(
            calls, ask, self._limits.concurrency, _progress_callback(on_progress, max_pairs, len(candidates))
        ) as comparer:
            ranked = self._order(comparer, candidates)
        if not comparer.decided:
            reason = f"{self._chat.name} {comparer.describe_failure()}"
            return failed_result(candidates, self.method, reason, calls.usage, (prompt.sha256,))
        note = comparer.describe_problems()
        fallbacks = (Fallback("rerank", self.method, "none", note),) if note else ()
        return RerankResult(ranked, self.method, fallbacks, calls.usage, (prompt.sha256,))

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate the highest cost, before the first call."""
        if len(candidates) < 2:
            return Usage()
        prompt = load_prompt("pairwise", detect_language(question))
        ask = partial(
            _prompt_values, escape_passage(question), [_quote_candidate(candidate) for candidate in candidates]
        )
        neighbours = zip(range(len(candidates)), [*range(1, len(candidates)), 0], strict=True)
        tokens = [estimate_message_tokens(prompt.messages(**ask(*pair))) for pair in neighbours]
        calls = 2 * max_comparisons(self._strategy, len(candidates), self._depth)
        shown = candidates[: self._explained]
        reasons = estimate_message_tokens(_reasons_prompt(question).messages(**_reasons_values(question, shown)))
        return self._limits.price_estimate(
            calls + 1,
            calls * sum(tokens) // len(tokens) + reasons,
            calls * REPLY_TOKENS + len(shown) * TOKENS_PER_REASON,
        )

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        """Ask the language model for one reason per passage, in one call, for as many passages as were estimated."""
        passages = passages[: self._explained]
        left = self._limits.budget_tokens - spent.prompt_tokens - spent.completion_tokens
        if self._limits.budget_tokens and left <= 0:
            return Explanation()
        limits = replace(self._limits, budget_tokens=left) if self._limits.budget_tokens else self._limits
        prompt = _reasons_prompt(question)
        calls = LlmCalls(self._chat, prompt, limits, deadline_s)

        def read(reply: ChatReply) -> dict[int, str] | None:
            return parse_reasons(reply.text, len(passages)) or None

        outcome = calls.ask(_reasons_values(question, passages), read, TOKENS_PER_REASON * len(passages))
        reasons = {passages[index].chunk_id: reason for index, reason in (outcome.value or {}).items()}
        return Explanation(reasons, calls.usage, (prompt.sha256,))

    def _order(self, comparer: PairwiseComparer, candidates: Sequence[Candidate]) -> tuple[RankedCandidate, ...]:
        count = len(candidates)
        if self._strategy == "all-pairs":
            return self._by_points(comparer, candidates)
        if self._strategy == "sliding":
            (order,) = comparer.run([bubble_passes(count, self._depth)])
        else:
            runs = [[index] for index in range(count)]
            while len(runs) > 1:
                pairs = zip(runs[0::2], runs[1::2], strict=False)
                merged = comparer.run([merge_runs(left, right, self._depth) for left, right in pairs])
                runs = merged + runs[len(runs) - len(runs) % 2 :]
            (order,) = runs
        return rank_by_order(candidates, order, self.method, comparer.flags(count))

    def _by_points(self, comparer: PairwiseComparer, candidates: Sequence[Candidate]) -> tuple[RankedCandidate, ...]:
        points = [0.0] * len(candidates)
        for first, second, verdict in comparer.run([compare_pair(*pair) for pair in all_pairs(len(candidates))]):
            points[first] += (1 + verdict) / 2
            points[second] += (1 - verdict) / 2
        flags = comparer.flags(len(candidates))
        max_points = len(candidates) - 1
        scored = [
            CandidateScore(None)
            if UNSCORED in flags.get(i, ())
            else CandidateScore(won / max_points, won, flags=flags.get(i, ()))
            for i, won in enumerate(points)
        ]
        return rank_by_score(candidates, scored, self.method)


def _reasons_prompt(question: str) -> Prompt:
    return load_prompt("pairwise-reasons", detect_language(question))


def _reasons_values(question: str, passages: Sequence[Candidate]) -> dict[str, str]:
    return {"question": escape_passage(question), "passages": quote_candidates(passages, MAX_EXPLAINED_TOKENS)}


def _quote_candidate(candidate: Candidate) -> tuple[str, str]:
    return quote_title(candidate.title, candidate.headings), quote_text(candidate, MAX_PASSAGE_TOKENS)


def _prompt_values(question: str, quoted: Sequence[tuple[str, str]], first: int, second: int) -> dict[str, str]:
    """Return the placeholders' values for a pair; the question and the quoted candidates are escaped already."""
    (title_a, passage_a), (title_b, passage_b) = quoted[first], quoted[second]
    return {
        "question": question,
        "title_a": title_a,
        "passage_a": passage_a,
        "title_b": title_b,
        "passage_b": passage_b,
    }


def _progress_callback(
    on_progress: Callable[[int, int], None] | None, max_pairs: int, candidates: int
) -> Callable[[int], None]:
    """Build a callback for the number of compared pairs that reports progress in candidates, like other methods."""

    def report(compared: int) -> None:
        if on_progress is not None:
            on_progress(min(candidates, compared * candidates // max_pairs), candidates)

    return report
