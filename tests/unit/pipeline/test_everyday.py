"""Everyday passages as the zero of a scale of similarities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.errors import LlmUnreachable
from pipeline.everyday import PASSAGES, WEIGHT, EverydayPassages, measure_baseline
from pipeline.ports import Matrix
from pipeline.types import EmbeddingProfile, RecallResult
from tests.answer_fakes import PROFILE


class LanguageEmbedder:
    """Embeds each language of the everyday passages as a unit vector of its own."""

    profile = PROFILE

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.calls: list[Sequence[str]] = []

    def encode(self, texts: Sequence[str]) -> Matrix:
        self.calls.append(texts)
        if self._error is not None:
            raise self._error
        languages = [next(n for n, passages in enumerate(PASSAGES) if text in passages) for text in texts]
        return np.eye(len(PASSAGES), dtype=np.float32)[languages]


def recalled(average: float | None, sample: int) -> RecallResult:
    return RecallResult((), 50, "exact", dense_average=average, dense_sample=sample)


def test_passages__every_language_has_the_same_number() -> None:
    assert {len(passages) for passages in PASSAGES} == {4}


def test_similarity__of_the_most_similar_language() -> None:
    embedder = LanguageEmbedder()
    everyday = EverydayPassages(embedder)
    vector = [0.1] * len(PASSAGES)
    vector[1] = 0.8
    assert everyday.similarity(vector) == pytest.approx(0.8)
    assert everyday.similarity([0.2] * len(PASSAGES)) == pytest.approx(0.2)
    assert len(embedder.calls) == 1


def test_similarity__passages_have_the_prefix_of_the_profile() -> None:
    seen: list[str] = []

    class PrefixEmbedder(LanguageEmbedder):
        profile = EmbeddingProfile(1, "e5", "e5", len(PASSAGES), 512, "query: ", "passage: ")

        def encode(self, texts: Sequence[str]) -> Matrix:
            seen.extend(texts)
            return super().encode([text.removeprefix("passage: ") for text in texts])

    EverydayPassages(PrefixEmbedder()).load()
    assert all(text.startswith("passage: ") for text in seen)


def test_baseline__a_large_library_is_its_own_measure() -> None:
    everyday = EverydayPassages(LanguageEmbedder())
    vector = [0.5] + [0.0] * (len(PASSAGES) - 1)
    assert measure_baseline(recalled(0.2, 1), everyday, vector) == pytest.approx((0.2 + 0.5 * WEIGHT) / (1 + WEIGHT))
    large = measure_baseline(recalled(0.2, 100), everyday, vector)
    assert large == pytest.approx((20 + 0.5 * WEIGHT) / (100 + WEIGHT))
    assert abs(large - 0.2) < abs(large - 0.5)


def test_baseline__without_everyday_passages() -> None:
    failing = EverydayPassages(LanguageEmbedder(LlmUnreachable("The endpoint does not answer.")))
    assert measure_baseline(recalled(0.2, 7), failing, [0.5]) == 0.2
    assert measure_baseline(recalled(0.2, 7), None, [0.5]) == 0.2
    assert measure_baseline(recalled(None, 0), failing, None) == 0.0
