"""Read the order in which a language model ranks numbered passages. A reply in any other form is unusable.

The same rules apply to all models. A ranking is the requested JSON object, a JSON list, or a chain such as
`[3] > [1] > [2]`, as the whole reply or as its only line of that form. The numbers of a chain are in brackets, unless
the whole reply is `3 > 1 > 2`. Other numbers are prose and are ignored. Of the numbers in a ranking

- those that no passage has are dropped,
- of a repeated number the first position counts,
- passages that are not named follow after the others, in their incoming order,
- and a ranking that names fewer than half of the passages is unusable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.rerank.json_reply import json_objects, passage_number
from pipeline.rerank.reasons_reply import parse_reasons
from pipeline.text.reasoning import remove_reasoning

_LABEL = r"(?:(?:final\s+)?rank(?:ing|ed)?(?:\s+(?:order|results?))?|排序(?:结果)?|排名)\s*[:：]\s*"
_LIST_NUMBER = r"(?:\d{1,3}\s*[.)、:：]\s*)?"
# A leading number without brackets, for example of a list, is not the number of a passage.
_LEADING_NUMBER = r"(?:\d{1,3}\s*(?:[.)、:：]|>)\s*)?"
_SEPARATOR = r"\s*(?:>+|=|,|，|;|、)?\s*"
# The end of a reply that the token limit cut off: "> [1" may be the start of 12.
_TRUNCATED_END = r"\s*>?\s*(?:\d{1,3}\s*[.)]?\s*)?(?:\[\d{0,3})?\s*\.?"
_CHAIN = re.compile(
    rf"(?:{_LABEL})?{_LEADING_NUMBER}\[\d{{1,3}}\](?:{_SEPARATOR}{_LIST_NUMBER}\[\d{{1,3}}\])*{_TRUNCATED_END}",
    re.IGNORECASE,
)
_BARE_CHAIN = re.compile(rf"(?:{_LABEL})?\d{{1,3}}(?:\s*[>,，]\s*\d{{1,3}})+\s*>?\s*\.?", re.IGNORECASE)
_BRACKETED = re.compile(r"\[(\d{1,3})\]")
_NUMBER = re.compile(r"\d{1,3}")
_MARKUP = re.compile(r"```(?:\w+)?|[*`_]")
MAX_CHAIN_CHARS = 20_000
"""Characters of a reply that are parsed; no ranking is longer."""


@dataclass(frozen=True, slots=True)
class RankingReply:
    """The order in a reply: indexes of passages from 0, each once, best first, without those that it does not name."""

    order: tuple[int, ...]
    corrected: bool
    """Whether numbers were dropped or are missing."""
    reasons: Mapping[int, str] = field(default_factory=dict)
    """Reasons for some of the passages, by the same indexes."""


def parse_ranking(text: str, count: int) -> RankingReply | None:
    """Read the order of passages 1 to `count`; None if the reply contains none, or several that differ."""
    reply = remove_reasoning(text)[:MAX_CHAIN_CHARS]
    # Rankings of both forms must agree, because either may be quoted from a passage that manipulates the ranking.
    rankings = _from_json(reply) + _from_chains(reply)
    if len({tuple(numbers) for numbers in rankings}) != 1:
        return None
    numbers = rankings[0]
    order = tuple(dict.fromkeys(number - 1 for number in numbers if number is not None and 1 <= number <= count))
    if not order or len(order) * 2 < count:
        return None
    return RankingReply(order, len(order) != count or len(numbers) != count, parse_reasons(reply, count))


def _from_json(reply: str) -> list[list[int | None]]:
    rankings = [value.get("ranking") for value in json_objects(reply)]
    if not rankings:
        try:
            rankings = [json.loads(_MARKUP.sub("", reply))]
        except (ValueError, RecursionError):
            return []
    return [numbers for ranking in rankings if (numbers := _passage_numbers(ranking))]


def _passage_numbers(ranking: object) -> list[int | None]:
    """Read a list of passage numbers; empty if it contains anything else, as a list of ratings does."""
    if not isinstance(ranking, Sequence) or isinstance(ranking, str):
        return []
    numbers = [passage_number(item) for item in ranking]
    return [] if None in numbers else numbers


def _from_chains(reply: str) -> list[list[int | None]]:
    plain = _MARKUP.sub("", reply).strip()
    if _BARE_CHAIN.fullmatch(plain):
        return [[int(number) for number in _NUMBER.findall(plain)]]
    lines = [line.strip() for line in plain.splitlines() if ">" in line]
    chains = [_bracketed_numbers(line) for line in lines if _CHAIN.fullmatch(line)]
    named = [number for chain in chains for number in set(chain)]
    # Lines that share a number are several rankings; otherwise it is one ranking, possibly on several lines.
    several = len(named) > len(set(named))
    return [_bracketed_numbers(plain)] if not several and _CHAIN.fullmatch(plain) else chains


def _bracketed_numbers(chain: str) -> list[int | None]:
    return [int(number) for number in _BRACKETED.findall(chain)]
