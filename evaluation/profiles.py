"""Two embedding profiles on the questions that people have asked: quality, agreement, time and size."""

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
    """What one profile makes of the questions."""

    profile: EmbeddingProfile
    result: MethodResult
    megabytes: float
    """What its vectors take, indexes not counted."""
    agreement: float
    """Share of its first ten documents that the profile compared with has among its first ten, on average."""


def compare_profiles(
    names: Sequence[str],
    workspace: str,
    plan: EvaluationPlan,
    environment: EvaluationEnvironment,
    on_step: OnStep,
    *,
    days: float,
) -> tuple[Evaluation, tuple[ProfileResult, ...]]:
    """Ask what a workspace has asked with each profile; the first is the one that the others are compared with.

    Raises `InvalidInput` for a profile that has not all its vectors: it would lose for that alone.
    """
    found = [_load_complete_profile(environment, name) for name in names]
    # Read once: what is asked meanwhile would be among the questions of one profile only.
    judged = load_judgements(environment.database, workspace, days)
    evaluations = [
        evaluate_judged(judged, replace(plan, profile=profile.name), environment, on_step) for profile in found
    ]
    results = [
        replace(evaluation.methods[0], method=profile.name)
        for profile, evaluation in zip(found, evaluations, strict=True)
    ]
    compared = tuple(
        ProfileResult(profile, result, _vector_megabytes(environment, profile), _agreement(result, results[0]))
        for profile, result in zip(found, results, strict=True)
    )
    return replace(evaluations[0], methods=tuple(results)), compared


def _load_complete_profile(environment: EvaluationEnvironment, name: str) -> EmbeddingProfile:
    with environment.database.system() as session:
        profile, _ = profiles.find(session, name)
        missing = profiles.count_missing(session, profile.id)
    if missing:
        raise InvalidInput(
            f"The profile {name!r} lacks the vectors of {missing:,} chunks; "
            f"run `refdesk profiles build {quote(name)}` first."
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
