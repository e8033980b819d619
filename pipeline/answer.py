"""The answer flow: question (→ rewrite) → embed → recall → rerank → Top-K → generate.

`answer_question` reads from top to bottom. The flow reaches the database, the models and the network only through the
ports in `AnswerParts`. A stage that fails is replaced by a simpler method, and the answer records the fallback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic, perf_counter

from pipeline.answer_parts import AnswerParts
from pipeline.budget import BudgetPlan, BudgetRequest
from pipeline.embed import try_embed_question
from pipeline.everyday import measure_baseline
from pipeline.generate import (
    AnswerLimits,
    abstain,
    abstain_without_passages,
    build_sentence_scorer,
    generate_answer,
    load_neighbours,
    should_abstain,
)
from pipeline.limited_embedder import LimitedEmbedder
from pipeline.ports import Reranker
from pipeline.questions import check_language, check_question
from pipeline.recall import build_query, compute_dense_weight
from pipeline.rerank import add_reasons, build_cascade, flag_duplicates, top_distinct, top_k_of
from pipeline.rewrite import rewrite_question
from pipeline.tracing import span
from pipeline.types import (
    Answer,
    AnswerOptions,
    ChatMessage,
    Exchange,
    Fallback,
    GenerationResult,
    QuestionContext,
    RankedCandidate,
    RecallResult,
    RerankResult,
    RewriteResult,
    Usage,
    Vector,
)
from pipeline.usage import UsageMeter, measure_usage

OnStage = Callable[[str, int, int, str], None]
"""Called with the progress: stage, done, total, and the text so far while the answer is generated."""

MAX_EXCHANGES = 3
"""Number of earlier exchanges that a follow-up question is read with."""

REWRITE_TIMEOUT_S = 15.0
"""Maximum time for rewriting a question, which needs a few dozen tokens."""


@dataclass(slots=True)
class _Trace:
    """The values that the stages record in addition to their results."""

    on_stage: OnStage
    embedding: UsageMeter
    timings_ms: dict[str, float] = field(default_factory=dict)
    fallbacks: list[Fallback] = field(default_factory=list)
    spent_usd: float = 0.0
    """Spent on language models and rerank endpoints so far."""

    @property
    def total_usd(self) -> float:
        """Spent so far, with embeddings."""
        return self.spent_usd + self.embedding.usage.cost_usd

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Report the start of a stage and measure its duration."""
        self.on_stage(name, 0, 1, "")
        started = perf_counter()
        with span(name):
            yield
        self.timings_ms[name] = (perf_counter() - started) * 1000


def answer_question(
    question: str,
    options: AnswerOptions,
    parts: AnswerParts,
    on_stage: OnStage,
    conversation: Sequence[Exchange] = (),
) -> Answer:
    """Answer one question, or a follow-up question with its conversation.

    Raises:
        InvalidQuestion: The question is empty or too long.
        UnknownName: The reranker or the language does not exist.
        BudgetExceeded: A hard spending limit does not allow an answer.
    """
    with measure_usage() as meter:
        answer = _answer(question, options, parts, _Trace(on_stage, meter), conversation)
    return replace(answer, embedding=meter.usage)


def _answer(
    question: str, options: AnswerOptions, parts: AnswerParts, trace: _Trace, conversation: Sequence[Exchange]
) -> Answer:
    started = perf_counter()
    question = check_question(question, parts.max_question_chars)
    reranker = build_cascade(options.reranker, parts.rerankers)
    check_language(options.language)
    context = QuestionContext(tuple(conversation[-MAX_EXCHANGES:]), options.language)
    rewriting = _rewrite(question, context, parts, trace) if context.conversation else None
    rewritten = rewriting or RewriteResult(question, question)
    trace.spent_usd += rewritten.usage.cost_usd
    parts = _limit_embedder(parts, trace)
    with trace.stage("embed"):
        vector = _embed(rewritten.searched_as, options, parts, trace)
    with trace.stage("recall"):
        recalled = parts.store.recall(build_query(rewritten.searched_as, vector, options, parts.vocabulary))
    plan = _plan(rewritten, context, options, recalled, reranker, parts, trace)
    trace.fallbacks.extend(plan.fallbacks)
    top_k = top_k_of(plan.reranker) or options.top_k
    with trace.stage("rerank"):
        reranking = _rerank(rewritten.searched_as, options, recalled, plan.reranker, parts, trace)
    trace.spent_usd += reranking.usage.cost_usd
    passages = top_distinct(reranking.ranked, top_k)
    with trace.stage("generate"):
        chat = parts.chat if plan.writes else None
        baseline = measure_baseline(recalled, parts.everyday, vector, parts.embedder)
        generated = _generate(rewritten, context, recalled, passages, baseline, replace(parts, chat=chat), trace)
    trace.timings_ms["total"] = (perf_counter() - started) * 1000
    return Answer(
        question=question,
        options=options,
        recalled=recalled,
        reranking=reranking,
        generated=generated,
        timings_ms=trace.timings_ms,
        fallbacks=(*trace.fallbacks, *reranking.fallbacks, *generated.fallbacks),
        vector=vector,
        baseline=baseline,
        profile_id=parts.embedder.profile.id if parts.embedder is not None and vector is not None else None,
        rewriting=rewriting,
    )


