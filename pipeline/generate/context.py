"""Context: the chunks around a passage that a written answer may use as well, within a budget of tokens.

They stand inside the passage that they surround, under its number, so that a citation means the same as without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.errors import Cancelled, LeaseLost
from pipeline.ports import RecallStore
from pipeline.text.passages import build_passage
from pipeline.text.tokens import estimate_tokens
from pipeline.types import Fallback, Neighbour, RankedCandidate

MAX_PART_CHARS = 8000
"""Characters of a chunk that a language model gets to read."""


@dataclass(frozen=True, slots=True)
class ContextPart:
    """A stretch of what stands under one number, and the page it starts on."""

    text: str
    page: int | None


def load_neighbours(
    store: RecallStore, passages: Sequence[RankedCandidate], max_tokens: int
) -> tuple[Sequence[RankedCandidate], tuple[Fallback, ...]]:
    """Load the neighbours of the passages and add those that fit into `max_tokens`.

    Returns:
        The passages with their neighbours. If the store fails, the passages as they are and a fallback.
    """
    try:
        neighbours = store.neighbours([ranked.candidate.chunk_id for ranked in passages])
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - the passages alone are enough to answer from
        reason = f"{type(error).__name__}: {error}"
        return passages, (Fallback("generate", "neighbours", "the passages alone", reason),)
    return add_neighbours(passages, neighbours, max_tokens), ()


def add_neighbours(
    passages: Sequence[RankedCandidate], beside: Mapping[int, Sequence[Neighbour]], max_tokens: int
) -> tuple[RankedCandidate, ...]:
    """Give the passages their neighbours as long as all of it stays within the tokens, the best passage's first.

    No chunk is given twice: what is a passage itself, or a neighbour already given, is left out.
    """
    given = {ranked.candidate.chunk_id for ranked in passages}
    left = max_tokens - sum(estimate_tokens(part.text) for ranked in passages for part in parts_of(ranked))
    extended = []
    for ranked in passages:
        kept: list[Neighbour] = []
        for neighbour in sorted(beside.get(ranked.candidate.chunk_id, ()), key=lambda n: -n.place):
            cost = estimate_tokens(_part(neighbour, ranked).text)
            if neighbour.chunk_id not in given and cost <= left:
                given.add(neighbour.chunk_id)
                left -= cost
                kept.append(neighbour)
        around = tuple(sorted(kept, key=lambda n: n.place))
        extended.append(replace(ranked, candidate=replace(ranked.candidate, neighbours=around)))
    return tuple(extended)


def parts_of(ranked: RankedCandidate) -> Iterator[ContextPart]:
    """Give what stands under a passage's number, in reading order: its neighbours and itself."""
    candidate = ranked.candidate
    yield from (_part(neighbour, ranked) for neighbour in candidate.neighbours if neighbour.place < 0)
    yield ContextPart(candidate.text[:MAX_PART_CHARS], candidate.page)
    yield from (_part(neighbour, ranked) for neighbour in candidate.neighbours if neighbour.place > 0)


def readable(ranked: RankedCandidate) -> str:
    """Write all that a passage says, its title and headings included."""
    candidate = ranked.candidate
    text = "\n\n".join(part.text for part in parts_of(ranked))
    return build_passage(candidate.headings, text, title=candidate.title)


def _part(neighbour: Neighbour, ranked: RankedCandidate) -> ContextPart:
    # A neighbour from another section needs that section's headings to say what it is about.
    headings = neighbour.headings if neighbour.headings != ranked.candidate.headings else ()
    text = build_passage(headings, neighbour.text, gap="\n\n")
    return ContextPart(text[:MAX_PART_CHARS], neighbour.page)
