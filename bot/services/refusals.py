"""Refusals: requests that the bot rejects with a text of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.locales.texts import DEFAULT_LANGUAGE, texts_for
from pipeline.errors import RefdeskError


class Refusal(RefdeskError):
    """A rejected request, with the key of a text that names the reason and the next step."""

    def __init__(self, key: str, **args: Any) -> None:
        """Create a refusal.

        Args:
            key: Key of the text in the catalogue.
            args: Values of the text's variables. Text written by users must be escaped with `bot.render.sanitize`.
        """
        super().__init__(texts_for(DEFAULT_LANGUAGE)(key, **args))
        self.key = key
        self.args_of_key = args


class RefusalGroup(RefdeskError):
    """Several rejected items of one request, in the order of the items."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        """Combine refusals into one error."""
        super().__init__(" ".join(str(refusal) for refusal in refusals))
        self.refusals = tuple(refusals)
