"""Helpers for command options with names and descriptions from the catalogues."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from discord import app_commands

from bot.locales.translator import localized

F = TypeVar("F", bound=Callable[..., object])


def describe_options(**keys: str) -> Callable[[F], F]:
    """Set the names and descriptions of a command's options from the keys `opt-<key>` and `opt-<key>-desc`."""

    def decorate(command: F) -> F:
        renamed = app_commands.rename(**{name: localized(f"opt-{key}") for name, key in keys.items()})(command)
        return app_commands.describe(**{name: localized(f"opt-{key}-desc") for name, key in keys.items()})(renamed)

    return decorate
