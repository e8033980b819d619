"""Reading rankings from replies, including 800 replies of real models."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.ranking_reply import parse_ranking
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import CORRECTED, is_full_permutation
from tests.answer_fakes import FakeChat, candidates, order


@pytest.mark.parametrize(
    "text",
    [
        '{"ranking": [3, 1, 2]}',
        'Sure! ```json\n{"ranking": [3, 1, 2]}\n```',
        '{"ranking": ["3", "[1]", "2"], "note": "of 3 passages"}',
        "[3, 1, 2]",
        "```\n[3, 1, 2]\n```",
        "[3] > [1] > [2]",
        "  [3]>[1]>[2].",
        "[3], [1], [2]",
        "[3] [1] [2]",
        "[3]\n[1]\n[2]",
        "1. [3] > [1] > [2]",
        "7 > [3] > [1] > [2]",
        "1. [3] 2. [1] 3. [2]",
        "1. [3]\n2. [1]\n3. [2]",
        "**[3] > [1] > [2]**",
        "Ranking: [3] > [1] > [2]",
        "排序结果：[3] > [1] > [2]",
        "3 > 1 > 2",
        "3, 1, 2",
        "The three passages, 20 words on 2 of them:\n[3] > [1] > [2]\nThat is all 3.",
        '<think>[1] > [2] > [3]? no</think>{"ranking": [3, 1, 2]}',
        '{"ranking": [3, 1, 2]} {"ranking": [3, 1, 2]}',
    ],
)
def test_parse_ranking__usable_replies(text: str) -> None:
    found = parse_ranking(text, 3)
    assert found is not None
    assert (found.order, found.corrected) == ((2, 0, 1), False)


@pytest.mark.parametrize(
    ("text", "order_"),
    [
        ("[3] > [1] > [3] > [2]", (2, 0, 1)),  # repeated: the first position counts
        ("[3] > [9] > [1] > [2]", (2, 0, 1)),  # unknown number: dropped
        ("[3] > [0] > [1] > [2]", (2, 0, 1)),
        ("[3] > [1]", (2, 0)),  # missing: follows after the others
        ("[3] > [1] > [2", (2, 0)),  # cut off: might have become 20
        ("[3] > [1] > [", (2, 0)),
        ("[3] > [1] >", (2, 0)),
        ('{"ranking": [3, 3, 1]}', (2, 0)),
    ],
)
def test_parse_ranking__corrects_wrong_numbers(text: str, order_: tuple[int, ...]) -> None:
    found = parse_ranking(text, 3)
    assert found is not None
    assert (found.order, found.corrected) == (order_, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20 passages are provided.",
        "3 passages have been provided, so the ranking",
        "I would put 3 first, then 1, then 2.",
        "Passage [3] is best, [1] and [2] are not.",
        "[1] The Government of the",
        "[] > []",
        "5 > 3 since there are 20 of them",
        '{"ranking": []}',
        '{"ranking": "3 > 1 > 2"}',
        '{"ranking": [3, 1, 2',
        '{"ranking": [3.5, 1, 2]}',
        '{"ranking": [true, false]}',
        '{"ranking": [[3], [1], [2]]}',
        '{"order": [3, 1, 2]}',
        "[0.3, 0.1, 0.2]",
        "[3] > [1] > [2]\n[1] > [2] > [3]",  # two that differ
        '{"ranking": [3, 1, 2]}\n[1] > [2] > [3]',
        '{"ranking": [3, 1, 2]} {"ranking": [1, 2, 3]}',
        "<think>[3] > [1] > [2]",
        "2",
        "7 > 8 > 9",
    ],
)
def test_parse_ranking__unusable_replies(text: str) -> None:
    assert parse_ranking(text, 3) is None


def test_parse_ranking__needs_half_of_the_passages() -> None:
    assert parse_ranking("[14] > [15] > [16]", 20) is None
    found = parse_ranking(" > ".join(f"[{n}]" for n in range(20, 10, -1)), 20)
    assert found is not None
    assert found.order == tuple(range(19, 9, -1))


@pytest.mark.parametrize("text", ["[" * 30_000, "[1] > " * 9000 + "!", "1. " * 9000, " " * 30_000 + "x", "[1]" * 9000])
def test_parse_ranking__hostile_replies_take_linear_time(text: str) -> None:
    assert parse_ranking(text, 20) is None


def real_responses(shared: Path) -> list[dict[str, Any]]:
    path = shared / "llm_responses" / "listwise_responses.jsonl"
    if not path.exists():
        pytest.skip(f"no {path}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_real_replies__full_permutation_or_recorded_fallback(shared: Path) -> None:
    found = candidates(20)
    outcomes: Counter[str] = Counter()
    for response in real_responses(shared):
        reranker = FallbackReranker(LlmListwiseReranker(FakeChat(response["response"])), RecallOrderReranker())
        result = reranker.rerank(response["query"], found, deadline_s=60)
        assert is_full_permutation(result.ranked, found)
        fell_back = [(fallback.method, fallback.used) for fallback in result.fallbacks]
        if result.method == "none":
            assert fell_back == [("llm-listwise", "none")]
            assert order(result) == list(range(1, 21))
            assert result.usage.calls == 2
            # Prose, or a list that names fewer than half of the passages.
            assert response["no_ids"] or response["missing"]
            outcomes["recorded fallback after a repair try"] += 1
        else:
            assert not response["no_ids"]
            assert result.usage.calls == 1
            corrected = any(CORRECTED in ranked.flags for ranked in result.ranked)
            assert corrected != response["full_permutation"]
            assert bool(fell_back) == response["missing"]
            outcomes["ranking with a correction" if corrected else "ranking as it is"] += 1
    assert outcomes == {
        "ranking as it is": 266,
        "ranking with a correction": 70,
        "recorded fallback after a repair try": 464,
    }


def test_real_replies__digits_in_prose_move_no_passage(shared: Path) -> None:
    prose = [response for response in real_responses(shared) if response["no_ids"]]
    with_digits = [response["response"] for response in prose if any(c.isdigit() for c in response["response"])]
    assert len(with_digits) > 250
    assert all(parse_ranking(text, 20) is None for text in with_digits)
