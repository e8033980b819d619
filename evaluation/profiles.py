"""Compare embedding profiles on the questions of a workspace: quality, agreement, latency and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from shlex import quote
from statistics import fmean

from db import profiles
from evaluation.evaluate import EvaluationEnvironment, EvaluationPlan, OnStep, evaluate_judged, load_judgements
from evaluation.quality import MethodResult
from evaluation.report import Evaluation
from pipeline.errors import InvalidInput
from pipeline.types import EmbeddingProfile

DEPTH = 10


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """The results of one profile."""

    profile: EmbeddingProfile
    result: MethodResult
    megabytes: float
    """Size of the vectors without indexes."""
    agreement: float
    """Average share of its first ten documents that are also among the first ten of the first profile."""


def compare_profiles(
    names: Sequence[str],
    workspace: str,
    plan: EvaluationPlan,
    environment: EvaluationEnvironment,
    on_step: OnStep,
    *,
    days: float,
) -> tuple[Evaluation, tuple[ProfileResult, ...]]:
    """Evaluate each profile on the questions of a workspace; the others are compared with the first.

    Raises:
        InvalidInput: A profile has a backlog, which would lower its results.
    """
    compared_profiles = [_load_complete_profile(environment, name) for name in names]
    # Load the judgements once, so that all profiles are measured on the same questions.
    judged_workspace = load_judgements(environment.database, workspace, days)
    names_of_both = tuple(profile.name for profile in compared_profiles)
    evaluations = evaluate_judged(judged_workspace, replace(plan, profiles=names_of_both), environment, on_step)
    results = [replace(evaluation.methods[0], method=evaluation.profile) for evaluation in evaluations]
    compared = tuple(
        ProfileResult(profile, result, _vector_megabytes(environment, profile), _agreement(result, results[0]))
        for profile, result in zip(compared_profiles, results, strict=True)
    )
    return replace(evaluations[0], methods=tuple(results)), compared


def _load_complete_profile(environment: EvaluationEnvironment, name: str) -> EmbeddingProfile:
    with environment.database.system() as session:
        profile, _ = profiles.find(session, name)
        missing = profiles.count_missing(session, profile.id)
    if missing:
        raise InvalidInput(
            f"The profile {name!r} has no vectors for {missing:,} chunks. "
            f"Run `refdesk profiles build {quote(name)}` first."
        )
    return profile


def _vector_megabytes(environment: EvaluationEnvironment, profile: EmbeddingProfile) -> float:
    with environment.database.system() as session:
        return profiles.measure_bytes(session, profile.id) / 1_000_000


def _agreement(result: MethodResult, other: MethodResult) -> float:
    shares = [
        len(set(ranking[:DEPTH]) & set(other.rankings.get(question, ())[:DEPTH])) / len(ranking[:DEPTH])
        for question, ranking in result.rankings.items()
        if ranking
    ]
    return fmean(shares) if shares else 0.0
