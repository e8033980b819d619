"""Checks of a question and its options, shared by the bot, the command line and the answer flow."""

from __future__ import annotations

import unicodedata

from pipeline.errors import InvalidQuestion, UnknownName
from pipeline.text.cleaning import remove_unstorable
from pipeline.types import LANGUAGES

HANGUL_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Invisible characters that Unicode classifies as letters."""


def check_question(question: str, max_chars: int) -> str:
    """Return the question without surrounding whitespace, NUL characters and lone surrogates.

    Raises:
        InvalidQuestion: The question is empty, contains no letter or digit, or is longer than `max_chars`.
    """
    cleaned = remove_unstorable(question).strip()
    if not cleaned:
        raise InvalidQuestion("The question is empty. Enter at least one word.", problem="empty")
    if not has_words(cleaned):
        raise InvalidQuestion("The question contains no letters or digits. Ask it in words.", problem="no-words")
    if len(cleaned) > max_chars:
        raise InvalidQuestion(
            f"The question has {len(cleaned):,} characters; the limit is {max_chars:,}. Shorten it, or add the long "
            "text to the library and ask about it.",
            problem="long",
            length=len(cleaned),
            limit=max_chars,
        )
    return cleaned


def has_words(text: str) -> bool:
    """Return True if the text contains a visible letter or digit.

    Compatibility characters count by their NFKC form, so that "℃" and "🄰" are words.
    """
    normalized = unicodedata.normalize("NFKC", text)
    return any(character.isalnum() and character not in HANGUL_FILLERS for character in normalized)


def check_language(language: str) -> None:
    """Raise `UnknownName` unless answers can be requested in this language; empty means the question's language."""
    if language and language not in LANGUAGES:
        raise UnknownName(f"Answers are not available in {language!r}; choose one of {', '.join(LANGUAGES)}.")
