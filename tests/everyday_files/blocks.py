"""Read the files of test data in this folder.

A block starts with `=== kind name title` and ends with its questions: `??? question => fact | other fact !! wrong`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.everyday_files.facts import FactQuestion

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DataBlock:
    """A block of test data: a file, or what it is made of."""

    kind: str
    name: str
    title: str
    lines: tuple[str, ...]
    questions: tuple[FactQuestion, ...]


def read_data(name: str) -> Iterator[DataBlock]:
    """Yield the blocks of a file."""
    for block in (FOLDER / name).read_text(encoding="utf-8").removeprefix("=== ").split("\n=== "):
        head, *lines = block.rstrip("\n").split("\n")
        kind, file_name, *title = head.split(" ", 2)
        questions = tuple(_read_question(line) for line in lines if line.startswith("??? "))
        content = tuple(line for line in lines if not line.startswith("??? "))
        yield DataBlock(kind, file_name, "".join(title), content, questions)


def _read_question(line: str) -> FactQuestion:
    text, _, values = line.removeprefix("??? ").partition(" => ")
    facts, _, wrong = values.partition(" !! ")
    return FactQuestion(text, _split(facts), _split(wrong))


def _split(values: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in values.split(" | ") if value.strip())