def _rewrite(question: str, context: QuestionContext, parts: AnswerParts, trace: _Trace) -> RewriteResult:
    chat = parts.chat
    with trace.stage("rewrite"):
        if parts.budget is not None and chat is not None:
            fallback = parts.budget.plan_rewriting(question, context.conversation, chat)
            if fallback is not None:
                trace.fallbacks.append(fallback)
                chat = None
        timeout_s = min(parts.llm_timeout_s, REWRITE_TIMEOUT_S)
        rewriting = rewrite_question(question, context.conversation, chat, timeout_s=timeout_s)
    trace.fallbacks.extend(rewriting.fallbacks)
    return rewriting


def _limit_embedder(parts: AnswerParts, trace: _Trace) -> AnswerParts:
    """Check the calls of a paid embedding endpoint against the spending limits."""
    if parts.budget is None or parts.embedder is None or not parts.budget.embedding_usd:
        return parts
    return replace(parts, embedder=LimitedEmbedder(parts.embedder, parts.budget, lambda: trace.total_usd))


def _embed(question: str, options: AnswerOptions, parts: AnswerParts, trace: _Trace) -> Vector | None:
    if options.recall == "keyword":
        return None
    vector, failure = try_embed_question(parts.embedder, question)
    if vector is None:
        trace.fallbacks.append(Fallback("embed", options.recall, "keyword", failure or parts.embedder_missing))
    return vector


def _plan(
    rewritten: RewriteResult,
    context: QuestionContext,
    options: AnswerOptions,
    recalled: RecallResult,
    reranker: Reranker,
    parts: AnswerParts,
    trace: _Trace,
) -> BudgetPlan:
    if parts.budget is None or not recalled.candidates:
        return BudgetPlan(reranker, writes=True)
    request = BudgetRequest(
        rewritten,
        context,
        recalled.candidates,
        reranker_name=options.reranker,
        reranker=reranker,
        top_k=top_k_of(reranker) or options.top_k,
        max_tokens=parts.reasoning.limit(parts.llm_max_tokens),
        context_tokens=parts.context_tokens,
        embedding_usd=trace.embedding.usage.cost_usd,
    )
    return parts.budget.plan(request, parts.rerankers, parts.chat)


def _rerank(
    question: str,
    options: AnswerOptions,
    recalled: RecallResult,
    reranker: Reranker,
    parts: AnswerParts,
    trace: _Trace,
) -> RerankResult:
    def on_progress(done: int, total: int) -> None:
        trace.on_stage("rerank", done, total, "")

    if not recalled.candidates:
        return RerankResult((), reranker.method)
    top_k = top_k_of(reranker) or options.top_k
    ends = monotonic() + parts.rerank_deadline_s
    result = reranker.rerank(question, recalled.candidates, deadline_s=parts.rerank_deadline_s, on_progress=on_progress)
    result = replace(result, ranked=flag_duplicates(question, result.ranked, max(top_k, options.top_k)))
    passages = top_distinct(result.ranked, top_k)
    return add_reasons(question, result, passages, parts.rerankers, deadline_s=ends - monotonic())


def _generate(
    rewritten: RewriteResult,
    context: QuestionContext,
    recalled: RecallResult,
    passages: Sequence[RankedCandidate],
    baseline: float,
    parts: AnswerParts,
    trace: _Trace,
) -> GenerationResult:
    def may_retry(messages: Sequence[ChatMessage], max_tokens: int, usage: Usage) -> bool:
        spent_usd = trace.total_usd + usage.cost_usd
        return parts.budget is None or parts.budget.allows_retry(messages, max_tokens, spent_usd)

    if not passages:
        by_keywords = recalled.plan == "keyword"
        return abstain_without_passages(rewritten.question, by_keywords=by_keywords, language=context.language)
    if should_abstain(
        rewritten.searched_as,
        recalled,
        passages,
        baseline=baseline,
        abstain_below=parts.abstain_below,
        reading_share=partial(compute_dense_weight, vocabulary=parts.vocabulary),
    ):
        return abstain(rewritten.question, passages, language=context.language)
    if parts.chat is not None and parts.context_tokens:  # the extractive answer does not use neighbours
        passages, fallbacks = load_neighbours(parts.store, passages, parts.context_tokens)
        trace.fallbacks.extend(fallbacks)
    return generate_answer(
        rewritten.question,
        passages,
        parts.chat,
        limits=AnswerLimits(parts.llm_max_tokens, parts.llm_timeout_s, parts.reasoning, may_retry),
        context=context,
        on_text=lambda text: trace.on_stage("generate", 0, 1, text),
        score_sentences=build_sentence_scorer(parts.embedder) if parts.embedder is not None else None,
    )
