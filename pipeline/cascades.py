"""Parse the names of rerankers and cascades. A cascade is several rerankers in a row, each on fewer candidates.

    cross-encoder:50>llm-listwise:20>3

The number after a method is the number of candidates it reads, best first; without a number it reads all candidates
of the previous stage. A number at the end is the Top-K, the number of passages for the answer. A single method with a
number, `llm-pairwise:10`, is a cascade of one stage. This module imports no reranker, so that the bot, the command line
and the settings can check a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from pipeline.errors import UnknownName
from pipeline.types import RERANKERS

MAX_STAGES = 4
MAX_CANDIDATES = 200
MAX_TOP_K = 20
MAX_NAME_CHARS = 120

_STAGE = re.compile(r"([a-z][a-z0-9-]*)(?:\s*:\s*(\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Stage:
    """One method of a cascade."""

    method: str
    candidates: int | None = None
    """Number of candidates it reads; None: all of the previous stage."""

    def __str__(self) -> str:
        return self.method if self.candidates is None else f"{self.method}:{self.candidates}"


@dataclass(frozen=True, slots=True)
class Cascade:
    """The parsed name of a reranker."""

    stages: tuple[Stage, ...]
    top_k: int | None = None
    """Number of passages for the answer; None: the Top-K of the options."""

    def __str__(self) -> str:
        return ">".join([*map(str, self.stages), *([str(self.top_k)] if self.top_k is not None else [])])


def check_reranker(name: str, known: Collection[str] = RERANKERS) -> str:
    """Return the normalized name of a reranker or cascade; raise `UnknownName` if it is invalid."""
    return str(parse_cascade(name, known))


def parse_cascade(name: str, known: Collection[str] = RERANKERS) -> Cascade:
    """Parse the name of a reranker or cascade; raise `UnknownName` if it is invalid."""
    parts = [part.strip() for part in name.strip().split(">")]
    top_k = None
    if len(parts) > 1 and parts[-1].isascii() and parts[-1].isdigit():
        top_k = int(parts.pop())
    short_name = _truncate(name)
    stages = tuple(_parse_stage(part, short_name, known) for part in parts)
    _check_limits(Cascade(stages, top_k), short_name)
    return Cascade(stages, top_k)


def _parse_stage(part: str, name: str, known: Collection[str]) -> Stage:
    match = _STAGE.fullmatch(part)
    method = match[1] if match else part
    if method not in known:
        choices = ", ".join(sorted(known))
        where = "" if _truncate(part) == name.strip() else f" (in {name!r})"
        raise UnknownName(f"There is no reranker {_truncate(method)!r}{where}; choose one of {choices}.")
    return Stage(method, int(match[2]) if match and match[2] else None)


def _truncate(name: str) -> str:
    return name if len(name) <= MAX_NAME_CHARS else name[:MAX_NAME_CHARS] + "…"


def _check_limits(cascade: Cascade, name: str) -> None:
    example = "for example cross-encoder:50>llm-listwise:20>3"
    if len(cascade.stages) > MAX_STAGES:
        raise UnknownName(
            f"The cascade {name!r} has {len(cascade.stages)} stages; the maximum is {MAX_STAGES}, {example}."
        )
    numbers = [stage.candidates for stage in cascade.stages if stage.candidates is not None]
    if not all(1 <= number <= MAX_CANDIDATES for number in numbers):
        raise UnknownName(f"In {name!r} each stage must read from 1 to {MAX_CANDIDATES} candidates, {example}.")
    if cascade.top_k is not None and not 1 <= cascade.top_k <= MAX_TOP_K:
        raise UnknownName(f"In {name!r} the number at the end is the Top-K, from 1 to {MAX_TOP_K}, {example}.")
    if any(later >= earlier for earlier, later in pairwise(numbers)):
        raise UnknownName(f"In {name!r} each stage must read fewer candidates than the one before, {example}.")
    if cascade.top_k is not None and numbers and cascade.top_k > numbers[-1]:
        raise UnknownName(f"In {name!r} the Top-K exceeds the number of candidates of the last stage, {example}.")
