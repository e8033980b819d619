"""Building the rerankers that users can choose."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from config import rerankers
from config.cross_encoders import LazyCrossEncoder
from config.embedding import build_encoder_options
from config.rerankers import BUILDERS, build_rerankers
from config.settings import Settings
from pipeline.errors import ModelUnavailable
from pipeline.ports import Reranker
from pipeline.rerank import build_cascade
from pipeline.rerank.results import is_full_permutation
from pipeline.types import RERANKERS
from tests.answer_fakes import WordEmbedder, candidates


class LengthScorer:
    name = "length"

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        return [float(len(passage)) for passage in passages]


def build() -> dict[str, Reranker]:
    return dict(build_rerankers(Settings(), WordEmbedder(), chat=None, cross_encoder=LengthScorer()))


def test_rerankers__one_for_each_selectable_name() -> None:
    assert set(BUILDERS) == set(RERANKERS), "config/rerankers.py and pipeline/types/retrieval.py differ"
    assert {name: reranker.method for name, reranker in build().items()} == {name: name for name in RERANKERS}


@pytest.mark.parametrize("name", RERANKERS)
@pytest.mark.parametrize("count", [0, 1, 12])
def test_rerankers__each_returns_a_full_permutation(name: str, count: int) -> None:
    found = candidates(count)
    result = build()[name].rerank("Which passage?", found, deadline_s=10.0)
    assert is_full_permutation(result.ranked, found)
    assert all(fallback.method == name for fallback in result.fallbacks)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("llm-pointwise", "REFDESK_LLM_BASE_URL"),
        ("llm-pairwise", "REFDESK_LLM_BASE_URL"),
        ("llm-listwise", "REFDESK_LLM_BASE_URL"),
        ("rerank-api", "REFDESK_RERANK_API_URL"),
    ],
)
def test_rerankers__missing_settings_fall_back(name: str, reason: str) -> None:
    result = build()[name].rerank("Which passage?", candidates(3), deadline_s=10.0)
    assert result.method == "late-interaction"
    assert reason in result.fallbacks[0].reason


def test_rerankers__name_without_a_builder_is_reported_with_both_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerankers, "RERANKERS", (*RERANKERS, "dummy"))
    with pytest.raises(RuntimeError, match=r"pipeline/types/retrieval\.py.*config/rerankers\.py.*dummy"):
        build()


@pytest.mark.parametrize("error", [ModelUnavailable("It is missing."), RuntimeError("It is missing.")])
def test_lazy_cross_encoder__a_failed_load_is_not_repeated(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    loads: list[str] = []

    def fail(name: str, options: Any) -> None:
        loads.append(name)
        raise error

    constructor: Callable[..., object] = fail
    monkeypatch.setattr("pipeline.backends.models.encoders.load_cross_encoder", constructor)
    scorer = LazyCrossEncoder("model", build_encoder_options(Settings(_env_file=None)))
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match=r"It is missing\."):
            scorer.score("question", ["passage"])
    assert loads == ["model"]


def test_rerankers__without_an_embedding_model() -> None:
    built = build_rerankers(Settings(), None, chat=None, cross_encoder=LengthScorer())
    result = built["late-interaction"].rerank("Which passage?", candidates(3), deadline_s=10.0)
    assert result.method == "none"
    assert "the embedding model cannot be loaded" in result.fallbacks[0].reason


@pytest.mark.parametrize("usable", [True, False])
def test_auto__is_the_cross_encoder_where_it_is_usable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, usable: bool
) -> None:
    scorer = LazyCrossEncoder(str(tmp_path), build_encoder_options(Settings(_env_file=None)))
    monkeypatch.setattr(scorer, "_load", LengthScorer if usable else lambda: ModelUnavailable("It is missing."))
    built = build_rerankers(Settings(), WordEmbedder(), chat=None, cross_encoder=scorer)
    for name, method in (("auto", None), ("auto:5>3", "auto:5>3"), ("none:9>auto:5", None)):
        result = build_cascade(name, built).rerank("Which passage?", candidates(12), deadline_s=10.0)
        assert result.method in {method, "cross-encoder" if usable else "late-interaction"}
        assert result.fallbacks == ()
    assert scorer.is_loaded is usable


@pytest.mark.parametrize("early", [True, False])
def test_auto__does_not_wait_for_a_download(monkeypatch: pytest.MonkeyPatch, early: bool) -> None:
    hold = threading.Event()
    scorer = LazyCrossEncoder("no/such-model", build_encoder_options(Settings(_env_file=None)))

    def load() -> LengthScorer:
        assert hold.wait(10)
        return LengthScorer()

    monkeypatch.setattr(scorer, "_load", load)
    built = build_rerankers(Settings(), WordEmbedder(), chat=None, cross_encoder=scorer)
    if early:
        scorer.start()
    assert built["auto"].rerank("Which?", candidates(3), deadline_s=10.0).method == "late-interaction"
    hold.set()
    scorer.score("Which?", ["one"])  # waits for the thread
    assert built["auto"].rerank("Which?", candidates(3), deadline_s=10.0).method == "cross-encoder"


def test_auto__uses_a_downloaded_model_that_was_loaded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = LazyCrossEncoder("no/such-model", build_encoder_options(Settings(_env_file=None)))
    monkeypatch.setattr(scorer, "_load", LengthScorer)
    scorer.load()
    assert scorer.is_usable()


def test_auto__waits_for_a_model_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scorer = LazyCrossEncoder(str(tmp_path), build_encoder_options(Settings(_env_file=None)))

    def load() -> LengthScorer:
        time.sleep(0.1)
        return LengthScorer()

    monkeypatch.setattr(scorer, "_load", load)
    scorer.start()
    assert scorer.is_usable()


def test_auto__reads_fewer_candidates_with_a_slow_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scorer = LazyCrossEncoder(str(tmp_path), build_encoder_options(Settings(_env_file=None)), auto_depth=2)
    monkeypatch.setattr(scorer, "_load", LengthScorer)
    built = build_rerankers(Settings(), WordEmbedder(), chat=None, cross_encoder=scorer)
    result = built["auto"].rerank("Which?", candidates(4), deadline_s=10.0)
    assert [item.method for item in result.ranked] == ["cross-encoder", "cross-encoder", "none", "none"]
