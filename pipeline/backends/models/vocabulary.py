"""Vocabularies: what a tokenizer knows of a text, as stretches of that text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

Units = Sequence[tuple[int, int]]


def build_unit_finder(tokenizer: Any) -> Callable[[str], Units]:
    """Make a function that gives start and end of every known unit in a text.

    Only fast tokenizers say where their units stand; any other is taken to know the whole text.
    """
    fast = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(fast, "no_truncation"):
        return lambda text: [(0, len(text))]
    # A copy: the tokenizer keeps its truncation as state and panics when two threads set it at once.
    copy = deepcopy(fast)
    copy.no_truncation()
    copy.no_padding()
    unknown = {fast.token_to_id(name) for name in (getattr(tokenizer, "unk_token", None), "[UNK]", "<unk>") if name}

    def known_units(text: str) -> Units:
        found = copy.encode(text, add_special_tokens=False)
        return [span for span, token in zip(found.offsets, found.ids, strict=True) if token not in unknown]

    return known_units
