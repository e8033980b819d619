"""Everyday passages as the zero of a scale of similarities."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from structlog.testing import capture_logs

from pipeline.errors import BudgetExceeded, Cancelled, LlmTimeout, LlmUnreachable, ProfileMismatch
from pipeline.everyday import PASSAGES, RETRY_AFTER_S, WEIGHT, EverydayPassages, compute_similarity, measure_baseline
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
    everyday = EverydayPassages()
    vector = [0.1] * len(PASSAGES)
    vector[1] = 0.8
    assert compute_similarity(everyday.load(embedder), vector) == pytest.approx(0.8)
    assert compute_similarity(everyday.load(embedder), [0.2] * len(PASSAGES)) == pytest.approx(0.2)
    assert len(embedder.calls) == 1


def test_similarity__passages_have_the_prefix_of_the_profile() -> None:
    seen: list[str] = []

    class PrefixEmbedder(LanguageEmbedder):
        profile = EmbeddingProfile(1, "e5", "e5", len(PASSAGES), 512, "query: ", "passage: ")

        def encode(self, texts: Sequence[str]) -> Matrix:
            seen.extend(texts)
            return super().encode([text.removeprefix("passage: ") for text in texts])

    EverydayPassages().load(PrefixEmbedder())
    assert all(text.startswith("passage: ") for text in seen)


def test_baseline__a_large_library_is_its_own_measure() -> None:
    everyday, embedder = EverydayPassages(), LanguageEmbedder()
    vector = [0.5] + [0.0] * (len(PASSAGES) - 1)
    small = measure_baseline(recalled(0.2, 1), everyday, vector, embedder)
    assert small == pytest.approx((0.2 + 0.5 * WEIGHT) / (1 + WEIGHT))
    large = measure_baseline(recalled(0.2, 100), everyday, vector, embedder)
    assert large == pytest.approx((20 + 0.5 * WEIGHT) / (100 + WEIGHT))
    assert abs(large - 0.2) < abs(large - 0.5)


@pytest.mark.parametrize(
    "error",
    [
        LlmUnreachable("The endpoint does not answer."),
        LlmTimeout("The endpoint did not answer in time."),
        ProfileMismatch("The endpoint returns other dimensions."),
        RuntimeError("out of memory"),
    ],
)
def test_baseline__without_everyday_passages(error: Exception) -> None:
    everyday, failing = EverydayPassages(), LanguageEmbedder(error)
    assert measure_baseline(recalled(0.2, 7), everyday, [0.5], failing) == 0.2
    assert measure_baseline(recalled(0.2, 7), None, [0.5], failing) == 0.2
    assert measure_baseline(recalled(None, 0), everyday, None, failing) == 0.0
    assert measure_baseline(recalled(0.2, 7), everyday, [0.5], None) == 0.2


def test_baseline__embedder_that_failed_is_asked_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("pipeline.everyday.monotonic", lambda: now[0])
    everyday, failing = EverydayPassages(), LanguageEmbedder(LlmTimeout("The endpoint did not answer in time."))
    for _ in range(3):
        assert measure_baseline(recalled(0.2, 7), everyday, [0.5], failing) == 0.2
    assert len(failing.calls) == 1
    now[0] += RETRY_AFTER_S
    assert len(everyday.load(LanguageEmbedder())) == len(PASSAGES)


def test_baseline__cancellation_is_passed_on() -> None:
    with pytest.raises(Cancelled):
        measure_baseline(recalled(0.2, 7), EverydayPassages(), [0.5], LanguageEmbedder(Cancelled("Cancelled.")))


def test_baseline__question_without_budget_delays_no_other_question() -> None:
    everyday = EverydayPassages()
    with capture_logs() as logs:
        measure_baseline(recalled(0.2, 7), everyday, [0.5], LanguageEmbedder(BudgetExceeded("The limit is reached.")))
    assert [entry["error"] for entry in logs] == ["The limit is reached."]
    assert len(everyday.load(LanguageEmbedder())) == len(PASSAGES)


def test_baseline__questions_do_not_wait_for_an_endpoint_that_hangs() -> None:
    started, released = threading.Event(), threading.Event()

    class HangingEmbedder(LanguageEmbedder):
        def encode(self, texts: Sequence[str]) -> Matrix:
            started.set()
            released.wait(10)
            return super().encode(texts)

    everyday, embedder = EverydayPassages(), HangingEmbedder()
    vector = [0.2] * len(PASSAGES)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(measure_baseline, recalled(0.4, WEIGHT), everyday, vector, embedder)
        assert started.wait(10)
        second = threads.submit(measure_baseline, recalled(0.4, WEIGHT), everyday, vector, embedder)
        try:
            assert second.result(timeout=5) == 0.4
        finally:
            released.set()
        assert first.result(timeout=5) == pytest.approx(0.3)
    assert measure_baseline(recalled(0.4, WEIGHT), everyday, vector, embedder) == pytest.approx(0.3)
    assert len(embedder.calls) == 1


def test_baseline__error_of_the_comparison_is_passed_on() -> None:
    with pytest.raises(ValueError, match="mismatch"):
        measure_baseline(recalled(0.2, 7), EverydayPassages(), [0.5] * 2 * len(PASSAGES), LanguageEmbedder())


def test_load__vectors_that_exist_do_not_depend_on_other_questions() -> None:
    everyday, embedder = EverydayPassages(), LanguageEmbedder()
    vectors = everyday.load(embedder)
    with everyday._lock:  # another question is inside `load`
        assert everyday.load(embedder) is vectors
    assert len(embedder.calls) == 1
