"""Evaluate end to end: recall with the SQL of the product, rerank with each method, measure.

The questions come from a dataset, which is ingested first, or from the questions and votes of a workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from shlex import quote

from config.cross_encoders import read_choice, uses_cross_encoder
from config.settings import Settings
from config.wiring import WorkerParts, build_parts, build_shared
from db import documents, feedback, profiles, workspaces
from db.engine import Database
from db.recall import PostgresRecall
from evaluation.datasets import Dataset, Question, Run
from evaluation.embedding import measure_embedding
from evaluation.feedback import MIN_RELIABLE_QUESTIONS, Judgements, build_judgements
from evaluation.ingestion import ingest_dataset, open_workspace, wait_for_vectors
from evaluation.metrics import require_pytrec_eval
from evaluation.quality import DocumentOf, MethodResult, Recall, measure_methods
from evaluation.report import Evaluation
from evaluation.store_recall import StoreRecall, recall_from_run
from pipeline.answer_parts import AnswerParts
from pipeline.errors import InvalidInput, NoJudgedQuestions
from pipeline.ports import Reranker
from pipeline.rerank import build_cascade
from pipeline.types import EmbeddingProfile, RecallMode
from tasks.startup import ensure_live_profile
from tasks.submit import Submitter

TOKEN_CACHE_MB = 1024
"""Cache size for token vectors during an evaluation: about 5,000 passages of 256 tokens with 384 dimensions."""

OnStep = Callable[[str, int, int], None]
"""Called with the progress: what is counted (`documents` or `questions`), done, total."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """The methods to compare."""

    recalls: tuple[RecallMode, ...]
    rerankers: tuple[str, ...]
    top_n: int
    run: Run | None = None
    """If set, rerank this run instead of recalling from the corpus."""
    profiles: tuple[str, ...] = ()
    """Names of the embedding profiles to compare; empty: the live profile, whose own cost is not measured."""


@dataclass(frozen=True, slots=True)
class EvaluationEnvironment:
    """The settings, the database and the queue that an evaluation uses."""

    settings: Settings
    database: Database
    submitter: Submitter


@dataclass(frozen=True, slots=True)
class JudgedWorkspace:
    """A workspace with the judgements from its citations and votes."""

    workspace: str
    workspace_id: int
    channels: list[str]
    judgements: Judgements


def evaluate(
    dataset: Dataset, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep
) -> tuple[Evaluation, ...]:
    """Evaluate a dataset with each kind of recall; raise `UnknownName` for an unknown reranker before ingestion."""
    require_pytrec_eval()
    return _with_each_profile(
        plan,
        environment,
        lambda profile, parts: _evaluate_dataset(parts, profile, dataset, plan, environment, on_step),
    )


def evaluate_feedback(
    workspace: str, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep, *, days: float = 0
) -> tuple[Evaluation, ...]:
    """Evaluate on the questions, citations and votes of a workspace in the last `days` days (0: all).

    Recall includes the documents of all channels. Nothing is stored.

    Raises:
        NoJudgedQuestions: No answer of this time cites a document that still exists.
    """
    return evaluate_judged(load_judgements(environment.database, workspace, days), plan, environment, on_step)


def evaluate_judged(
    judged_workspace: JudgedWorkspace, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep
) -> tuple[Evaluation, ...]:
    """Evaluate on loaded judgements, so that several evaluations can use the same ones."""
    require_pytrec_eval()
    return _with_each_profile(
        plan,
        environment,
        lambda profile, parts: _evaluate_judged(parts, profile, judged_workspace, plan, environment, on_step),
    )


def candidate_documents(dataset: Dataset, plan: EvaluationPlan) -> frozenset[str]:
    """Return the IDs of possible candidates: the corpus, or the documents in the Top-N of the run."""
    if plan.run is None:
        return dataset.document_ids
    return frozenset(entry.document_id for ranking in plan.run.rankings.values() for entry in ranking[: plan.top_n])


EvaluateProfile = Callable[[EmbeddingProfile, WorkerParts], Sequence[Evaluation]]


def _with_each_profile(
    plan: EvaluationPlan, environment: EvaluationEnvironment, evaluate_profile: EvaluateProfile
) -> tuple[Evaluation, ...]:
    evaluations: list[Evaluation] = []
    for profile in find_profiles(plan, environment):
        shared = build_shared(environment.settings, read_choice(environment.settings, environment.database))
        if any(map(uses_cross_encoder, plan.rerankers)):
            shared.cross_encoder.load()  # otherwise `auto` would use another method during a download
        parts = build_parts(_with_larger_cache(environment.settings), profile, role="query", shared=shared)
        try:
            evaluations += evaluate_profile(profile, parts)
        finally:
            parts.close()
    return tuple(evaluations)


def find_profiles(plan: EvaluationPlan, environment: EvaluationEnvironment) -> list[EmbeddingProfile]:
    """Return the profiles of a plan.

    Raises:
        UnknownName: There is no such profile.
        InvalidInput: A profile has no vectors.
    """
    live = ensure_live_profile(environment.database, environment.settings)
    if not plan.profiles:
        return [live]
    with environment.database.system() as session:
        found = [profiles.find(session, name) for name in plan.profiles]
    for profile, state in found:
        if state not in {"live", "building", "retired"}:
            raise InvalidInput(
                f"The profile {profile.name!r} has no vectors; run `refdesk profiles build {quote(profile.name)}`."
            )
    return [profile for profile, _ in found]


def load_judgements(database: Database, workspace: str, days: float) -> JudgedWorkspace:
    """Load the judgements of the last `days` days (0: all); raise `NoJudgedQuestions` if there are none."""
    with database.system() as session:
        workspace_id = workspaces.find_workspace(session, workspace)
    with database.tenant(workspace_id) as session:
        channels = documents.list_channels(session, workspace_id)
        judgements = build_judgements(feedback.list_answered_questions(session, workspace_id, days=days))
    if not judgements.questions:
        raise NoJudgedQuestions(
            f"No answer in the workspace {workspace!r} cites a document that still exists. Ask some questions and vote"
            " on the answers, or include older questions with --since 0."
        )
    return JudgedWorkspace(workspace, workspace_id, channels, judgements)


def _format_remarks(judgements: Judgements) -> tuple[str, ...]:
    voted = f"{judgements.voted} of {len(judgements.questions)} questions have votes"
    remarks = [f"cited documents count as relevant, which favours the methods in use at the time; {voted}."]
    if judgements.without:
        remarks.append(f"{judgements.without} questions are left out: all documents they cite are disliked or deleted.")
    if len(judgements.questions) < MIN_RELIABLE_QUESTIONS:
        remarks.append(f"{len(judgements.questions)} questions are few; a difference of a few points may be chance.")
    return tuple(remarks)


def _with_larger_cache(settings: Settings) -> Settings:
    # Many questions recall the same passages; caching their token vectors turns hours into minutes.
    cache_mb = max(settings.models.token_cache_mb, TOKEN_CACHE_MB)
    return settings.model_copy(update={"models": settings.models.model_copy(update={"token_cache_mb": cache_mb})})


def _evaluate_judged(
    parts: WorkerParts,
    profile: EmbeddingProfile,
    judged_workspace: JudgedWorkspace,
    plan: EvaluationPlan,
    environment: EvaluationEnvironment,
    on_step: OnStep,
) -> list[Evaluation]:
    judgements = judged_workspace.judgements
    store = PostgresRecall(environment.database, judged_workspace.workspace_id, profile, judged_workspace.channels)
    answer = parts.answer_with(store)
    measured = _measure_each_recall(
        judgements.questions,
        judgements.qrels,
        plan,
        {mode: StoreRecall(answer, mode, plan.top_n) for mode in plan.recalls},
        answer,
        document_of=lambda candidate: str(candidate.document_id),
        on_step=on_step,
    )
    return [
        Evaluation(
            dataset=judged_workspace.workspace,
            documents=len({document for grades in judgements.qrels.values() for document in grades}),
            questions=len(judgements.questions),
            recall=mode,
            methods=methods,
            profile=profile.name,
            texts={question.id: question.text for question in judgements.questions},
            remarks=_format_remarks(judgements),
        )
        for mode, methods in measured.items()
    ]


def _evaluate_dataset(
    parts: WorkerParts,
    profile: EmbeddingProfile,
    dataset: Dataset,
    plan: EvaluationPlan,
    environment: EvaluationEnvironment,
    on_step: OnStep,
) -> list[Evaluation]:
    database = environment.database
    tokens, overlap = parts.ingest.chunk_tokens, parts.ingest.chunk_overlap
    workspace_id = open_workspace(database, dataset, chunk_tokens=tokens, chunk_overlap=overlap)
    store = PostgresRecall(database, workspace_id, profile)
    answer = parts.answer_with(store)
    _build_rerankers(plan, answer)  # an unknown name is reported before anything is ingested
    missing = ingest_dataset(
        dataset,
        database,
        environment.submitter,
        workspace_id=workspace_id,
        document_ids=candidate_documents(dataset, plan),
        max_attempts=environment.settings.jobs.max_attempts,
        on_progress=lambda done, total: on_step("documents", done, total),
    )
    wait_for_vectors(database, profile, partial(on_step, f"vectors of {profile.name}"))
    embedding = None
    if plan.profiles:
        price = environment.settings.find_embedding_price(profile.model)
        embedding = measure_embedding(database, workspace_id, parts, usd_per_million_tokens=price.prompt)
    measured = _measure_each_recall(
        dataset.judged_questions,
        dataset.qrels,
        plan,
        {mode: _build_recall(dataset, plan, mode, database, workspace_id, store, answer) for mode in plan.recalls},
        answer,
        document_of=lambda candidate: candidate.source,
        on_step=on_step,
    )
    return [
        Evaluation(
            dataset=dataset.name,
            documents=len(dataset.document_ids),
            questions=len(dataset.judged_questions),
            recall=mode,
            methods=methods,
            profile=profile.name,
            embedding=embedding,
            missing=missing,
            texts={question.id: question.text for question in dataset.judged_questions},
        )
        for mode, methods in measured.items()
    ]


def _build_rerankers(plan: EvaluationPlan, answer: AnswerParts) -> dict[str, Reranker]:
    """Build the rerankers of a plan; raise `UnknownName` for an unknown one."""
    return {name: build_cascade(name, answer.rerankers) for name in plan.rerankers}


def _measure_each_recall(
    questions: Sequence[Question],
    qrels: Mapping[str, Mapping[str, int]],
    plan: EvaluationPlan,
    recalls: Mapping[RecallMode, Recall],
    answer: AnswerParts,
    *,
    document_of: DocumentOf,
    on_step: OnStep,
) -> dict[RecallMode, tuple[MethodResult, ...]]:
    """Measure all rerankers with each kind of recall; progress counts the questions of all of them."""
    total = len(questions) * len(recalls)
    return {
        mode: measure_methods(
            questions,
            qrels,
            recall=recall,
            rerankers=_build_rerankers(plan, answer),
            document_of=document_of,
            deadline_s=answer.rerank_deadline_s,
            on_progress=_count_from(place * len(questions), total, on_step),
        )
        for place, (mode, recall) in enumerate(recalls.items())
    }


def _count_from(before: int, total: int, on_step: OnStep) -> Callable[[int, int], None]:
    return lambda done, _: on_step("questions", before + done, total)


def _build_recall(
    dataset: Dataset,
    plan: EvaluationPlan,
    mode: RecallMode,
    database: Database,
    workspace_id: int,
    store: PostgresRecall,
    answer: AnswerParts,
) -> Recall:
    if plan.run is None:
        return StoreRecall(answer, mode, plan.top_n)
    return recall_from_run(
        plan.run,
        dataset.judged_questions,
        database=database,
        workspace_id=workspace_id,
        recall=store,
        parts=answer,
        mode=mode,
        top_n=plan.top_n,
    )
