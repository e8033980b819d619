"""Names of rerankers and cascades."""

from __future__ import annotations

import pytest

from pipeline.cascades import check_reranker, parse_cascade
from pipeline.errors import UnknownName
from pipeline.types import RERANKERS


@pytest.mark.parametrize("name", RERANKERS)
def test_check_reranker__single_names(name: str) -> None:
    assert check_reranker(f" {name} ") == name


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("cross-encoder:50>llm-listwise:20>3", "cross-encoder:50>llm-listwise:20>3"),
        (" cross-encoder : 50 > llm-listwise:20 > 3 ", "cross-encoder:50>llm-listwise:20>3"),
        ("cross-encoder>llm-pairwise:10", "cross-encoder>llm-pairwise:10"),
        ("llm-pairwise:10", "llm-pairwise:10"),
        ("llm-listwise>5", "llm-listwise>5"),
        ("none:20>rerank-api:10>llm-pointwise:5>2", "none:20>rerank-api:10>llm-pointwise:5>2"),
    ],
)
def test_check_reranker__normalises_cascades(given: str, written: str) -> None:
    assert check_reranker(given) == written
    assert str(parse_cascade(written)) == written


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "There is no reranker ''"),
        ("magic", "There is no reranker 'magic'; choose one of auto, cross-encoder, late-interaction"),
        ("cross-encoder:50>magic:20", "There is no reranker 'magic' (in 'cross-encoder:50>magic:20')"),
        ("cross-encoder:many", "There is no reranker 'cross-encoder:many'"),
        ("cross-encoder:-5", "There is no reranker"),
        ("cross-encoder>>3", "There is no reranker ''"),
        ("50", "There is no reranker '50'"),
        ("3>cross-encoder", "There is no reranker '3'"),
        ("cross-encoder:0", "from 1 to 200 candidates"),
        ("cross-encoder:5000", "from 1 to 200 candidates"),
        ("cross-encoder:20>llm-listwise:50", "must read fewer candidates than the one before"),
        ("cross-encoder:20>llm-listwise:20", "must read fewer candidates than the one before"),
        ("cross-encoder:50>llm-listwise:5>10", "Top-K exceeds the number of candidates of the last stage"),
        ("cross-encoder>0", "the Top-K, from 1 to 20"),
        ("cross-encoder>25", "the Top-K, from 1 to 20"),
        (">".join(["none"] * 5), "has 5 stages; the maximum is 4"),
        ("x" * 5000, "…"),
    ],
)
def test_check_reranker__rejects_invalid_names(name: str, said: str) -> None:
    with pytest.raises(UnknownName) as raised:
        check_reranker(name)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 400
