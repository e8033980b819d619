"""Reasons for the ranks of the passages that an answer uses: short texts in the language of the question.

A language model that rates or orders passages returns reasons with its replies. The other methods are `Explainer`s and
explain the Top-K only, after the ranking. A passage without another reason gets the place at which recall found it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Protocol, runtime_checkable

import structlog

from pipeline.errors import Cancelled, LeaseLost, usage_of_error
from pipeline.ports import Reranker
from pipeline.prompts import Language, detect_language
from pipeline.rerank.results import UNSCORED
from pipeline.types import Candidate, RankedCandidate, RerankResult, Usage

log = structlog.get_logger(__name__)

MAX_REASON_CHARS = 300
"""Maximum characters of a reason."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons for some passages, and what they cost."""

    reasons: Mapping[int, str] = field(default_factory=dict)
    """By chunk ID."""
    usage: Usage = field(default_factory=Usage)
    prompt_hashes: tuple[str, ...] = ()


@runtime_checkable
class Explainer(Protocol):
    """A reranker that explains its order after the ranking implements this protocol as well."""

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        """Return reasons for passages that it ranked; raise only if there are none.

        Args:
            question: The question that the passages were ranked for.
            passages: The passages, best first.
            deadline_s: Time in seconds.
            spent: Usage of the ranking, which counts toward the same limits.
        """
        ...


def explain_with(
    reranker: Reranker, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage
) -> Explanation:
    """Return the reasons of a reranker; none if it is not an `Explainer`."""
    if not isinstance(reranker, Explainer):
        return Explanation()
    return reranker.explain(question, passages, deadline_s=deadline_s, spent=spent)


def add_reasons(
    question: str,
    result: RerankResult,
    passages: Sequence[RankedCandidate],
    rerankers: Mapping[str, Reranker],
    *,
    deadline_s: float,
) -> RerankResult:
    """Add a reason to each of the given passages, from the method that ranked it last.

    Args:
        question: The question that the passages were ranked for.
        result: The ranking.
        passages: The candidates of the ranking that the answer uses.
        rerankers: The rerankers by name.
        deadline_s: Time in seconds. Passages that are not explained by then get the place at which recall found them.

    Raises:
        Cancelled: The job was cancelled.
        LeaseLost: The worker lost the job's lease.
    """
    ends = monotonic() + deadline_s
    unexplained: dict[str, list[Candidate]] = defaultdict(list)
    for passage in passages:
        if not passage.reason and passage.method in rerankers and UNSCORED not in passage.flags:
            unexplained[passage.method].append(passage.candidate)
    language = detect_language(question)
    reasons = {passage.candidate.chunk_id: describe_recall(passage.candidate, language) for passage in passages}
    usage, hashes = result.usage, result.prompt_hashes
    for method, explained in unexplained.items():
        found = _try_explain(rerankers[method], question, explained, ends - monotonic(), usage)
        reasons |= {chunk: reason for chunk, text in found.reasons.items() if (reason := clean_reason(text))}
        usage, hashes = usage + found.usage, hashes + found.prompt_hashes
    ranked = tuple(
        replace(item, reason=clean_reason(item.reason) or reasons.get(item.candidate.chunk_id, ""))
        for item in result.ranked
    )
    return replace(result, ranked=ranked, usage=usage, prompt_hashes=hashes)


def clean_reason(text: str) -> str:
    """Return a reason as one line of bounded length, without control and format characters."""
    shown = "".join(
        " " if character.isspace() else character
        for character in text[: 4 * MAX_REASON_CHARS]
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    line = " ".join(shown.split())
    return line if len(line) <= MAX_REASON_CHARS else f"{line[: MAX_REASON_CHARS - 1].rstrip()}…"


def describe_recall(candidate: Candidate, language: Language) -> str:
    """Return which leg of recall found a candidate and at which place; empty if neither is known."""
    if language == "zh":
        legs = [("按关键词找到，第 {} 位", candidate.keyword_rank), ("按含义找到，第 {} 位", candidate.dense_rank)]
        return "；".join(text.format(rank) for text, rank in legs if rank is not None)
    legs = [("keywords, place {}", candidate.keyword_rank), ("meaning, place {}", candidate.dense_rank)]
    found = "; ".join(text.format(rank) for text, rank in legs if rank is not None)
    return f"Found by {found}" if found else ""


def _try_explain(
    reranker: Reranker, question: str, passages: Sequence[Candidate], deadline_s: float, spent: Usage
) -> Explanation:
    try:
        return explain_with(reranker, question, passages, deadline_s=deadline_s, spent=spent)
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - the passages are ranked, and the question is answered without reasons
        log.info("passages not explained", reranker=reranker.method, error=f"{type(error).__name__}: {error}")
        return Explanation(usage=usage_of_error(error))
