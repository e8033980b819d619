"""Token counts and known words of a text, from the tokenizer of a loaded model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

MAX_WORD_CHARS = 64
"""Token counts of texts up to this length are cached."""
UNKNOWN_NAMES = ("[UNK]", "<unk>")
"""Usual names of the token for unknown words."""

Units = Sequence[tuple[int, int]]
"""Start and end of each unit of the vocabulary in a text."""


class TextUnits:
    """Token counts and known units of texts; safe for several threads."""

    def __init__(self, fast: Any, unknown_ids: Collection[int]) -> None:
        """Use a tokenizer of the library `tokenizers` without truncation and padding, which no other code changes."""
        self._fast = fast
        self._unknown = frozenset(unknown_ids)
        # Chunking counts the same words again and again, across documents.
        self._count_word = lru_cache(maxsize=100_000)(self._count)

    def count(self, text: str) -> int:
        """Count the tokens of a text, without special tokens and without truncation."""
        return self._count_word(text) if len(text) <= MAX_WORD_CHARS else self._count(text)

    def known_units(self, text: str) -> Units:
        """Return start and end of every known unit in a text."""
        encoding = self._fast.encode(text, add_special_tokens=False)
        return [span for span, token in zip(encoding.offsets, encoding.ids, strict=True) if token not in self._unknown]

    def _count(self, text: str) -> int:
        return len(self._fast.encode(text, add_special_tokens=False).ids)


class SlowTextUnits:
    """The same for a tokenizer that does not report the positions of its tokens: the whole text counts as known."""

    def __init__(self, tokenizer: Any) -> None:
        """Use a tokenizer of transformers that is written in Python."""
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        """Count the tokens of a text, without special tokens and without truncation."""
        return len(self._tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False))

    def known_units(self, text: str) -> Units:
        """Return start and end of the text."""
        return [(0, len(text))]


def build_text_units(tokenizer: Any) -> TextUnits | SlowTextUnits:
    """Build the token counts of a loaded model's tokenizer."""
    fast = get_fast_tokenizer(tokenizer)
    if fast is None:
        return SlowTextUnits(tokenizer)
    # A copy, because truncation is state of the tokenizer, which panics when two threads set it concurrently.
    copy = deepcopy(fast)
    copy.no_truncation()
    copy.no_padding()
    return TextUnits(copy, find_unknown_ids(tokenizer, copy))


def get_fast_tokenizer(tokenizer: Any) -> Any | None:
    """Return the tokenizer of the library `tokenizers` in a loaded model's tokenizer; None for a slow one."""
    # Models with static embeddings have the fast tokenizer itself, transformers wrap it.
    fast = getattr(tokenizer, "backend_tokenizer", tokenizer)
    return fast if hasattr(fast, "no_truncation") else None


def find_unknown_ids(tokenizer: Any, fast: Any) -> list[int]:
    """Return the IDs of the tokens for unknown words."""
    names = {getattr(tokenizer, "unk_token", None), *UNKNOWN_NAMES}
    ids = {fast.token_to_id(name) for name in names if name}
    return sorted(number for number in ids if number is not None)
