"""Evaluating from end to end: recall by the product's SQL, rerank with each method, measure.

What is measured on is a dataset, which is ingested first, or what a workspace's own people asked and voted on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shlex import quote

from config.settings import Settings
from config.wiring import WorkerParts, build_parts
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
"""Memory for token vectors while evaluating: about 5,000 full passages of the default model."""

VECTORS_TIMEOUT_S = 60.0
"""How long no vector may come before an evaluation of a profile beside the live one gives up."""

OnStep = Callable[[str, int, int], None]
"""Is told of progress: what is counted (`documents` or `questions`), how many are through, of how many."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is to be compared."""

    recall: RecallMode
    rerankers: tuple[str, ...]
    top_n: int
    run: Run | None = None
    """Rerank this run instead of recalling from the whole corpus."""
    profile: str = ""
    """Name of the embedding profile; empty: the live one."""


@dataclass(frozen=True, slots=True)
class EvaluationEnvironment:
    """Where it is done: the settings, the store and the way into its queue."""

    settings: Settings
    database: Database
    submitter: Submitter


@dataclass(frozen=True, slots=True)
class JudgedWorkspace:
    """A workspace with what its people's use says is relevant."""

    workspace: str
    workspace_id: int
    channels: list[str]
    judgements: Judgements


def evaluate(dataset: Dataset, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep) -> Evaluation:
    """Evaluate a dataset; raises `UnknownName` for a reranker that does not exist, before anything is ingested."""
    require_pytrec_eval()
    with _open_parts(environment, plan) as (profile, parts):
        return _evaluate_dataset(parts, profile, dataset, plan, environment, on_step)


def evaluate_feedback(
    workspace: str, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep, *, days: float = 0
) -> Evaluation:
    """Evaluate on what a workspace asked, cited and voted on, of the last so many days (0: ever).

    Its documents are seen as by somebody who reads every channel; nothing is stored. Raises `NoJudgedQuestions` when no
    answer of the time cites a document that still answers.
    """
    return evaluate_judged(load_judgements(environment.database, workspace, days), plan, environment, on_step)


def evaluate_judged(
    found: JudgedWorkspace, plan: EvaluationPlan, environment: EvaluationEnvironment, on_step: OnStep
) -> Evaluation:
    """Evaluate on judgements that have been read: two evaluations on the same can be compared."""
    require_pytrec_eval()
    workspace_id, channels, judged = found.workspace_id, found.channels, found.judgements
    with _open_parts(environment, plan) as (profile, parts):
        answer = parts.answer_with(PostgresRecall(environment.database, workspace_id, profile, channels))
        methods = measure_methods(
            judged.questions,
            judged.qrels,
            recall=StoreRecall(answer, plan.recall, plan.top_n),
            rerankers={name: build_cascade(name, answer.rerankers) for name in plan.rerankers},
            document_of=lambda candidate: str(candidate.document_id),
            deadline_s=answer.rerank_deadline_s,
            on_progress=lambda done, total: on_step("questions", done, total),
        )
    return Evaluation(
        dataset=found.workspace,
        documents=len({document for grades in judged.qrels.values() for document in grades}),
        questions=len(judged.questions),
        recall=plan.recall,
        methods=methods,
        texts={question.id: question.text for question in judged.questions},
        remarks=_format_remarks(judged),
    )


def candidate_documents(dataset: Dataset, plan: EvaluationPlan) -> frozenset[str]:
    """Name the documents that can be candidates: all of the corpus, or those within the Top-N of a run."""
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
    parts = build_parts(_with_larger_cache(environment.settings), profile, role="query")
    try:
        yield profile, parts
    finally:
        parts.close()


def load_judgements(database: Database, workspace: str, days: float) -> JudgedWorkspace:
    """Read what a workspace has judged, of the last so many days (0: ever); raises `NoJudgedQuestions`."""
    with database.system() as session:
        workspace_id = workspaces.find_workspace(session, workspace)
    with database.tenant(workspace_id) as session:
        channels = documents.list_channels(session, workspace_id)
        judged = build_judgements(feedback.list_answered_questions(session, workspace_id, days=days))
    if not judged.questions:
        raise NoJudgedQuestions(
            f"No answer in the workspace {workspace!r} cites a document that is still there; ask some questions (and"
            " vote on the answers), or take in older ones with --since 0."
        )
    return JudgedWorkspace(workspace, workspace_id, channels, judged)


def _format_remarks(judged: Judgements) -> tuple[str, ...]:
    voted = f"{judged.voted} of {len(judged.questions)} questions were voted on"
    remarks = [f"what answers cite counts as relevant, which favours the methods that were in use then; {voted}."]
    if judged.without:
        remarks.append(f"{judged.without} questions are left out: nothing that their answers cite is liked or left.")
    if len(judged.questions) < MIN_RELIABLE_QUESTIONS:
        remarks.append(f"{len(judged.questions)} questions are few; a difference of some points may be chance.")
    return tuple(remarks)


def _with_larger_cache(settings: Settings) -> Settings:
    # The same passages come back for question after question; reading each once turns hours into minutes.
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
        wanted=candidate_documents(dataset, plan),
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
    """Wait until everything that answers has its vector; only a profile beside the live one may lack some here."""
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
                f"The profile {profile.name!r} lacks the vectors of {missing:,} chunks and gets no more; run"
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
