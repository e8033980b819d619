"""The method `llm-pairwise`: a language model says which of two passages is better, until the order is known.

Pairwise ranking prompting: Qin et al., "Large Language Models are Effective Text Rankers with Pairwise Ranking
Prompting" (Findings of NAACL 2024, arXiv 2306.17563). Every pair is asked in both orders, since models favour a
position; where the two answers contradict each other nobody has won. From there

- `all-pairs` (their PRP-Allpair) compares everything with everything; a win is a point, a tie half of one:
  N (N - 1) calls, and the most robust against single wrong answers;
- `sort` (their PRP-Sorting, there by heapsort) sorts with these judgements: O(N log N) calls. Here by merging, because
  merges of one level are independent and run side by side, ties keep the incoming order, and what is done when the
  time is up is of use; only the first `depth` places are sorted out;
- `sliding` (their PRP-Sliding-K) lets the best rise from the back, `depth` times: O(K N) calls one after the other.

A pair that comes up again is not asked again (Wisznia et al., "Are Optimal Algorithms Still Optimal?", arXiv
2505.24643, measure what that saves).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pipeline.ports import ChatModel
from pipeline.prompts import detect_language, escape_passage, load_prompt, quote_title
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
from pipeline.rerank.passages import quote_text
from pipeline.rerank.results import UNSCORED, CandidateScore, failed_result, rank_by_order, rank_by_score
from pipeline.text.tokens import estimate_message_tokens
from pipeline.types import Candidate, Fallback, RankedCandidate, RerankResult, Usage

MAX_PASSAGE_TOKENS = 1000


class LlmPairwiseReranker:
    """Asks a `ChatModel` about pairs, several calls at a time."""

    method = "llm-pairwise"

    def __init__(
        self, chat: ChatModel, *, limits: LlmLimits | None = None, strategy: Strategy = "sort", depth: int = 20
    ) -> None:
        """Take the endpoint and what may be spent there, how to get an order, and how many places it must decide."""
        self._chat = chat
        self._limits = limits or LlmLimits()
        self._strategy = strategy
        self._depth = max(1, depth)

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order by preference; gives up, with the reason on record, when not one pair could be decided."""
        if len(candidates) < 2:
            return RerankResult(rank_by_order(candidates, range(len(candidates)), self.method, {}), self.method)
        prompt = load_prompt("pairwise", detect_language(question))
        calls = LlmCalls(self._chat, prompt, self._limits, deadline_s)
        ask = partial(
            _prompt_values, escape_passage(question), [_quote_candidate(candidate) for candidate in candidates]
        )
        most = max_comparisons(self._strategy, len(candidates), self._depth)
        with PairwiseComparer(
            calls, ask, self._limits.concurrency, _progress_callback(on_progress, most, len(candidates))
        ) as referee:
            ranked = self._order(referee, candidates)
        if not referee.decided:
            said = f"{self._chat.name} {referee.defeat()}"
            return failed_result(candidates, self.method, said, calls.usage, (prompt.sha256,))
        note = referee.note()
        fallbacks = (Fallback("rerank", self.method, "none", note),) if note else ()
        return RerankResult(ranked, self.method, fallbacks, calls.usage, (prompt.sha256,))

    def estimate(self, question: str, candidates: Sequence[Candidate]) -> Usage:
        """Estimate what it will cost at most, before the first call."""
        if len(candidates) < 2:
            return Usage()
        prompt = load_prompt("pairwise", detect_language(question))
        ask = partial(
            _prompt_values, escape_passage(question), [_quote_candidate(candidate) for candidate in candidates]
        )
        neighbours = zip(range(len(candidates)), [*range(1, len(candidates)), 0], strict=True)
        tokens = [estimate_message_tokens(prompt.messages(**ask(*pair))) for pair in neighbours]
        calls = 2 * max_comparisons(self._strategy, len(candidates), self._depth)
        return self._limits.priced(calls, calls * sum(tokens) // len(tokens), calls * REPLY_TOKENS)

    def _order(self, referee: PairwiseComparer, candidates: Sequence[Candidate]) -> tuple[RankedCandidate, ...]:
        count = len(candidates)
        if self._strategy == "all-pairs":
            return self._by_points(referee, candidates)
        if self._strategy == "sliding":
            (order,) = referee.play([bubble_passes(count, self._depth)])
        else:
            runs = [[place] for place in range(count)]
            while len(runs) > 1:
                pairs = zip(runs[0::2], runs[1::2], strict=False)
                merged = referee.play([merge_runs(left, right, self._depth) for left, right in pairs])
                runs = merged + runs[len(runs) - len(runs) % 2 :]
            (order,) = runs
        return rank_by_order(candidates, order, self.method, referee.flags(count))

    def _by_points(self, referee: PairwiseComparer, candidates: Sequence[Candidate]) -> tuple[RankedCandidate, ...]:
        points = [0.0] * len(candidates)
        for first, second, verdict in referee.play([compare_pair(*pair) for pair in all_pairs(len(candidates))]):
            points[first] += (1 + verdict) / 2
            points[second] += (1 - verdict) / 2
        flags = referee.flags(len(candidates))
        most = len(candidates) - 1
        scored = [
            CandidateScore(None)
            if UNSCORED in flags.get(i, ())
            else CandidateScore(won / most, won, flags=flags.get(i, ()))
            for i, won in enumerate(points)
        ]
        return rank_by_score(candidates, scored, self.method)


def _quote_candidate(candidate: Candidate) -> tuple[str, str]:
    return quote_title(candidate.title, candidate.headings), quote_text(candidate, MAX_PASSAGE_TOKENS)


def _prompt_values(asked: str, shown: Sequence[tuple[str, str]], first: int, second: int) -> dict[str, str]:
    """Write what a pair is asked with; everything in it is escaped already."""
    (title_a, passage_a), (title_b, passage_b) = shown[first], shown[second]
    return {
        "question": asked,
        "title_a": title_a,
        "passage_a": passage_a,
        "title_b": title_b,
        "passage_b": passage_b,
    }


def _progress_callback(told: Callable[[int, int], None] | None, most: int, candidates: int) -> Callable[[int], None]:
    """Tell progress in candidates, as the other methods do."""

    def tell(judged: int) -> None:
        if told is not None:
            told(min(candidates, judged * candidates // most), candidates)

    return tell
