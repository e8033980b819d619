"""Token estimates: the size of a text before a request is paid for, and cutting a text to a size.

The tokenizer of a language model is not known here, so the estimate errs on the high side. One token is four plain
letters or spaces, two digits or letters of other scripts, one sign or accented letter, or one Chinese, Japanese or
Korean character (without spaces, a count of words would accept a whole page).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from pipeline.text.scripts import EAST_ASIAN
from pipeline.types import ChatMessage

MESSAGE_TOKENS = 4
"""Tokens that a chat format adds to each message."""

_EAST_ASIAN = re.compile(f"[{EAST_ASIAN}]")
_PLAIN = re.compile("[A-Za-z \n]+")
_SIGN_OR_ACCENTED = re.compile("[!-/:-@\\[-`{-~\u00a1-\u024f\u1e00-\u1eff]")


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text; too high rather than too low."""
    rest = _PLAIN.sub("", text)
    whole = len(_SIGN_OR_ACCENTED.findall(rest)) + (0 if rest.isascii() else len(_EAST_ASIAN.findall(rest)))
    return math.ceil((len(text) - len(rest)) / 4 + whole + (len(rest) - whole) / 2)


def estimate_message_tokens(messages: Iterable[ChatMessage]) -> int:
    """Estimate the tokens of a prompt."""
    return sum(MESSAGE_TOKENS + estimate_tokens(message.content) for message in messages)


def cut_to_tokens(text: str, tokens: int) -> str:
    """Cut a text to at most `tokens` estimated tokens."""
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
