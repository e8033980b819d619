"""Rankings: read the order in which a language model puts numbered passages, strictly, or not at all.

One rule for all methods and models. A ranking is the JSON object that was asked for, a JSON list, or a chain such as
`[3] > [1] > [2]`, as the whole reply or as the only such line of it; in a chain numbers wear brackets, unless the whole
reply is a bare `3 > 1 > 2`. Numbers anywhere else are prose and mean nothing. Of what is read

- a number that no passage has is dropped,
- of a number that occurs again the first place counts,
- passages that are not named follow behind, in their incoming order,
- and a ranking that names fewer than half of the passages is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.prompts import remove_thinking
from pipeline.rerank.json_reply import json_objects, passage_number

_LABEL = r"(?:(?:final\s+)?rank(?:ing|ed)?(?:\s+(?:order|results?))?|排序(?:结果)?|排名)\s*[:：]\s*"
_LIST_NUMBER = r"(?:\d{1,3}\s*[.)、:：]\s*)?"
# The first number may have lost its brackets or be that of a list; it is no id then, for the ids wear brackets.
_LEADING_NUMBER = r"(?:\d{1,3}\s*(?:[.)、:：]|>)\s*)?"
_SEPARATOR = r"\s*(?:>+|=|,|，|;|、)?\s*"
# What a limit of tokens has cut off: "> [1" may have been to become 12.
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
"""Longer replies are no rankings; a model that cannot stop must not keep the parser busy."""


@dataclass(frozen=True, slots=True)
class RankingReply:
    """The order a model gave: places from 0, each once, best first; those it did not name are not in it."""

    order: tuple[int, ...]
    corrected: bool
    """Whether numbers were dropped or are missing."""


def parse_ranking(text: str, count: int) -> RankingReply | None:
    """Read the order of passages 1 to `count`; None when the reply holds none, or several that differ."""
    said = remove_thinking(text)[:MAX_CHAIN_CHARS]
    # Both kinds, and they must agree: either may be a quotation from a passage that wants to be first.
    found = _from_json(said) + _from_chains(said)
    if len({tuple(numbers) for numbers in found}) != 1:
        return None
    numbers = found[0]
    order = tuple(dict.fromkeys(number - 1 for number in numbers if number is not None and 1 <= number <= count))
    if not order or len(order) * 2 < count:
        return None
    return RankingReply(order, corrected=len(order) != count or len(numbers) != count)


def _from_json(said: str) -> list[list[int | None]]:
    rankings = [value.get("ranking") for value in json_objects(said)]
    if not rankings:
        try:
            rankings = [json.loads(_MARKUP.sub("", said))]
        except (ValueError, RecursionError):
            return []
    return [numbers for ranking in rankings if (numbers := _passage_numbers(ranking))]


def _passage_numbers(ranking: object) -> list[int | None]:
    """Read a list of passage numbers; one that holds anything else, as a list of ratings does, is no ranking."""
    if not isinstance(ranking, Sequence) or isinstance(ranking, str):
        return []
    numbers = [passage_number(item) for item in ranking]
    return [] if None in numbers else numbers


def _from_chains(said: str) -> list[list[int | None]]:
    plain = _MARKUP.sub("", said).strip()
    if _BARE_CHAIN.fullmatch(plain):
        return [[int(number) for number in _NUMBER.findall(plain)]]
    lines = [line.strip() for line in plain.splitlines() if ">" in line]
    chains = [_bracketed_numbers(line) for line in lines if _CHAIN.fullmatch(line)]
    named = [number for chain in chains for number in set(chain)]
    # Lines that share a number are several rankings; else it is one, which may go on over lines.
    several = len(named) > len(set(named))
    return [_bracketed_numbers(plain)] if not several and _CHAIN.fullmatch(plain) else chains


def _bracketed_numbers(chain: str) -> list[int | None]:
    return [int(number) for number in _BRACKETED.findall(chain)]
