"""Conflicts: groups of citations that contradict each other, and the sentence that reports them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.prompts import detect_language
from pipeline.types import AnswerLanguage

Groups = tuple[tuple[int, ...], ...]
"""Numbers of the passages that contradict each other, in ascending order."""


def distinct_groups(groups: Iterable[Iterable[int]]) -> Groups:
    """Return the groups in order, without repetitions and without groups that are part of a larger one."""
    sets = {frozenset(group) for group in groups}
    return tuple(sorted(tuple(sorted(group)) for group in sets if len(group) > 1 and not any(group < s for s in sets)))


def format_conflicts(question: str, groups: Sequence[Sequence[int]], language: AnswerLanguage) -> str:
    """Return the sentences that name the contradicting sources, in the language of the answer."""
    chinese = (language or detect_language(question)) == "zh"
    sentences = []
    for group in groups:
        marks = [f"[{n}]" for n in group]
        if chinese:
            sentences.append(f"资料说法不一：{'、'.join(marks[:-1])}与{marks[-1]}。")
        else:
            sentences.append(f"The sources disagree: {', '.join(marks[:-1])} and {marks[-1]}.")
    return ("" if chinese else " ").join(sentences)
