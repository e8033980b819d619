"""A language model that answers by real judgements, over real HTTP: each method finds the best possible order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.datasets import Dataset, load_dataset
from evaluation.metrics import measure_quality
from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.ports import ChatModel, Reranker
from pipeline.rerank import build_cascade
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.types import Candidate
from tests.judging_llm import JudgingLlm, text_key
from tests.loopback_llm import LoopbackLlm

QUESTIONS = 4
NAMES = (
    "llm-pointwise",
    "llm-pointwise, several per call",
    "llm-pairwise",
    "llm-pairwise, sliding",
    "llm-listwise",
    "none:15>llm-listwise:12>3",
)


def build_methods(chat: ChatModel) -> Mapping[str, Reranker]:
    return {
        "none": RecallOrderReranker(),
        "llm-pointwise": LlmPointwiseReranker(chat),
        "llm-pointwise, several per call": LlmPointwiseReranker(chat, passages_per_call=4, scale=5),
        "llm-pairwise": LlmPairwiseReranker(chat),
        "llm-pairwise, sliding": LlmPairwiseReranker(chat, strategy="sliding"),
        "llm-listwise": LlmListwiseReranker(chat, window=14, step=4),
    }


@pytest.fixture(scope="module")
def dataset(shared: Path) -> Dataset:
    folder = shared / "collections" / "noveleval"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return load_dataset(folder)


@pytest.fixture(scope="module")
def tasks(dataset: Dataset) -> dict[str, tuple[str, list[Candidate]]]:
    """Return the judged documents of some questions as candidates, ordered by name."""
    documents = {document.id: document for document in dataset.documents()}
    return {
        question.id: (
            question.text,
            [
                Candidate(rank, rank, documents[name].title, documents[name].text, rank, 1.0 / rank, source=name)
                for rank, name in enumerate(sorted(dataset.qrels[question.id]), 1)
            ],
        )
        for question in dataset.judged_questions[:QUESTIONS]
    }


@pytest.fixture(scope="module")
def judge(dataset: Dataset, tasks: dict[str, tuple[str, list[Candidate]]]) -> JudgingLlm:
    grades = {
        text_key(text): {text_key(c.text): dataset.qrels[question][c.source] for c in found}
        for question, (text, found) in tasks.items()
    }
    return JudgingLlm(grades, highest=2)


@pytest.mark.parametrize("name", NAMES)
def test_judged__reaches_the_best_order_of_the_candidates(
    name: str, dataset: Dataset, tasks: dict[str, tuple[str, list[Candidate]]], judge: JudgingLlm
) -> None:
    depth = 12 if name.startswith("none") else 20
    rankings, best, incoming = {}, {}, {}
    with LoopbackLlm(judge) as server:
        chat = OpenAIChat(server.url, judge.name)
        for question, (text, found) in tasks.items():
            result = build_cascade(name, build_methods(chat)).rerank(text, found, deadline_s=60)
            rankings[question] = [ranked.candidate.source for ranked in result.ranked]
            grades = dataset.qrels[question]
            incoming[question] = [c.source for c in found]
            head = sorted(incoming[question][:depth], key=lambda document: -grades[document])
            best[question] = head + incoming[question][depth:]
            assert not any(ranked.flags for ranked in result.ranked)
        server.release_calls()
        chat.close()
    qrels = {question: dataset.qrels[question] for question in tasks}
    reached, possible = measure_quality(qrels, rankings).ndcg_at_10, measure_quality(qrels, best).ndcg_at_10
    assert reached == pytest.approx(possible)
    assert reached > measure_quality(qrels, incoming).ndcg_at_10


@pytest.mark.parametrize("name", ["llm-pointwise", "llm-pairwise", "llm-listwise"])
def test_judged__more_wrong_replies_lower_the_quality(
    name: str, dataset: Dataset, tasks: dict[str, tuple[str, list[Candidate]]], judge: JudgingLlm
) -> None:
    qrels = {question: dataset.qrels[question] for question in tasks}
    reached = []
    for share in (0.0, 0.1, 0.3):
        rerankers = build_methods(replace(judge, fault_rate=share, seed=1))
        rankings = {
            question: [r.candidate.source for r in rerankers[name].rerank(text, found, deadline_s=60).ranked]
            for question, (text, found) in tasks.items()
        }
        reached.append(measure_quality(qrels, rankings).ndcg_at_10)
    incoming = {question: [c.source for c in found] for question, (_, found) in tasks.items()}
    assert reached[0] >= reached[1] >= reached[2] - 0.03
    assert reached[2] > measure_quality(qrels, incoming).ndcg_at_10
