"""The answer flow: question (→ rewrite) → embed → recall → rerank → Top-K → generate, read from top to bottom.

Nothing here knows a database, a model library or a network; `AnswerParts` brings what fills the ports. A stage that
cannot do its work is replaced by a simpler one, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from pipeline.budget import Budget, BudgetRequest
from pipeline.embed import embed_question, query_input
from pipeline.errors import Cancelled, LeaseLost
from pipeline.generate import SentenceScorer, abstain, abstain_without_passages, add_neighbours, generate_answer
from pipeline.ports import ChatModel, Embedder, RecallStore, Reranker, Vocabulary
from pipeline.questions import check_language, check_question
from pipeline.recall import build_query
from pipeline.rerank import build_cascade, distinct, fold_duplicates, top_k_of
from pipeline.rewrite import rewrite_question
from pipeline.text.terms import content_terms, term_overlap
from pipeline.types import (
    Answer,
    AnswerOptions,
    Exchange,
    Fallback,
    GenerationResult,
    QuestionContext,
    RankedCandidate,
    RecallResult,
    RerankResult,
    RewriteResult,
    Vector,
)

OnStage = Callable[[str, int, int, str], None]
"""Told of progress: stage, done, total, and a note (while the answer is written: the text so far)."""

STRONG_KEYWORDS = 0.5
"""Share of the question's content terms that a passage must hold to be answered from although nothing is similar."""

MOST_EXCHANGES = 3
"""How far back a conversation is looked at."""

REWRITE_TIMEOUT_S = 15.0
"""A question is short; a model that takes longer than this for one is not waited for."""

USELESS_RATING = 1
"""Up to this rating of 0 to 10 a passage does not help, as the rating prompt words it."""


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What the flow works with."""

    store: RecallStore
    embedder: Embedder | None
    rerankers: Mapping[str, Reranker]
    """By the name a person chooses; each already with its fallbacks behind it."""
    chat: ChatModel | None
    abstain_below: float = 0.35
    """Belongs to the embedding model; measured for all-MiniLM-L6-v2: 1.5 % of answerable questions (xquad_en) abstained
    from, and 86 to 95 % of foreign ones."""
    rerank_deadline_s: float = 20.0
    llm_max_tokens: int = 800
    llm_timeout_s: float = 60.0
    context_tokens: int = 2400
    """What a written answer may use: the passages, and beside them as many of their neighbours as fit."""
    max_question_chars: int = 4000
    vocabulary: Vocabulary | None = None
    """Of the embedding model: a question that it cannot read is left to the keywords."""
    embedder_missing: str = "No embedding model is loaded."
    """Why there is no embedder, for the record."""
    budget: Budget | None = None
    """What the question may cost; None: whatever it does."""


@dataclass(frozen=True, slots=True)
class _AnswerRequest:
    """What is to be answered, and how."""

    question: str
    searched_as: str
    context: QuestionContext


@dataclass(slots=True)
class _Trace:
    """What has to survive to the end of the flow besides its results."""

    on_stage: OnStage
    timings_ms: dict[str, float] = field(default_factory=dict)
    fallbacks: list[Fallback] = field(default_factory=list)
    spent_usd: float = 0.0
    """Before the candidates were known."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and take its time."""
        self.on_stage(name, 0, 1, "")
        started = perf_counter()
        yield
        self.timings_ms[name] = (perf_counter() - started) * 1000


def answer_question(
    question: str,
    options: AnswerOptions,
    parts: AnswerParts,
    on_stage: OnStage,
    conversation: Sequence[Exchange] = (),
) -> Answer:
    """Answer one question, a follow-up with its conversation; the result holds all that its trace needs."""
    trace = _Trace(on_stage)
    started = perf_counter()
    question = check_question(question, parts.max_question_chars)
    reranker = build_cascade(options.reranker, parts.rerankers)
    check_language(options.language)
    context = QuestionContext(tuple(conversation[-MOST_EXCHANGES:]), options.language)
    rewriting = _rewrite(question, context, parts, trace) if context.conversation else None
    searched = rewriting.searched_as if rewriting else question
    with trace.stage("embed"):
        vector = _embed(searched, options, parts, trace)
    with trace.stage("recall"):
        recalled = parts.store.recall(build_query(searched, vector, options, parts.vocabulary))
    asked = _AnswerRequest(rewriting.question if rewriting else question, searched, context)
    if parts.budget is not None and recalled.candidates:
        reranker, parts = _within_budget(parts.budget, asked, options, recalled, parts, trace)
    with trace.stage("rerank"):
        reranking = _rerank(searched, recalled, reranker, parts, trace)
    passages = distinct(reranking.ranked, top_k_of(reranker) or options.top_k)
    with trace.stage("generate"):
        generated = _generate(asked, recalled, passages, parts, trace)
    trace.timings_ms["total"] = (perf_counter() - started) * 1000
    return Answer(
        question=question,
        options=options,
        recalled=recalled,
        reranking=reranking,
        generated=generated,
        timings_ms=trace.timings_ms,
        fallbacks=(*trace.fallbacks, *reranking.fallbacks, *generated.fallbacks),
        profile_id=parts.embedder.profile.id if parts.embedder is not None and vector is not None else None,
        rewriting=rewriting,
    )


