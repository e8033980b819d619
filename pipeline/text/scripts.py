"""Scripts: the character classes of Chinese, Japanese, Korean and Southeast Asian text.

Each constant is the inside of a character class of a regular expression, so that they combine: `[{HAN}{KANA}]`.
Source of the ranges: the blocks of Unicode 16.
"""

from __future__ import annotations

import re

COMMON_HAN = "\u4e00-\u9fff"
HAN = f"\u3005\u3007\u3400-\u4dbf{COMMON_HAN}\uf900-\ufaff\U00020000-\U000323af"
"""Chinese characters, including the iteration mark and the zero that Unicode counts among them."""
KANA = "\u3040-\u30ff\u31f0-\u31ff"
HANGUL_SYLLABLES = "\uac00-\ud7af"
HANGUL = f"\u1100-\u11ff\u3130-\u318f{HANGUL_SYLLABLES}"
SOUTHEAST_ASIAN = "\u0e00-\u0edf\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer."""
CJK_PUNCTUATION = "\u3000-\u303f"
CJK_SYMBOLS = f"\u2e80-\u2fff{CJK_PUNCTUATION}\u3100-\u312f\u3190-\u31ef\u3200-\u33ff\u4dc0-\u4dff"
"""Punctuation, radicals, bopomofo, and signs such as the square units."""
FULLWIDTH_PUNCTUATION = "\uff00-\uff0f\uff1a-\uff20"
FULLWIDTH_FORMS = "\uff00-\uffef"

SPACELESS = f"{SOUTHEAST_ASIAN}{KANA}{HANGUL}{HAN}"
"""Scripts whose words cannot be found at spaces; Korean too, since its particles are written together with the word."""
CHINESE_JAPANESE = f"{CJK_SYMBOLS}{HAN}{KANA}{FULLWIDTH_FORMS}"
"""Characters between which a line break is not a space, and which are twice as wide as Latin letters."""
EAST_ASIAN = f"{CHINESE_JAPANESE}{HANGUL}"

_SPACELESS_CHARACTER = re.compile(f"[{SPACELESS}]")
_EAST_ASIAN_CHARACTER = re.compile(f"[{EAST_ASIAN}]")
_CHINESE_JAPANESE_CHARACTER = re.compile(f"[{CHINESE_JAPANESE}]")


def is_spaceless(text: str) -> bool:
    """Return whether a text is mainly written without spaces between words, as Chinese and Japanese are."""
    # One Chinese character carries about as much as half an English word, so a third of the letters is a majority.
    return spaceless_share(text) > 1 / 3


def spaceless_share(text: str) -> float:
    """Return the number of characters of scripts without spaces, relative to the number of all letters of a text."""
    spaceless = 0 if text.isascii() else len(_SPACELESS_CHARACTER.findall(text))
    return spaceless / (sum(map(str.isalpha, text)) or 1) if spaceless else 0.0


def starts_east_asian(text: str) -> bool:
    """Return whether a text starts with a Chinese, Japanese or Korean character or sign."""
    return _EAST_ASIAN_CHARACTER.match(text) is not None


def separator_of_lines(line: str, following: str) -> str:
    """Return the separator of two wrapped lines: nothing between Chinese or Japanese characters, otherwise a space."""
    is_joined = _CHINESE_JAPANESE_CHARACTER.match(line[-1:]) and _CHINESE_JAPANESE_CHARACTER.match(following)
    return "" if is_joined else " "
