"""Context: the neighbours of a passage that a written answer may use as well, within a token budget.

They are part of the passage and share its number, so that citations mean the same as without them.
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
"""Maximum characters of a chunk in a prompt."""


@dataclass(frozen=True, slots=True)
class ContextPart:
    """A part of a numbered passage, and the page on which it starts."""

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
    passages: Sequence[RankedCandidate], neighbours: Mapping[int, Sequence[Neighbour]], max_tokens: int
) -> tuple[RankedCandidate, ...]:
    """Add neighbours to the passages, the best passage first, up to `max_tokens` for all parts together.

    No chunk is used twice: a chunk that is a passage, or already a neighbour of one, is skipped.
    """
    used = {ranked.candidate.chunk_id for ranked in passages}
    left = max_tokens - sum(estimate_tokens(part.text) for ranked in passages for part in parts_of(ranked))
    extended = []
    for ranked in passages:
        kept: list[Neighbour] = []
        for neighbour in sorted(neighbours.get(ranked.candidate.chunk_id, ()), key=lambda n: -n.place):
            cost = estimate_tokens(_part(neighbour, ranked).text)
            if neighbour.chunk_id not in used and cost <= left:
                used.add(neighbour.chunk_id)
                left -= cost
                kept.append(neighbour)
        around = tuple(sorted(kept, key=lambda n: n.place))
        extended.append(replace(ranked, candidate=replace(ranked.candidate, neighbours=around)))
    return tuple(extended)


def parts_of(ranked: RankedCandidate) -> Iterator[ContextPart]:
    """Yield the parts of a passage in reading order: its neighbours and its own text."""
    candidate = ranked.candidate
    yield from (_part(neighbour, ranked) for neighbour in candidate.neighbours if neighbour.place < 0)
    yield ContextPart(candidate.text[:MAX_PART_CHARS], candidate.page)
    yield from (_part(neighbour, ranked) for neighbour in candidate.neighbours if neighbour.place > 0)


def readable(ranked: RankedCandidate) -> str:
    """Return the complete text of a passage, with its title and headings."""
    candidate = ranked.candidate
    text = "\n\n".join(part.text for part in parts_of(ranked))
    return build_passage(candidate.headings, text, title=candidate.title, with_targets=True)


def _part(neighbour: Neighbour, ranked: RankedCandidate) -> ContextPart:
    # A neighbour from another section is hard to understand without the headings of that section.
    headings = neighbour.headings if neighbour.headings != ranked.candidate.headings else ()
    text = build_passage(headings, neighbour.text, gap="\n\n", with_targets=True)
    return ContextPart(text[:MAX_PART_CHARS], neighbour.page)
