"""Group questions that ask the same thing.

The similarity of two questions is the mean of two shares, like the relevance of a passage in abstention: how far the
cosine of their vectors is on the way from that of an average passage (0) to an identical text (1), and how many of
their content terms they have in common. Its scale is the same for every embedding model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.text.terms import content_terms, single_characters

Similarities = npt.NDArray[np.float32]

TERM_WEIGHT = 0.34
"""Weight of the common terms; the rest is the weight of the vectors."""
SAME_QUESTION = 0.7
"""Minimum similarity of a question to the questions of its group, on average (docs/evaluation.md, "Gaps")."""


@dataclass(frozen=True, slots=True)
class QuestionVector:
    """The vector of a question."""

    profile: int
    """Vectors of different embedding profiles are not compared."""
    values: Any
    """Array of numbers."""
    baseline: float
    """Cosine similarity of the question to an average passage."""


def group_questions(questions: Sequence[tuple[str, QuestionVector | None]]) -> list[list[int]]:
    """Return the positions of the questions of each group, in the given order.

    Each question joins the group that it is most similar to, or starts a new one. A later question therefore never
    moves an earlier one to another group.

    Args:
        questions: Text and, if there is one, vector of each question. Two questions of which one has no vector are
            compared by their terms only.
    """
    similarities = _compare_terms([text for text, _ in questions])
    _add_vectors(similarities, [vector for _, vector in questions])
    groups: list[list[int]] = []
    members = np.zeros((len(questions), len(questions)), dtype=np.float32)
    for position in range(len(questions)):
        count = len(groups)
        if count:
            earlier = members[:position, :count]
            means = (similarities[position, :position] @ earlier) / earlier.sum(axis=0)
            best = int(means.argmax())
            if means[best] >= SAME_QUESTION:
                groups[best].append(position)
                members[position, best] = 1
                continue
        groups.append([position])
        members[position, count] = 1
    return groups


def _compare_terms(texts: Sequence[str]) -> Similarities:
    """Return the share of terms that each two texts have in common; shape (texts, texts)."""
    terms = [content_terms(text) | single_characters(text) for text in texts]
    columns = {term: column for column, term in enumerate(sorted(frozenset().union(*terms)))}
    contained = np.zeros((len(texts), len(columns)), dtype=np.float32)
    for row, found in enumerate(terms):
        contained[row, [columns[term] for term in found]] = 1
    sizes = contained.sum(axis=1)
    shares: Similarities = 2 * (contained @ contained.T) / np.maximum(sizes[:, None] + sizes[None, :], 1)
    return shares


def _add_vectors(similarities: Similarities, vectors: Sequence[QuestionVector | None]) -> None:
    """Combine the shares of common terms with the similarities of vectors, in place."""
    for profile in {vector.profile for vector in vectors if vector is not None}:
        found = [(n, vector) for n, vector in enumerate(vectors) if vector is not None and vector.profile == profile]
        rows = np.array([n for n, _ in found])
        matrix = np.array([vector.values for _, vector in found], dtype=np.float32)
        matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
        baselines = np.array([vector.baseline for _, vector in found], dtype=np.float32)
        zero = np.minimum((baselines[:, None] + baselines[None, :]) / 2, 0.999)
        scaled = (matrix @ matrix.T - zero) / (1 - zero)
        block = np.ix_(rows, rows)
        similarities[block] = (1 - TERM_WEIGHT) * scaled + TERM_WEIGHT * similarities[block]
