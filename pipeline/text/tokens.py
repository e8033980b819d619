"""Tokens: estimate how many a text has before anybody is paid for them, and cut a text to so many.

A language model's own tokenizer is not known here, so the estimate leans to the high side: to a token go four plain
letters or spaces, two digits or letters of other scripts, one sign or accented letter, and one character in Chinese,
Japanese and Korean (which write no spaces, so that counting words would let a whole page through).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from pipeline.text.scripts import EAST_ASIAN
from pipeline.types import ChatMessage

MESSAGE_TOKENS = 4
"""What a chat format adds around each message."""

_EAST_ASIAN = re.compile(f"[{EAST_ASIAN}]")
_PLAIN = re.compile("[A-Za-z \n]+")
_SIGN_OR_ACCENTED = re.compile("[!-/:-@\\[-`{-~\u00a1-\u024f\u1e00-\u1eff]")


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text, rather too many than too few."""
    rest = _PLAIN.sub("", text)
    whole = len(_SIGN_OR_ACCENTED.findall(rest)) + (0 if rest.isascii() else len(_EAST_ASIAN.findall(rest)))
    return math.ceil((len(text) - len(rest)) / 4 + whole + (len(rest) - whole) / 2)


def estimate_message_tokens(messages: Iterable[ChatMessage]) -> int:
    """Estimate the tokens of a whole prompt."""
    return sum(MESSAGE_TOKENS + estimate_tokens(message.content) for message in messages)


def cut_to_tokens(text: str, tokens: int) -> str:
    """Cut a text to at most so many estimated tokens, whatever its language."""
    text = text[: tokens * 4]  # never more than four characters to a token
    if estimate_tokens(text) <= tokens:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if estimate_tokens(text[:middle]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]
