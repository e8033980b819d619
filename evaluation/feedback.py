"""Judgements from a community's own use: what its answers cite, and what people thought of them.

A document that an answer cites is relevant (grade 1), more so when people liked the answer (grade 2), and not when they
disliked it (grade 0). Whoever judges so must know what it favours: only what was brought up at the time can be cited,
so the method that was used then has an advantage over every other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.feedback import AnsweredQuestion
from evaluation.datasets import Question

MIN_RELIABLE_QUESTIONS = 50
"""Questions from which on a difference of two points is more than chance, roughly (docs/handbook/evaluating.md)."""
CITED, LIKED, DISLIKED = 1, 2, 0


@dataclass(frozen=True, slots=True)
class Judgements:
    """Questions with what is relevant to them; documents are named by their numbers."""

    questions: tuple[Question, ...]
    qrels: Mapping[str, Mapping[str, int]]
    without: int
    """Questions left out: nothing that their answers cite is liked or still there."""
    voted: int
    """Questions of those that people voted on."""


def build_judgements(asked: Sequence[AnsweredQuestion]) -> Judgements:
    """Turn what was asked into judgements; the same question asked again adds to one."""
    same: dict[str, list[AnsweredQuestion]] = defaultdict(list)
    for one in reversed(asked):
        same[_normalize(one.question)].append(one)
    questions: list[Question] = []
    qrels: dict[str, dict[str, int]] = {}
    voted = 0
    for times in same.values():
        grades = _grade_documents(times)
        if not any(grades.values()):
            continue
        question = Question(str(times[0].query), times[0].question)
        questions.append(question)
        qrels[question.id] = grades
        voted += any(one.votes for one in times)
    return Judgements(tuple(questions), qrels, len(same) - len(questions), voted)


def _grade_documents(times: Sequence[AnsweredQuestion]) -> dict[str, int]:
    votes: dict[int, int] = defaultdict(int)
    for one in times:
        for document in one.cited:
            votes[document] += one.votes
    return {
        str(document): LIKED if sum_of > 0 else DISLIKED if sum_of < 0 else CITED
        for document, sum_of in sorted(votes.items())
    }


def _normalize(question: str) -> str:
    return " ".join(question.casefold().split()).rstrip("?？.!。！ ")
