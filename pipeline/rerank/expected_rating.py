"""Expected ratings: what a model would say on average, from the probabilities of the numbers it could have written.

A whole number is coarse: of fifty passages ten may get a 7. Zhuang et al., "Beyond Yes and No: Improving Zero-Shot LLM
Rankers via Scoring Fine-Grained Relevance Labels" (NAACL 2024, arXiv 2310.14122), rank by the expected relevance
instead, the sum over the scale of each number times its probability, and Liu et al., "G-Eval" (EMNLP 2023, arXiv
2303.16634), weight the ratings of a judge in the same way. Servers give the likeliest tokens only, so the probabilities
are taken relative to the numbers among them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from pipeline.types import ChatReply, TokenLogprobs

MIN_PROBABILITY_MASS = 0.5
"""Where the numbers among the likeliest tokens weigh less than this together, the place is not that of the rating."""

_SCORE_FIELD = re.compile(r"\"score\"\s*:\s*\"?(\d{1,2})(?![\d.])")
_PADDING = " \t\n\"':"


def expected_rating(reply: ChatReply, rating: float, highest: int) -> float | None:
    """Compute the expected rating of a reply that says `rating`; None where there are no probabilities that fit it."""
    written = list(_SCORE_FIELD.finditer(reply.text))
    if not reply.tokens or not written or int(written[-1][1]) != rating:
        return None
    at = _token_at(reply.tokens, reply.text[written[-1].start(1) :].rstrip())
    if at is None:
        return None
    mass = _probability_by_number(reply.tokens, at, highest)
    total = sum(mass.values())
    if total < MIN_PROBABILITY_MASS:
        return None
    return sum(number * weight for number, weight in mass.items()) / total


def _token_at(tokens: Sequence[TokenLogprobs], ending: str) -> int | None:
    """Find the token with which the reply's ending begins.

    Searched from the end: before it a token may hold half a character, and behind it come tokens that no text shows.
    """
    start = "".join(token.text for token in tokens).rfind(ending)
    if start < 0:
        return None
    position = 0
    for place, token in enumerate(tokens):
        position += len(token.text)
        if position > start:
            return place
    return None


def _probability_by_number(tokens: Sequence[TokenLogprobs], at: int, highest: int) -> dict[int, float]:
    mass: dict[int, float] = {}
    for text, log_probability in tokens[at].alternatives:
        number = text.strip(_PADDING)
        if number.isascii() and number.isdigit() and int(number) <= highest:
            mass[int(number)] = mass.get(int(number), 0.0) + _probability(log_probability)
    # Some tokenizers write 10 as two tokens: what follows the 1 tells how much of its weight belongs to the 10.
    if highest == 10 and 1 in mass and tokens[at].text.strip(_PADDING) == "1" and at + 1 < len(tokens):
        share = sum(_probability(odds) for text, odds in tokens[at + 1].alternatives if text.startswith("0"))
        tens = mass[1] * min(1.0, share)
        mass[10] = mass.get(10, 0.0) + tens
        mass[1] -= tens
    return mass


def _probability(log_probability: float) -> float:
    return math.exp(min(0.0, log_probability))
