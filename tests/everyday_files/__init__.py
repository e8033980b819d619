"""Generated files of everyday kinds, with questions that only one of them answers."""

from __future__ import annotations

from tests.everyday_files import identifiers, questions_and_answers, tables
from tests.everyday_files.blocks import read_data
from tests.everyday_files.facts import EverydayFile


def build_files() -> list[EverydayFile]:
    """Return all files, in a fixed order."""
    texts = (
        EverydayFile(block.kind, block.name, "\n".join(block.lines).encode(), block.questions)
        for block in read_data("texts.txt")
    )
    return [*questions_and_answers.build(), *tables.build(), *identifiers.build(), *texts]
