"""Building the rerankers that users can choose."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from config import rerankers
from config.embedding import build_encoder_options
from config.rerankers import BUILDERS, LazyCrossEncoder, build_rerankers
from config.settings import Settings
from pipeline.ports import Reranker
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


def test_lazy_cross_encoder__a_failed_load_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.errors import ModelUnavailable

    loads: list[str] = []

    def fail(name: str, options: Any) -> None:
        loads.append(name)
        raise ModelUnavailable("It is missing.")

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
