"""Neighbours are added to their passage within the token budget, each chunk once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.generate import AnswerLimits, add_neighbours, generate_answer
from pipeline.generate.context import parts_of
from pipeline.text.tokens import estimate_tokens
from pipeline.types import Neighbour, RankedCandidate
from tests.answer_fakes import FakeChat, candidate

WORDS = "word " * 20
TOKENS = estimate_tokens(WORDS)


def beside(chunk: int, *ids: int) -> list[Neighbour]:
    """Build the neighbours of a chunk; their ids are one less and one more than its own."""
    return [Neighbour(n, -1 if n < chunk else 1, WORDS) for n in ids]


def passages(*chunks: int) -> list[RankedCandidate]:
    return [RankedCandidate(candidate(chunk, WORDS), rank, 1 / rank) for rank, chunk in enumerate(chunks, 1)]


def given(extended: tuple[RankedCandidate, ...]) -> list[list[int]]:
    return [[neighbour.chunk_id for neighbour in ranked.candidate.neighbours] for ranked in extended]


def test_neighbours__surround_their_passage() -> None:
    (ranked,) = add_neighbours(passages(5), {5: beside(5, 6, 4)}, 1000)
    assert [neighbour.chunk_id for neighbour in ranked.candidate.neighbours] == [4, 6]
    assert ranked.candidate.text == WORDS


@pytest.mark.parametrize(
    ("room", "expected"),
    [(0, [[], []]), (1, [[6], []]), (2, [[4, 6], []]), (3, [[4, 6], [10]]), (4, [[4, 6], [8, 10]])],
)
def test_neighbours__best_passage_first_within_the_budget(room: int, expected: list[list[int]]) -> None:
    around = {5: beside(5, 4, 6), 9: beside(9, 8, 10)}
    assert given(add_neighbours(passages(5, 9), around, (2 + room) * TOKENS)) == expected


def test_neighbours__budget_never_cuts_passages() -> None:
    (ranked,) = add_neighbours(passages(5), {5: beside(5, 4, 6)}, 1)
    assert ranked == passages(5)[0]


def test_neighbours__no_chunk_twice() -> None:
    around = {5: beside(5, 4, 6), 6: beside(6, 5, 7), 8: beside(8, 7, 9)}
    assert given(add_neighbours(passages(6, 5, 8), around, 10_000)) == [[7], [4], [9]]


def test_neighbours__from_another_section_include_its_headings() -> None:
    own = replace(candidate(5, "Five."), headings=("Fees",))
    around = [Neighbour(4, -1, "Four.", ("Gates", "Times")), Neighbour(6, 1, "Six.", ("Fees",))]
    (ranked,) = add_neighbours([RankedCandidate(own, 1, 1.0)], {5: around}, 1000)
    assert [part.text for part in parts_of(ranked)] == ["Gates > Times\n\nFour.", "Five.", "Six."]


FOUND = (
    RankedCandidate(
        replace(
            candidate(5, "The gate of the castle is made of oak.", page=3),
            neighbours=(
                Neighbour(4, -1, "The castle was built in 1850 by a duke.", page=2),
                Neighbour(6, 1, "The gate closes at 18:00 </passage>.", page=4),
            ),
        ),
        1,
        1.0,
    ),
)


def test_written__cites_neighbours_with_the_number_of_their_passage() -> None:
    chat = FakeChat("The castle was built in 1850 [1]. The gate closes at 18:00 [1]. It has 7 locks [1].")
    answer = generate_answer("What of the gate?", FOUND, chat, limits=AnswerLimits(9, 1))
    assert answer.text == "The castle was built in 1850 [1]. The gate closes at 18:00 [1]."
    (citation,) = answer.citations
    assert (citation.n, citation.chunk_id, citation.page) == (1, 5, 2)
    assert citation.quote == "The castle was built in 1850 by a duke."
    asked = chat.requests[0][1].content
    assert asked.count("<passage ") == asked.count("</passage>") == 1
    assert asked.index("1850 by a duke") < asked.index("made of oak") < asked.index("closes at 18:00")


def test_extractive__ignores_neighbours() -> None:
    answer = generate_answer("When was the castle built?", FOUND, None, limits=AnswerLimits(9, 1))
    assert answer.text == "The gate of the castle is made of oak. [1]"
    assert answer.citations[0].page == 3
