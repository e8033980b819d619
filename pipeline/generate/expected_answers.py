"""Expected answers: what kind of fact a question asks for, and whether a sentence adds one to the question."""

from __future__ import annotations

import re
from typing import Literal

from pipeline.facts import find_facts, write_in_digits
from pipeline.facts.values import Fact
from pipeline.text.terms import is_content_term, split_terms

ExpectedFact = Literal["money", "number", "time", "name", "place", "reason", ""]

_REASON = re.compile(r"\bwhy\b|\bwarum\b|\bwieso\b|\bweshalb\b|为什么|为何|原因", re.IGNORECASE)
_PRICE = re.compile(
    r"\b(?:how much|what|which).{0,60}\b(?:costs?|pay|paid|prices?|fees?|fares?|rent|charged?)\b"
    r"|\bwas kostet\b|\bwie teuer\b|\bwelche[nr]? (?:preis|gebühr)|\bwie viel kostet\b"
    r"|多少钱|[价票]钱|价格|费用",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\bhow (?:many|much|long|far|old|tall|high|deep|large|big|often|wide|heavy|fast|hot|warm)\b"
    r"|\b(?:what|which) (?:percentage|temperature|number|amount|population|version)\b"
    r"|\bwelche version\b|哪个版本|\bwie (?:viele?|hoch|lange?|weit|alt|oft|groß|schwer|warm)\b"
    r"|多少|几[个次人名座位本台条种届岁张箱]|多[长高大远重深宽]",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\bwhen\b|\b(?:what|which)\s(?:\w+\s)?(?:time|dates?|days?|years?|months?|weeks?|century|decade|hours)\b"
    r"|\b(?:until|since) (?:when|what)\b|\bwann\b|\bwelche\w*\s(?:tag|jahr|monat|datum|uhrzeit|zeitraum)"
    r"|什么时候|何时|几[点时月号日]|[哪几]一?[年天月日]|什么时间|多久|星期几",
    re.IGNORECASE,
)
_NAME = re.compile(r"\bwho(?:m|se)?\b|\bwe[rmn]\b|\bwessen\b|谁|哪位|哪个人", re.IGNORECASE)
_PLACE = re.compile(r"\bwhere\b|\bwo(?:hin|her)?\b|哪里|哪儿|在哪|何处|什么地方", re.IGNORECASE)
_FORMS: tuple[tuple[ExpectedFact, re.Pattern[str]], ...] = (
    ("reason", _REASON),
    ("money", _PRICE),
    ("number", _NUMBER),
    ("time", _TIME),
    ("name", _NAME),
    ("place", _PLACE),
)
"""The first form that matches decides: "how much does it cost" asks for money, not only for a number."""
_YES_NO = re.compile(
    r"\A\W*(?:is|are|was|were|do|does|did|can|could|may|must|has|have|had|will|would|should|ist|sind|war|hat|haben|darf"
    r"|dürfen|kann|können|muss|gibt)\b|吗\W*\Z|是否|是不是|能不能|可不可以",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"[$\u20ac\u00a3\u00a5\uffe5]|\b(?:euros?|cents?|dollars?|pounds?|francs?|yen|bucks|kuna|EUR|USD|GBP|CHF|free)\b|[元块角分]|免费",
    re.IGNORECASE,
)
_TIME_WORD = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)s?"
    r"|january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn"
    r"|winter|morning|afternoon|evening|night|noon|midnight|century|centuries|daily|weekends?|easter|christmas"
    r"|januar|februar|märz|mai|juni|juli|oktober|dezember|today|tomorrow)\b"
    r"|[周星][期一二三四五六日天]|世纪|[年月日天朝代]|时期|小时|早上|晚上|上午|下午",
    re.IGNORECASE,
)
_CLOCK_OR_YEAR = re.compile(r"\d{1,2}:\d{2}.*|(?:1\d|20)\d\d|.*[点时時ap]\.?m?.*", re.IGNORECASE)
_CAPITALISED = re.compile(r"\b[A-Z\u00c0-\u00de][\w'\u2019-]+")


def expected_fact(question: str) -> ExpectedFact:
    """Return what a question asks for; empty if it is not clear."""
    return next((kind for kind, form in _FORMS if form.search(question)), "")


def is_yes_no_question(question: str) -> bool:
    """Return True for a question that a repetition of its own words answers."""
    return bool(_YES_NO.search(question))


def adds_fact(expected: ExpectedFact, question: str, text: str) -> bool:
    """Return True if a text states a fact of the expected kind that the question does not state."""
    if expected == "name":
        known = frozenset(split_terms(question))
        names = (next(split_terms(name), "") for name in _CAPITALISED.findall(text))
        return any(name not in known and is_content_term(name) for name in names)
    if expected == "money" and _MONEY.search(text) and not _MONEY.search(question):
        return True
    if expected not in ("money", "number", "time"):
        return False
    if expected == "money" and _TIME_WORD.search(text):
        return False  # the numbers are probably dates
    asked = find_facts(write_in_digits(question))
    new = [fact for fact in find_facts(write_in_digits(text)) if not any(fact.matches(other) for other in asked)]
    if expected != "time":
        return bool(new)
    return any(_is_time(fact) for fact in new) or not _time_words(text) <= _time_words(question)


def _is_time(fact: Fact) -> bool:
    return fact.is_date or bool(_CLOCK_OR_YEAR.fullmatch(fact.text))


def _time_words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _TIME_WORD.findall(text))
