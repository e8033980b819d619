"""Evaluate end to end: recall with the SQL of the product, rerank with each method, measure.

The questions come from a dataset, which is ingested first, or from the questions and votes of a workspace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shlex import quote

from config.cross_encoders import read_choice
from config.settings import Settings
from config.wiring import WorkerParts, build_parts, build_shared
from db import documents, feedback, profiles, workspaces
from db.engine import Database
from db.recall import PostgresRecall
from evaluation.datasets import Dataset, Run
from evaluation.feedback import MIN_RELIABLE_QUESTIONS, Judgements, build_judgements
from evaluation.ingestion import ingest_dataset, open_workspace
from evaluation.metrics import require_pytrec_eval
from evaluation.quality import Recall, measure_methods
from evaluation.report import Evaluation
from evaluation.store_recall import StoreRecall, recall_from_run
from pipeline.answer_parts import AnswerParts
from pipeline.errors import InvalidInput, NoJudgedQuestions, ProfileNotReady
from pipeline.rerank import build_cascade
from pipeline.types import EmbeddingProfile, RecallMode
from tasks.startup import ensure_live_profile
from tasks.submit import Submitter

TOKEN_CACHE_MB = 1024
"""Cache size for token vectors during an evaluation: about 5,000 full passages with the default model."""

VECTORS_TIMEOUT_S = 60.0
"""Maximum time without a new vector before the evaluation of a profile that is not live fails."""

OnStep = Callable[[str, int, int], None]
"""Called with the progress: what is counted (`documents` or `questions`), done, total."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """The methods to compare."""

    recall: RecallMode
    rerankers: tuple[str, ...]
    top_n: int
    run: Run | None = None
    """If set, rerank this run instead of recalling from the corpus."""
    profile: str = ""
    """Name of the embedding profile; empty: the live profile."""


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


def evaluate(dataset: Dataset, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep) -> Evaluation:
    """Evaluate a dataset; raise `UnknownName` for an unknown reranker before anything is ingested."""
    require_pytrec_eval()
    with _open_parts(environment, plan) as (profile, parts):
        return _evaluate_dataset(parts, profile, dataset, plan, environment, on_step)


def evaluate_feedback(
    workspace: str, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep, *, days: float = 0
) -> Evaluation:
    """Evaluate on the questions, citations and votes of a workspace in the last `days` days (0: all).

    Recall includes the documents of all channels. Nothing is stored.

    Raises:
        NoJudgedQuestions: No answer of this time cites a document that still exists.
    """
    return evaluate_judged(load_judgements(environment.database, workspace, days), plan, environment, on_step)


def evaluate_judged(
    judged_workspace: JudgedWorkspace, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep
) -> Evaluation:
    """Evaluate on loaded judgements, so that several evaluations can use the same ones."""
    require_pytrec_eval()
    workspace_id, channels, judgements = (
        judged_workspace.workspace_id,
        judged_workspace.channels,
        judged_workspace.judgements,
    )
    with _open_parts(environment, plan) as (profile, parts):
        answer = parts.answer_with(PostgresRecall(environment.database, workspace_id, profile, channels))
        methods = measure_methods(
            judgements.questions,
            judgements.qrels,
            recall=StoreRecall(answer, plan.recall, plan.top_n),
            rerankers={name: build_cascade(name, answer.rerankers) for name in plan.rerankers},
            document_of=lambda candidate: str(candidate.document_id),
            deadline_s=answer.rerank_deadline_s,
            on_progress=lambda done, total: on_step("questions", done, total),
        )
    return Evaluation(
        dataset=judged_workspace.workspace,
        documents=len({document for grades in judgements.qrels.values() for document in grades}),
        questions=len(judgements.questions),
        recall=plan.recall,
        methods=methods,
        texts={question.id: question.text for question in judgements.questions},
        remarks=_format_remarks(judgements),
    )


def candidate_documents(dataset: Dataset, plan: EvaluationPlan) -> frozenset[str]:
    """Return the IDs of possible candidates: the corpus, or the documents in the Top-N of the run."""
    if plan.run is None:
        return dataset.document_ids
    return frozenset(entry.document_id for ranking in plan.run.rankings.values() for entry in ranking[: plan.top_n])


@contextmanager
def _open_parts(
    environment: EvaluationEnvironment, plan: EvaluationPlan
) -> Iterator[tuple[EmbeddingProfile, WorkerParts]]:
    profile = ensure_live_profile(environment.database, environment.settings)
    if plan.profile:
        with environment.database.system() as session:
            profile, state = profiles.find(session, plan.profile)
        if state not in {"live", "building", "retired"}:
            raise InvalidInput(
                f"The profile {plan.profile!r} has no vectors; run `refdesk profiles build {quote(plan.profile)}`."
            )
    shared = build_shared(environment.settings, read_choice(environment.settings, environment.database))
    parts = build_parts(_with_larger_cache(environment.settings), profile, role="query", shared=shared)
    try:
        yield profile, parts
    finally:
        parts.close()


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


def _evaluate_dataset(
    parts: WorkerParts,
    profile: EmbeddingProfile,
    dataset: Dataset,
    plan: EvaluationPlan,
    environment: EvaluationEnvironment,
    on_step: OnStep,
) -> Evaluation:
    database = environment.database
    tokens, overlap = parts.ingest.chunk_tokens, parts.ingest.chunk_overlap
    workspace_id = open_workspace(database, dataset, chunk_tokens=tokens, chunk_overlap=overlap)
    store = PostgresRecall(database, workspace_id, profile)
    answer = parts.answer_with(store)
    rerankers = {name: build_cascade(name, answer.rerankers) for name in plan.rerankers}
    missing = ingest_dataset(
        dataset,
        database,
        environment.submitter,
        workspace_id=workspace_id,
        document_ids=candidate_documents(dataset, plan),
        max_attempts=environment.settings.jobs.max_attempts,
        on_progress=lambda done, total: on_step("documents", done, total),
    )
    _wait_for_vectors(database, profile, on_step)
    methods = measure_methods(
        dataset.judged_questions,
        dataset.qrels,
        recall=_build_recall(dataset, plan, database, workspace_id, store, answer),
        rerankers=rerankers,
        document_of=lambda candidate: candidate.source,
        deadline_s=answer.rerank_deadline_s,
        on_progress=lambda done, total: on_step("questions", done, total),
    )
    return Evaluation(
        dataset=dataset.name,
        documents=len(dataset.document_ids),
        questions=len(dataset.judged_questions),
        recall=plan.recall,
        methods=methods,
        missing=missing,
        texts={question.id: question.text for question in dataset.judged_questions},
    )


def _wait_for_vectors(database: Database, profile: EmbeddingProfile, on_step: OnStep) -> None:
    """Wait until every live chunk has a vector; only profiles that are not live can have a backlog here."""
    first = before = 0
    moved = time.monotonic()
    while True:
        with database.system() as session:
            missing = profiles.count_missing(session, profile.id)
        if not missing:
            return
        first = max(first, missing)
        if missing != before:
            moved = time.monotonic()
        elif time.monotonic() - moved > VECTORS_TIMEOUT_S:
            raise ProfileNotReady(
                f"The profile {profile.name!r} has no vectors for {missing:,} chunks and makes no progress. Run"
                f" `refdesk profiles build {quote(profile.name)}` to see why."
            )
        before = missing
        on_step(f"vectors of {profile.name}", first - missing, first)
        time.sleep(1)


def _build_recall(
    dataset: Dataset,
    plan: EvaluationPlan,
    database: Database,
    workspace_id: int,
    store: PostgresRecall,
    answer: AnswerParts,
) -> Recall:
    if plan.run is None:
        return StoreRecall(answer, plan.recall, plan.top_n)
    return recall_from_run(
        plan.run,
        dataset.judged_questions,
        database=database,
        workspace_id=workspace_id,
        recall=store,
        parts=answer,
        mode=plan.recall,
        top_n=plan.top_n,
    )
