"""The methods that members can choose."""

from __future__ import annotations

import pytest

from bot.services.methods import find_more_accurate, list_methods
from pipeline.cascades import check_reranker

LLM = ["llm-pointwise", "llm-pairwise", "llm-listwise"]


@pytest.mark.parametrize(
    ("working", "expected"),
    [
        ([], {"fast": "late-interaction"}),
        (["late-interaction"], {"fast": "late-interaction"}),
        (["rerank-api"], {"fast": "none", "accurate": "rerank-api"}),
        (
            ["late-interaction", "cross-encoder", "rerank-api"],
            {"fast": "late-interaction", "accurate": "cross-encoder"},
        ),
        (
            ["late-interaction", *LLM],
            {"fast": "late-interaction", "language-model": "late-interaction:50>llm-listwise:20"},
        ),
        (
            ["late-interaction", "cross-encoder", *LLM],
            {
                "fast": "late-interaction",
                "accurate": "cross-encoder",
                "language-model": "cross-encoder:50>llm-listwise:20",
            },
        ),
    ],
)
def test_list_methods__only_those_that_work(working: list[str], expected: dict[str, str]) -> None:
    methods = {method.key: method.reranker for method in list_methods(working)}
    assert methods == expected
    assert [check_reranker(name) for name in methods.values()] == list(methods.values())


@pytest.mark.parametrize(
    ("used", "working", "expected"),
    [
        ("none", [], "late-interaction"),
        ("late-interaction", ["late-interaction"], None),
        ("late-interaction", ["late-interaction", "cross-encoder", *LLM], "cross-encoder"),
        ("cross-encoder:50", ["late-interaction", "cross-encoder", *LLM], "cross-encoder:50>llm-listwise:20"),
        ("cross-encoder:50>llm-listwise:20", ["late-interaction", "cross-encoder", *LLM], None),
        ("llm-pairwise", ["late-interaction", "cross-encoder", *LLM], None),
    ],
)
def test_find_more_accurate__next_step(used: str, working: list[str], expected: str | None) -> None:
    method = find_more_accurate(working, used)
    assert (None if method is None else method.reranker) == expected
