"""The words that late interaction matched, with token vectors written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pipeline.rerank.matching_words import MAX_MATCHES, EmbeddedText, match_words

TOKEN = re.compile(r"[\u4e00-\u9fff]|\w+|[^\w\s]")


def embed(text: str, meanings: Mapping[str, str], *, prefix: int = 0, split: Sequence[str] = ()) -> EmbeddedText:
    """Embed each word as a unit vector; words with the same meaning have the same vector."""
    pattern = re.compile("|".join([*map(re.escape, split), TOKEN.pattern]))
    tokens = [(match.span(), match[0].casefold()) for match in pattern.finditer(text)]
    vectors = np.zeros((len(tokens), 512), dtype=np.float32)
    for row, (_, word) in enumerate(tokens):
        vectors[row, sum(map(ord, meanings.get(word, word))) % 512] = 1.0
    return EmbeddedText(text, vectors, [span for span, _ in tokens], prefix)


def matches(question: str, passage: str, **meanings: str) -> list[str]:
    return shown(embed(question, meanings), embed(passage, meanings))


def shown(question: EmbeddedText, passage: EmbeddedText) -> list[str]:
    (found,) = match_words(question, [passage])
    return [str(match) for match in found]


def test_match_words__same_words_and_similar_words() -> None:
    found = matches(
        "How do I reset the router?", "Restart: hold the button of the router.", restart="reset", hold="x", button="y"
    )
    assert sorted(found) == ["reset ≈ Restart", "router"]


def test_match_words__inflected_words_count_as_the_same() -> None:
    assert matches("Which routers?", "The router is blue.", routers="router", blue="z") == ["router"]


def test_match_words__leaves_out_weak_matches() -> None:
    assert matches("Where is the gate?", "The gate opens at nine.") == ["gate"]
    assert matches("Is the castle gate red?", "The gate opens at nine.") == ["gate"]


def test_match_words__a_passage_on_another_subject_has_no_matches() -> None:
    question, good, bad = (embed(text, {}) for text in ("red gate?", "The red gate.", "Old blue cars."))
    assert [[str(match) for match in found] for found in match_words(question, [good, bad])] == [["red", "gate"], []]


def test_match_words__leaves_out_function_words_and_prefixes() -> None:
    prefixed = "query: Where is it?"
    question = embed(prefixed, {}, prefix=len("query: "))
    assert shown(question, embed("passage: Where is it, the query?", {}, prefix=len("passage: "))) == []


def test_match_words__joins_the_characters_of_a_chinese_word() -> None:
    assert matches("路由器在哪里？", "请重启路由器。") == ["路由器"]


def test_match_words__tokens_of_one_word_are_one_match() -> None:
    question = embed("Is embedding fast?", {}, split=["embed", "ding"])
    passage = embed("Embedding takes long.", {"takes": "p", "long": "q"}, split=["Embed", "ding"])
    assert shown(question, passage) == ["Embedding"]


def test_match_words__tokens_that_include_the_space_before_them() -> None:
    question = embed("the gate", {})
    passage = embed("a gate", {})
    spaced = EmbeddedText(passage.text, passage.vectors, [(0, 1), (1, 6)])
    assert shown(question, spaced) == ["gate"]


def test_match_words__at_most_a_few_and_each_once() -> None:
    words = "alpha bravo charlie delta echo foxtrot"
    assert len(matches(f"{words} {words}", words)) == MAX_MATCHES


def test_match_words__unknown_positions_and_empty_texts() -> None:
    passage = embed("The gate opens.", {})
    unknown = EmbeddedText(passage.text, passage.vectors, [])
    empty = EmbeddedText("", np.zeros((0, 512), dtype=np.float32), [])
    for other in (unknown, empty):
        assert shown(other, passage) == []
        assert shown(passage, other) == []


@pytest.mark.parametrize("text", ["[" * 200_000, "a" * 200_000, "a'" * 100_000, "路" * 50_000])
def test_match_words__long_runs_are_bounded(text: str) -> None:
    spans = [(start, start + 1) for start in range(256)]
    long = EmbeddedText(text, np.ones((256, 512), dtype=np.float32), spans)
    assert all(len(match) < 100 for match in shown(embed("a 路 gate", {}), long))
