"""Token counts and known words of a text, from the tokenizer of a loaded model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

Units = Sequence[tuple[int, int]]
"""Start and end of each unit of the vocabulary in a text."""


def build_token_counter(tokenizer: Any) -> Callable[[str], int]:
    """Build a function that counts the tokens of a text, without special tokens and without truncation."""
    fast = _copy_fast_tokenizer(tokenizer)
    if fast is None:
        return lambda text: len(tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False))
    return lambda text: len(fast.encode(text, add_special_tokens=False).ids)


def build_unit_finder(tokenizer: Any) -> Callable[[str], Units]:
    """Build a function that returns start and end of every known unit in a text.

    Only fast tokenizers report the positions of their tokens. With any other the whole text counts as known.
    """
    fast = _copy_fast_tokenizer(tokenizer)
    if fast is None:
        return lambda text: [(0, len(text))]
    unknown = {fast.token_to_id(name) for name in (getattr(tokenizer, "unk_token", None), "[UNK]", "<unk>") if name}

    def find_units(text: str) -> Units:
        encoding = fast.encode(text, add_special_tokens=False)
        return [span for span, token in zip(encoding.offsets, encoding.ids, strict=True) if token not in unknown]

    return find_units


def _copy_fast_tokenizer(tokenizer: Any) -> Any | None:
    """Return a copy of the Rust tokenizer without truncation and padding; None for a slow tokenizer."""
    # Models with static embeddings have the fast tokenizer itself, transformers wrap it.
    fast = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(fast, "no_truncation"):
        return None
    # A copy, because truncation is state of the tokenizer, which panics when two threads set it concurrently.
    copy = deepcopy(fast)
    copy.no_truncation()
    copy.no_padding()
    return copy
