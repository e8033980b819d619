"""Terms: the keywords of a text, for recall and for comparing an answer with its passages.

Words are lower-cased after Unicode normalisation and stemmed: for recall by the stemmer of their text's language, to
compare texts by the English one, which leaves words in other scripts unchanged. Scripts written without spaces
(Chinese, Japanese, Korean, Thai …) yield every character and every pair of adjacent characters. Pairs match words,
single characters match what pairs miss, and the inverse document frequency of BM25 gives common ones little weight.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

from pipeline.text.scripts import SPACELESS
from pipeline.text.stemming import ENGLISH, Stem, load_stemmer

# Combining accents and vowel signs, which are part of a word.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957"
# A word ends before 's, 't and similar endings, which carry no meaning.
_TOKEN = re.compile(
    rf"(?P<spaceless>[{SPACELESS}]+)"
    rf"|(?P<word>(?:[^\W_{SPACELESS}]|[{_MARKS}])+)(?:['\u2019](?:s|t|re|ve|ll|d|m)(?!\w))?"
)
# The words of folded ASCII text by the same rule; twice as fast.
_ASCII_WORD = re.compile(r"([a-z0-9]+)(?:'(?:s|t|re|ve|ll|d|m)(?!\w))?")
_CLIPPED_NOT = re.compile(r"\b(?P<verb>\w{2,6}?)n(?:(?<=\bcan)no|['\u2019])t\b", re.IGNORECASE)
_WHOLE_VERBS = {"ca": "can", "wo": "will", "sha": "shall"}
_SPACELESS_CHAR = re.compile(f"[{SPACELESS}]")
SCRIPT_SAMPLE = 300
"""Number of characters of a text that are read to find its script."""
SHORT_QUESTION_PAIRS = 4
"""Maximum pairs of characters in a question that counts as short."""
_stem = load_stemmer(ENGLISH)

# Function words of English: articles, pronouns, auxiliaries, prepositions, conjunctions and question words. The Chinese
# counterparts are pairs of characters.
_ENGLISH = (
    "a about after all also am an and any are as at be because been before being between both but by can could "
    "did do does doing don during each for from further had has have having he her here hers him his how i if in "
    "into is it its just let me might more most must my no nor not of off on once only or other our ours out over "
    "own please same shall she should so some such tell than that the their theirs them then there these they "
    "this those through to too under until up upon us very was we were what when where whether which while who "
    "whom whose why will with within without would you your yours"
)
_GERMAN = (
    "ab aber alle als am an auch auf aus bei beim bin bis da dann das dass dein dem den der deren des die dies diese "
    "diesem diesen dieser dieses doch du durch ein eine einem einen einer eines er es für gegen gibt hat haben hatte "
    "ich ihr ihre ihrem ihren ihrer im in ist ja kann kein keine können man mein mit muss müssen nach nicht noch "
    "nur ob oder ohne sein seine sich sie sind so soll sollen um und uns unser vom von vor wann war waren warum was "
    "welche welchem welchen welcher welches wem wen wenn wer werden wessen wie wieso wird wo woher wohin wurde "
    "wurden zu zum zur zwischen über"
)
_CHINESE = (
    "什么 怎么 如何 哪些 哪个 哪里 哪儿 为何 为什 多少 是谁 是否 请问 可以 一个 这个 那个 我们 你们 他们 几个 么样 "
    "怎样 多久"
)
_FUNCTION_CHARACTERS = frozenset("的了吗呢吧么是与谁哪那这我你他她它们")


def split_terms(text: str, language: str = ENGLISH) -> Iterator[str]:
    """Yield the terms of a text in reading order, repeats included.

    Args:
        text: The text.
        language: ISO 639 code of the language whose stemmer is used; English if it has none.
    """
    yield from _split(text, load_stemmer(language))


def _split(text: str, stem: Stem) -> Iterator[str]:
    if text.isascii():
        yield from map(stem, _ASCII_WORD.findall(text.casefold()))
        return
    folded = unicodedata.normalize("NFKC", text).casefold()
    for match in _TOKEN.finditer(folded):
        word = match["word"]
        if word is not None:
            yield stem(word)
            continue
        run = match["spaceless"]
        yield from run
        for left, right in pairwise(run):
            yield left + right


def find_words(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield start and end of each word of a text, and whether it is a run of a script without spaces."""
    for match in _TOKEN.finditer(text):
        run = match["word"] is None
        yield *match.span("spaceless" if run else "word"), run


def expand_negations(text: str) -> str:
    """Replace "can't" and "cannot" with "can not", "doesn't" with "does not"; terms drop the shortened ending."""
    return _CLIPPED_NOT.sub(lambda match: f"{_WHOLE_VERBS.get(match['verb'].lower(), match['verb'])} not", text)


def content_terms(text: str) -> frozenset[str]:
    """Return the distinct content terms of a text, without function words and single spaceless characters.

    If nothing else is left, all terms are returned, so that a question of one character can be searched. German
    function words are left out of German texts only, because "die" and "war" are content in English.
    """
    terms = frozenset(split_terms(text))
    content = frozenset(term for term in terms if is_content_term(term))
    if is_german(terms):
        content -= _GERMAN_TERMS
    return content or terms


def is_german(terms: frozenset[str]) -> bool:
    """Return whether the terms of a text contain two German function words, and more of them than English ones."""
    german = len(terms & _GERMAN_TERMS)
    return german > 1 and german > len(terms & _FUNCTION_TERMS)


