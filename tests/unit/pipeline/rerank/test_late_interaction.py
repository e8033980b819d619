"""The method `late-interaction`: MaxSim, its fusion with the recall score, and questions that the model cannot read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.rerank.late_interaction import LateInteractionReranker, compute_max_sims
from pipeline.rerank.results import is_full_permutation
from pipeline.types import Candidate, Usage
from tests.answer_fakes import WordEmbedder, candidate, candidates, order


def test_compute_max_sims__is_the_mean_of_the_best_matches() -> None:
    question, *passages = WordEmbedder().encode_tokens(["red lamp", "a red car", "nothing", "the lamp is red"])
    passages.insert(1, passages[0][:0])
    assert compute_max_sims(question, passages) == pytest.approx([0.5, 0.0, 0.0, 1.0])
    assert compute_max_sims(question, passages[1:2]) == [0.0]


def test_rerank__fuses_similarity_with_recall() -> None:
    found = [
        candidate(1, "the weather is fine", score=0.5),
        candidate(2, "old lamps are blue", score=0.5),
        candidate(3, "red lamps give red light", score=0.49),
        candidate(4, "nothing of the kind", score=0.1),
    ]
    result = LateInteractionReranker(WordEmbedder()).rerank("red lamps", found, deadline_s=5.0)
    assert order(result) == [3, 2, 1, 4]
    assert is_full_permutation(result.ranked, found)
    assert result.ranked[0].raw_score == pytest.approx(1.0)


def test_rerank__includes_the_headings() -> None:
    found = [candidate(1, "It is easy.", score=0.5), candidate(2, "It is easy.", score=0.5, headings=("Red lamps",))]
    assert order(LateInteractionReranker(WordEmbedder()).rerank("red lamps", found, deadline_s=5.0)) == [2, 1]


class PrefixVocabulary:
    """A vocabulary that knows the first characters of every text."""

    def __init__(self, letters: int) -> None:
        self._letters = letters

    def known_units(self, text: str) -> list[tuple[int, int]]:
        return [(0, self._letters)]


def order_with_vocabulary(found: Sequence[Candidate], letters: int) -> list[int]:
    reranker = LateInteractionReranker(WordEmbedder(), vocabulary=PrefixVocabulary(letters))
    return order(reranker.rerank("red lamps", found, deadline_s=5.0))


def test_rerank__weighs_max_sim_by_the_known_part_of_the_question() -> None:
    found = [candidate(1, "old blue cars", score=0.5), candidate(2, "red lamps", score=0.38), candidate(3, score=0.1)]
    assert order_with_vocabulary(found, letters=9) == [2, 1, 3]
    assert order_with_vocabulary(found, letters=2) == [1, 2, 3]


def test_rerank__question_without_known_words() -> None:
    reranker = LateInteractionReranker(WordEmbedder(), vocabulary=PrefixVocabulary(0))
    result = reranker.rerank("red lamps", candidates(3), deadline_s=5.0)
    assert order(result) == [1, 2, 3]
    assert (result.method, result.fallbacks[0].used) == ("none", "none")


def test_rerank__recall_has_weight_one_per_leg() -> None:
    texts = ["old blue cars", "red lamps", "grey stones"]
    scores = [0.5, 0.3, 0.1]
    one = [candidate(n + 1, texts[n], score=scores[n], dense_rank=n + 1) for n in range(3)]
    both = [replace(c, keyword_rank=c.dense_rank) for c in one]
    by_one, by_both = (
        LateInteractionReranker(WordEmbedder()).rerank("red lamps", found, deadline_s=5.0) for found in (one, both)
    )
    assert order(by_one) == [2, 1, 3]
    assert order(by_both) == [1, 2, 3]


def test_rerank__question_without_tokens() -> None:
    result = LateInteractionReranker(WordEmbedder()).rerank("", candidates(2), deadline_s=5.0)
    assert order(result) == [1, 2]
    assert (result.method, result.fallbacks[0].used) == ("none", "none")


def test_rerank__out_of_time() -> None:
    result = LateInteractionReranker(WordEmbedder()).rerank("lamp", candidates(3), deadline_s=0.0)
    assert order(result) == [1, 2, 3]
    assert all(r.flags == ("unscored",) for r in result.ranked)
    assert "3 of 3 candidates kept their recall place" in result.fallbacks[0].reason


class SpacedWords(WordEmbedder):
    """Knows where the words of a text are."""

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[match.span() for match in re.finditer(r"\w+", text)] for text in texts]


def test_explain__names_the_matching_words() -> None:
    found = [candidate(1, "Red lamps give light."), candidate(2, "Old blue cars.", headings=("Lamps",))]
    reranker = LateInteractionReranker(SpacedWords(), spans=SpacedWords())
    reasons = reranker.explain("Where are red lamps?", found, deadline_s=5.0, spent=Usage()).reasons
    assert reasons == {1: "Matching words: Red, lamps", 2: "Matching words: Lamps"}


def test_explain__without_positions_has_no_reasons() -> None:
    reranker = LateInteractionReranker(WordEmbedder())
    assert not reranker.explain("red lamps", candidates(2), deadline_s=5.0, spent=Usage()).reasons
