"""Terms: the one way in which text becomes keywords, for recall and for comparing an answer with its passages.

Words are lower-cased after Unicode normalisation and, in Latin script, stemmed. Scripts written without spaces
(Chinese, Japanese, Korean, Thai …) give every character and every pair of neighbours: pairs find words, single
characters find what a pair misses, and BM25's idf makes the common ones weigh next to nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

import snowballstemmer

from pipeline.text.scripts import SPACELESS

# Accents and vowel signs, which belong to the word they stand on.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957"
# A word ends before 's, n't and the like: the clipped part carries nothing.
_TOKEN = re.compile(
    rf"(?P<spaceless>[{SPACELESS}]+)"
    rf"|(?P<word>(?:[^\W_{SPACELESS}]|[{_MARKS}])+)(?:['\u2019](?:s|t|re|ve|ll|d|m)(?!\w))?"
)
_CLIPPED_NOT = re.compile(r"\b(?P<verb>\w{2,6}?)n(?:(?<=\bcan)no|['\u2019])t\b", re.IGNORECASE)
_WHOLE_VERBS = {"ca": "can", "wo": "will", "sha": "shall"}
_SPACELESS_CHAR = re.compile(f"[{SPACELESS}]")
SHORT_QUESTION_PAIRS = 4
"""Up to this many pairs of characters a question counts as short."""
# Latin script without digits: what an English stemmer can be trusted with.
_STEMMABLE = re.compile("[a-z\u00df-\u024f]{3,}")
_STEMMER = snowballstemmer.stemmer("english")

# The closed word classes of English (articles, pronouns, auxiliaries, prepositions, conjunctions, question words): they
# build a question but say nothing of its subject. Chinese counterparts are pairs that only ask.
_ENGLISH = (
    "a about after all also am an and any are as at be because been before being between both but by can could "
    "did do does doing don during each for from further had has have having he her here hers him his how i if in "
    "into is it its just let me might more most must my no nor not of off on once only or other our ours out over "
    "own please same shall she should so some such tell than that the their theirs them then there these they "
    "this those through to too under until up upon us very was we were what when where whether which while who "
    "whom whose why will with within without would you your yours"
)
_CHINESE = (
    "什么 怎么 如何 哪些 哪个 哪里 哪儿 为何 为什 多少 是谁 是否 请问 可以 一个 这个 那个 我们 你们 他们 几个 么样 "
    "怎样 多久"
)
_ASKING_CHARACTERS = frozenset("的了吗呢吧么是与谁哪那这我你他她它们")


def split_terms(text: str) -> Iterator[str]:
    """Yield the terms of a text in reading order, repeats included."""
    folded = text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    for match in _TOKEN.finditer(folded):
        word = match["word"]
        if word is not None:
            yield _stem(word)
            continue
        run = match["spaceless"]
        yield from run
        for left, right in pairwise(run):
            yield left + right


def expand_negations(text: str) -> str:
    """Write "can't" and "cannot" as "can not", "doesn't" as "does not": terms leave out what is clipped."""
    return _CLIPPED_NOT.sub(lambda match: f"{_WHOLE_VERBS.get(match['verb'].lower(), match['verb'])} not", text)


def content_terms(text: str) -> frozenset[str]:
    """Give the distinct terms that say what a text is about: no function words, no single spaceless characters.

    A lone character stays when nothing else is left, so that a question of one character still asks for something.
    """
    terms = frozenset(split_terms(text))
    weighty = frozenset(term for term in terms if is_content_term(term))
    return weighty or terms


def search_terms(text: str) -> frozenset[str]:
    """Give the distinct terms that a question is searched by: its content terms, and single characters where they help.

    A character that stands in no content pair is searched by itself. A short question is searched by all of its single
    characters, because its few pairs may be written otherwise in the passage; a long one has pairs enough, and single
    characters are so frequent that they would take most of the time.
    """
    terms = content_terms(text)
    pairs = {term for term in terms if len(term) == 2 and _SPACELESS_CHAR.match(term)}
    covered = set() if len(pairs) <= SHORT_QUESTION_PAIRS else set("".join(pairs))
    singles = (term for term in split_terms(text) if len(term) == 1 and _SPACELESS_CHAR.match(term))
    return terms.union(single for single in singles if single not in covered and single not in _ASKING_CHARACTERS)


def reading_share(text: str, units: Sequence[tuple[int, int]]) -> float:
    """Tell which share of a text's letters a model reads, 0..1, given the units of its vocabulary found in the text.

    A letter is read where its unit is a whole word or several letters of one. A model spells the words of languages
    that it was not made for letter by letter, or byte by byte, and that tells it no more than the token for unknown
    words. A Chinese character is a word. A text without letters counts as read.
    """
    letters = [place for place, character in enumerate(text) if unicodedata.category(character)[0] == "L"]
    if not letters:
        return 1.0
    times_covered = Counter(place for start, end in units for place in range(start, end))
    read: set[int] = set()
    for start, end in units:
        # Bytes of one character come as several units in one place.
        if _is_known_unit(text, start, end) and (end - start > 1 or times_covered[start] == 1):
            read.update(range(start, end))
    return sum(place in read for place in letters) / len(letters)


def term_overlap(wanted: frozenset[str], text: str) -> float:
    """Tell which share of the wanted terms a text holds, 0..1."""
    if not wanted:
        return 0.0
    return len(wanted.intersection(split_terms(text))) / len(wanted)


def count_terms(text: str) -> Counter[int]:
    """Count the terms of a text by their ids."""
    counts = Counter(split_terms(text))
    ids: Counter[int] = Counter()
    for term, frequency in counts.items():
        ids[term_id(term)] += frequency
    return ids


@lru_cache(maxsize=200_000)
def term_id(term: str) -> int:
    """Hash a term to 31 bits, so that it fits PostgreSQL's signed integer; the same on every machine, for ever."""
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFF_FFFF


@lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    return str(_STEMMER.stemWord(word)) if _STEMMABLE.fullmatch(word) else word


def _is_known_unit(text: str, start: int, end: int) -> bool:
    """Tell whether a unit says something: several letters, a Chinese character, or a word of one letter."""
    inside = [place for place in range(start, end) if unicodedata.category(text[place])[0] in "LM"]
    letters = [place for place in inside if unicodedata.category(text[place])[0] == "L"]
    if len(letters) != 1:
        return len(letters) > 1
    script = _script(text[letters[0]])
    beside = text[inside[0] - 1 : inside[0]] + text[inside[-1] + 1 : inside[-1] + 2]
    return script == "CJK" or all(_script(neighbour) != script for neighbour in beside)


def _script(character: str) -> str:
    """Name the script of a letter or of a mark on one; empty for anything else."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    return re.split("[ -]", unicodedata.name(character, ""))[0]


def is_content_term(term: str) -> bool:
    """Tell whether a term says what a text is about: it is no function word and no single spaceless character."""
    if term in _FUNCTION_TERMS:
        return False
    if _SPACELESS_CHAR.match(term):
        return len(term) > 1 and not (term[0] in _ASKING_CHARACTERS or term[1] in _ASKING_CHARACTERS)
    return True


_FUNCTION_WORDS = frozenset(f"{_ENGLISH} {_CHINESE}".split())
_FUNCTION_TERMS = _FUNCTION_WORDS | {_stem(word) for word in _FUNCTION_WORDS}