def is_english(text: str) -> bool:
    """Return whether a fifth of the words of a longer text are English function words; in prose it is about 40 %."""
    terms = list(split_terms(text))
    return sum(term in _ENGLISH_TERMS for term in terms) * 5 > len(terms)


def search_terms(text: str) -> frozenset[str]:
    """Return the distinct terms that a question is searched by: its content terms and some single characters.

    A character that is in no content pair is added by itself. A short question is searched by all of its characters,
    because its few pairs may be written differently in the passage. A long question has enough pairs, and single
    characters are so frequent that they would take most of the query time.
    """
    terms = content_terms(text)
    pairs = {term for term in terms if len(term) == 2 and _SPACELESS_CHAR.match(term)}
    covered = set() if len(pairs) <= SHORT_QUESTION_PAIRS else set("".join(pairs))
    singles = (term for term in split_terms(text) if len(term) == 1 and _SPACELESS_CHAR.match(term))
    return terms.union(single for single in singles if single not in covered and single not in _FUNCTION_CHARACTERS)


def search_forms(text: str, languages: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Return the forms of each term that a question is searched by: its English stem and those of other languages.

    English stems find words that documents in different languages have in common, chunks whose language was not clear,
    and those that were stored before languages had stemmers.

    Args:
        text: The question.
        languages: ISO 639 codes of the languages that the question may be in.
    """
    forms = {term: {term} for term in search_terms(text)}
    stemmers = [load_stemmer(language) for language in languages]
    for word in _split(text, str):
        if (term := _stem(word)) in forms:
            forms[term].update(stem(word) for stem in stemmers)
    return tuple(map(frozenset, forms.values()))


def single_characters(text: str) -> frozenset[str]:
    """Return the spaceless characters of a text, without function characters."""
    return frozenset(_SPACELESS_CHAR.findall(text)) - _FUNCTION_CHARACTERS


def reading_share(text: str, units: Sequence[tuple[int, int]]) -> float:
    """Return the share of a text's letters, 0 to 1, that a model reads as words or parts of words.

    A letter counts if its unit is a whole word or several letters of one. Tokenizers split the words of languages that
    the model was not trained on into single letters or bytes, which carry no more information than the token for
    unknown words. A Chinese character is a word. A text without letters has the share 1.

    Args:
        text: The text.
        units: Start and end of every unit of the model's vocabulary in the text.
    """
    letters = [place for place, character in enumerate(text) if unicodedata.category(character)[0] == "L"]
    if not letters:
        return 1.0
    times_covered = Counter(place for start, end in units for place in range(start, end))
    read: set[int] = set()
    for start, end in units:
        # Bytes of one character are several units at one position.
        if _is_known_unit(text, start, end) and (end - start > 1 or times_covered[start] == 1):
            read.update(range(start, end))
    return sum(place in read for place in letters) / len(letters)


def term_overlap(terms: frozenset[str], text: str) -> float:
    """Return the share of the terms that a text contains, 0 to 1."""
    if not terms:
        return 0.0
    return len(terms.intersection(split_terms(text))) / len(terms)


def count_terms(text: str, language: str = ENGLISH) -> Counter[int]:
    """Count the terms of a text in a language by their IDs."""
    counts = Counter(split_terms(text, language))
    ids: Counter[int] = Counter()
    for term, frequency in counts.items():
        ids[term_id(term)] += frequency
    return ids


@lru_cache(maxsize=200_000)
def term_id(term: str) -> int:
    """Hash a term to 31 bits, which fit PostgreSQL's signed integer. Stored postings depend on this hash."""
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFF_FFFF


def _is_known_unit(text: str, start: int, end: int) -> bool:
    """Return whether a unit has several letters, or is a Chinese character or a word of one letter."""
    inside = [place for place in range(start, end) if unicodedata.category(text[place])[0] in "LM"]
    letters = [place for place in inside if unicodedata.category(text[place])[0] == "L"]
    if len(letters) != 1:
        return len(letters) > 1
    script = _script(text[letters[0]])
    adjacent = text[inside[0] - 1 : inside[0]] + text[inside[-1] + 1 : inside[-1] + 2]
    return script == "CJK" or all(_script(neighbour) != script for neighbour in adjacent)


def _script(character: str) -> str:
    """Return the script of a letter or combining mark, for example `LATIN`; empty for other characters."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    return re.split("[ -]", unicodedata.name(character, ""))[0]


_KANA = frozenset({"HIRAGANA", "KATAKANA"})


def main_script(text: str) -> str:
    """Return the most frequent script of the first letters of a text, for example `LATIN`; empty without letters.

    Kana count as `CJK`, because Japanese questions consist mainly of kana and Japanese passages often of Chinese
    characters.
    """
    scripts = Counter("CJK" if script in _KANA else script for script in map(_script, text[:SCRIPT_SAMPLE]) if script)
    return scripts.most_common(1)[0][0] if scripts else ""


def is_content_term(term: str) -> bool:
    """Return whether a term is neither a function word nor a single spaceless character."""
    if term in _FUNCTION_TERMS:
        return False
    if _SPACELESS_CHAR.match(term):
        return len(term) > 1 and not (term[0] in _FUNCTION_CHARACTERS or term[1] in _FUNCTION_CHARACTERS)
    return True


_FUNCTION_WORDS = frozenset(f"{_ENGLISH} {_CHINESE}".split())
_ENGLISH_TERMS = frozenset(term for word in _ENGLISH.split() for term in (word, _stem(word)))
_GERMAN_TERMS = frozenset(term for word in _GERMAN.split() for term in (word, _stem(word)))
_FUNCTION_TERMS = _FUNCTION_WORDS | {_stem(word) for word in _FUNCTION_WORDS}
