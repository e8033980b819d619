"""Stems: words without their endings, by the Snowball stemmer of their language.

Stored postings depend on the stems, so a change here makes old chunks and new questions differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from threading import Lock

import snowballstemmer

ENGLISH = "en"
LATIN = {
    ENGLISH: "english",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "sr": "serbian",
    "sv": "swedish",
    "tr": "turkish",
}
"""The stemmers of languages in Latin script, by ISO 639 code. Serbian is also written in Cyrillic script."""
OTHER_SCRIPTS = {
    "ar": "arabic",
    "el": "greek",
    "fa": "persian",
    "hi": "hindi",
    "hy": "armenian",
    "ne": "nepali",
    "ru": "russian",
    "ta": "tamil",
}
"""The stemmers of languages in other scripts. Latin words in their texts are stemmed as English ones."""

# Latin letters without digits: the input that the English stemmer handles correctly.
_ENGLISH_WORD = re.compile("[a-z\u00df-\u024f]{3,}")
_WORD = re.compile(r"\D{3,}")

_MAX_LETTERS = 64
"""Maximum length of a word that is stemmed; a stemmer needs seconds for words of 100,000 letters."""
_MAX_CACHED = 50_000
"""Number of words whose stems are kept, per language; they need about 10 MB."""

Stem = Callable[[str], str]


@cache
def load_stemmer(language: str) -> Stem:
    """Return a function that returns the stem of a folded word; English for a language without a stemmer."""
    if language == ENGLISH:
        return _build_stemmer(LATIN[ENGLISH], _ENGLISH_WORD)
    if language in LATIN:
        return _build_stemmer(LATIN[language], _WORD)
    english = load_stemmer(ENGLISH)
    return _build_stemmer(OTHER_SCRIPTS[language], _WORD, english) if language in OTHER_SCRIPTS else english


def _build_stemmer(algorithm: str, stemmable: re.Pattern[str], latin: Stem | None = None) -> Stem:
    stemmer = snowballstemmer.stemmer(algorithm)
    # A stemmer keeps the word that it is working on in itself, and workers stem in several threads.
    lock = Lock()

    @lru_cache(maxsize=_MAX_CACHED)
    def stem_word(word: str) -> str:
        if not stemmable.fullmatch(word):
            return word
        if latin is not None and _ENGLISH_WORD.fullmatch(word):
            return latin(word)
        with lock:
            return str(stemmer.stemWord(word))

    def stem(word: str) -> str:
        # Long words would also stay in the cache.
        return stem_word(word) if len(word) <= _MAX_LETTERS else word

    return stem
