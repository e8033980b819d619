"""Read a language model's reasons for the ranks of passages. A reason in any other form is left out."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.rerank.json_reply import json_objects, passage_number
from pipeline.text.reasoning import remove_reasoning

TOKENS_PER_REASON = 40
"""Completion tokens of one reason with the number of its passage."""


def parse_reasons(text: str, count: int) -> dict[int, str]:
    """Return the reasons in a reply by the index of their passage, from 0; of repeated numbers the first counts.

    Args:
        text: The reply.
        count: Number of passages in the prompt, which are numbered from 1.
    """
    reasons: dict[int, str] = {}
    for value in json_objects(remove_reasoning(text)):
        entries = value.get("reasons")
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, Mapping):
                continue
            number, reason = passage_number(entry.get("id")), entry.get("reason")
            if number is not None and 1 <= number <= count and isinstance(reason, str) and reason.strip():
                reasons.setdefault(number - 1, reason)
    return reasons
