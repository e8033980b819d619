"""The language of a text, which decides how its words are stemmed.

py3langid, a naive Bayes classifier over byte sequences, knows 139 languages. Only two kinds of them are considered:
languages that have a stemmer, and languages that are so similar to one of these that their texts would be assigned to
it. The library and its model are loaded with the first text whose language its script and its most frequent words do
not decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from pipeline.text.scripts import spaceless_share
from pipeline.text.stemming import ENGLISH, LATIN
from pipeline.text.terms import main_script

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

MAX_LIKELY = 3
"""Maximum languages of a text that is too short for one."""
_MIN_RATIO = 0.1
"""Probability of a likely language, relative to the most likely one."""
_SAMPLE = 300
"""Number of characters from which a language is recognised; of 200 characters, it is wrong in less than 1 %."""
_MIN_CHARACTERS = 40
"""Minimum length of a chunk that may have another language than its document."""

CANDIDATES = {
    "LATIN": frozenset({*LATIN, "af", "is", "lv", "sk", "sl", "sq", "tl", "vi"}),
    "CYRILLIC": frozenset({"ru", "sr", "be", "bg", "kk", "mk", "uk"}),
    "ARABIC": frozenset({"ar", "fa", "ps", "ur"}),
    "DEVANAGARI": frozenset({"hi", "ne", "mr"}),
    "GREEK": frozenset({"el"}),
    "ARMENIAN": frozenset({"hy"}),
    "TAMIL": frozenset({"ta"}),
}
"""By script, the languages with a stemmer and the languages whose texts would be assigned to one of these."""

# Words that are frequent in English and rare in every other language. "is", "of", "to", "are" and "have" are missing
# because they are frequent in Dutch, Polish, Portuguese, Danish and others too.
_ENGLISH = "the and that with from this what how when which where why does were they been their"
_ENGLISH_WORDS = frozenset(_ENGLISH.split())
_ENGLISH_SHARE = 0.1
_ENGLISH_SAMPLE = 1_000
"""Number of characters in which these words are counted; in 300 characters, a quarter of English texts has too few."""
_SPACELESS_SHARE = 0.2
"""Minimum share of Chinese, Thai and similar characters in a text of that script, which may contain Latin names."""

_loading = Lock()


def find_languages(texts: Sequence[str], *, check: Callable[[], None] = lambda: None) -> tuple[str, ...]:
    """Return the language of each chunk of a document, as an ISO 639 code.

    A chunk has the language of most of the document, unless it is long enough and clearly in another one. If no chunk
    is clear, all count as English, because every question is also searched by the English stems of its words.

    Args:
        texts: The chunks of a document.
        check: Called before each chunk; it raises an error to stop.
    """
    likely = []
    for text in texts:
        check()
        likely.append(find_likely_languages(text))
    decided = [
        len(text) >= _MIN_CHARACTERS and (len(languages) == 1 or ENGLISH not in languages)
        for text, languages in zip(texts, likely, strict=True)
    ]
    characters: Counter[str] = Counter()
    for text, languages, is_decided in zip(texts, likely, decided, strict=True):
        if is_decided:
            characters[languages[0]] += len(text)
    main = characters.most_common(1)[0][0] if characters else ENGLISH
    return tuple(
        languages[0] if is_decided and main not in languages else main
        for languages, is_decided in zip(likely, decided, strict=True)
    )


def find_likely_languages(text: str) -> tuple[str, ...]:
    """Return the languages that a text may be in, as ISO 639 codes, the most likely first: one if it is clear.

    English stands for every language without a stemmer whose script no other language here has.
    """
    sample = text[:_SAMPLE]
    if spaceless_share(sample) >= _SPACELESS_SHARE or _is_clearly_english(text[:_ENGLISH_SAMPLE]):
        return (ENGLISH,)
    # Finding the script of a text that is not ASCII takes as long as its terms.
    is_ascii_text = sample.isascii() and any(map(str.isalpha, sample))
    script = "LATIN" if is_ascii_text else main_script(sample)
    candidates = CANDIDATES.get(script, frozenset({ENGLISH}))
    if len(candidates) == 1:
        return tuple(candidates)
    probabilities = [pair for pair in load_identifier().rank(sample) if pair[0] in candidates]
    minimum = probabilities[0][1] * _MIN_RATIO
    return tuple(language for language, probability in probabilities[:MAX_LIKELY] if probability >= minimum)


def _is_clearly_english(text: str) -> bool:
    """Return whether a tenth of the words are frequent in English only; English titles in other texts are fewer."""
    words = text.lower().split()
    return sum(map(_ENGLISH_WORDS.__contains__, words)) >= _ENGLISH_SHARE * len(words)


def load_identifier() -> LanguageIdentifier:
    """Return py3langid's classifier; it is loaded once, also if several threads need it at the same time."""
    with _loading:
        return _read_model()


@cache
def _read_model() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
