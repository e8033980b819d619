"""Judgements from the use of a workspace: the documents that answers cite, and the votes on the answers.

A cited document is relevant (grade 1), more so if users liked the answer (grade 2), and not relevant if they disliked
it (grade 0). These judgements are biased: only recalled documents can be cited, so they favour the method that was used
at the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.feedback import AnsweredQuestion
from evaluation.datasets import Question
from pipeline.text.sentences import CJK_STOPS, LATIN_STOPS

MIN_RELIABLE_QUESTIONS = 50
"""Number of questions above which a difference of two points is roughly more than chance
(docs/handbook/evaluating.md)."""
CITED, LIKED, DISLIKED = 1, 2, 0


@dataclass(frozen=True, slots=True)
class Judgements:
    """Questions with the grades of their documents, by document ID."""

    questions: tuple[Question, ...]
    qrels: Mapping[str, Mapping[str, int]]
    without: int
    """Questions left out, because all documents they cite are disliked or deleted."""
    voted: int
    """Questions with votes."""


def build_judgements(answered: Sequence[AnsweredQuestion]) -> Judgements:
    """Build judgements from answered questions; equal questions are merged."""
    same: dict[str, list[AnsweredQuestion]] = defaultdict(list)
    for one in reversed(answered):
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
    return " ".join(question.casefold().split()).rstrip(f"{LATIN_STOPS}{CJK_STOPS} ")