def should_abstain(
    question: str, recalled: RecallResult, passages: Sequence[RankedCandidate], abstain_below: float
) -> bool:
    """Tell whether nothing is good enough: no candidate is similar, and no final passage has the question's words."""
    similar = [c.dense_score for c in recalled.candidates if c.dense_score is not None]
    if similar and max(similar) >= abstain_below:
        return False
    wanted = content_terms(question)
    held = max((term_overlap(wanted, _readable(ranked)) for ranked in passages), default=0.0)
    return held < STRONG_KEYWORDS


def all_rated_useless(passages: Sequence[RankedCandidate]) -> bool:
    """Abstain also when a language model has read every final passage and found that none of them helps."""
    return all(
        ranked.method == "llm-pointwise" and ranked.raw_score is not None and ranked.raw_score <= USELESS_RATING
        for ranked in passages
    )


def _rewrite(question: str, context: QuestionContext, parts: AnswerParts, trace: _Trace) -> RewriteResult:
    with trace.stage("rewrite"):
        timeout_s = min(parts.llm_timeout_s, REWRITE_TIMEOUT_S)
        chat = parts.chat
        if parts.budget is not None and chat is not None:
            left_out = parts.budget.plan_rewriting(question, context.conversation, chat)
            if left_out is not None:
                trace.fallbacks.append(left_out)
                chat = None
        rewriting = rewrite_question(question, context.conversation, chat, timeout_s=timeout_s)
    trace.fallbacks.extend(rewriting.fallbacks)
    trace.spent_usd = rewriting.usage.cost_usd
    return rewriting


def _within_budget(
    budget: Budget,
    asked: _AnswerRequest,
    options: AnswerOptions,
    recalled: RecallResult,
    parts: AnswerParts,
    trace: _Trace,
) -> tuple[Reranker, AnswerParts]:
    """Give the reranker that the budget leaves room for, and the parts without the language model where it does not."""
    reranker = build_cascade(options.reranker, parts.rerankers)
    wanted = BudgetRequest(
        asked.question,
        asked.searched_as,
        asked.context,
        recalled.candidates,
        reranker=options.reranker,
        top_k=top_k_of(reranker) or options.top_k,
        max_tokens=parts.llm_max_tokens,
        context_tokens=parts.context_tokens,
        spent_usd=trace.spent_usd,
    )
    plan = budget.plan(wanted, parts.rerankers, parts.chat)
    trace.fallbacks.extend(plan.fallbacks)
    return plan.reranker, parts if plan.writes else replace(parts, chat=None)


def _embed(question: str, options: AnswerOptions, parts: AnswerParts, trace: _Trace) -> Vector | None:
    if options.recall == "keyword":
        return None
    reason = parts.embedder_missing
    if parts.embedder is not None:
        try:
            return embed_question(parts.embedder, question)
        except (Cancelled, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - keywords still find something without a model
            reason = f"{type(error).__name__}: {error}"
    trace.fallbacks.append(Fallback("embed", options.recall, "keyword", reason))
    return None


def _rerank(
    question: str, recalled: RecallResult, reranker: Reranker, parts: AnswerParts, trace: _Trace
) -> RerankResult:
    def progress(done: int, total: int) -> None:
        trace.on_stage("rerank", done, total, "")

    if not recalled.candidates:
        return RerankResult((), reranker.method)
    ranked = reranker.rerank(question, recalled.candidates, deadline_s=parts.rerank_deadline_s, on_progress=progress)
    return replace(ranked, ranked=fold_duplicates(question, ranked.ranked))


def _generate(
    asked: _AnswerRequest,
    recalled: RecallResult,
    passages: Sequence[RankedCandidate],
    parts: AnswerParts,
    trace: _Trace,
) -> GenerationResult:
    if not passages:
        by_keywords = recalled.plan == "keyword"
        return abstain_without_passages(asked.question, by_keywords=by_keywords, language=asked.context.language)
    if should_abstain(asked.searched_as, recalled, passages, parts.abstain_below) or all_rated_useless(passages):
        return abstain(asked.question, passages, language=asked.context.language)

    def show(text: str) -> None:
        trace.on_stage("generate", 0, 1, text)

    return generate_answer(
        asked.question,
        _with_neighbours(passages, parts, trace),
        parts.chat,
        max_tokens=parts.llm_max_tokens,
        timeout_s=parts.llm_timeout_s,
        context=asked.context,
        on_text=show,
        score_sentences=_sentence_scorer(parts.embedder) if parts.embedder is not None else None,
    )


def _with_neighbours(
    passages: Sequence[RankedCandidate], parts: AnswerParts, trace: _Trace
) -> Sequence[RankedCandidate]:
    if parts.chat is None or parts.context_tokens == 0:
        return passages  # the extractive answer keeps to the passages themselves
    try:
        beside = parts.store.neighbours([ranked.candidate.chunk_id for ranked in passages])
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - the passages alone are enough to answer from
        reason = f"{type(error).__name__}: {error}"
        trace.fallbacks.append(Fallback("generate", "neighbours", "the passages alone", reason))
        return passages
    return add_neighbours(passages, beside, parts.context_tokens)


def _sentence_scorer(embedder: Embedder) -> SentenceScorer:
    def score(question: str, sentences: Sequence[str]) -> Sequence[float]:
        if not sentences:
            return []
        profile = embedder.profile
        texts = [query_input(profile, question), *(profile.passage_prefix + sentence for sentence in sentences)]
        vectors = embedder.encode(texts)
        scores: Sequence[float] = (vectors[1:] @ vectors[0]).astype(np.float64).tolist()
        return scores

    return score


def _readable(ranked: RankedCandidate) -> str:
    candidate = ranked.candidate
    return " ".join((candidate.title, *candidate.headings, candidate.text))
