"""The expected rating of a reply, from the probabilities of the numbers that the model could have written.

A whole number is coarse: of fifty passages ten may get a 7. Zhuang et al., "Beyond Yes and No: Improving Zero-Shot LLM
Rankers via Scoring Fine-Grained Relevance Labels" (NAACL 2024, arXiv 2310.14122), rank by the expected relevance
instead: the sum over the scale of each number times its probability. Liu et al., "G-Eval" (EMNLP 2023, arXiv
2303.16634), weight ratings in the same way. Servers return the likeliest tokens only, so the probabilities are
normalised over the numbers among them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from pipeline.types import ChatReply, TokenLogprobs

MIN_PROBABILITY_MASS = 0.5
"""If the numbers among the likeliest tokens have less probability than this, the token is not the rating."""

_SCORE_FIELD = re.compile(r"\"score\"\s*:\s*\"?(\d{1,2})(?![\d.])")
_PADDING = " \t\n\"':"


def expected_rating(reply: ChatReply, rating: float, highest: int) -> float | None:
    """Compute the expected rating of a reply.

    Args:
        reply: The reply with the log-probabilities of its tokens.
        rating: The rating that the reply contains.
        highest: The top of the scale.

    Returns:
        The expected rating; None if the reply has no log-probabilities that match the rating.
    """
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
    """Return the position of the token that starts with the reply's ending.

    The search runs from the end, because an earlier token may contain a part of a character, and tokens after the
    ending may have no text.
    """
    start = "".join(token.text for token in tokens).rfind(ending)
    if start < 0:
        return None
    position = 0
    for index, token in enumerate(tokens):
        position += len(token.text)
        if position > start:
            return index
    return None


def _probability_by_number(tokens: Sequence[TokenLogprobs], at: int, highest: int) -> dict[int, float]:
    mass: dict[int, float] = {}
    for text, log_probability in tokens[at].alternatives:
        number = text.strip(_PADDING)
        if number.isascii() and number.isdigit() and int(number) <= highest:
            mass[int(number)] = mass.get(int(number), 0.0) + _probability(log_probability)
    # Some tokenizers write 10 as two tokens. The probability of a 0 after the 1 is the share that belongs to the 10.
    if highest == 10 and 1 in mass and tokens[at].text.strip(_PADDING) == "1" and at + 1 < len(tokens):
        share = sum(_probability(logprob) for text, logprob in tokens[at + 1].alternatives if text.startswith("0"))
        tens = mass[1] * min(1.0, share)
        mass[10] = mass.get(10, 0.0) + tens
        mass[1] -= tens
    return mass


def _probability(log_probability: float) -> float:
    return math.exp(min(0.0, log_probability))
