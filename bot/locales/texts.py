"""Look up texts by key in one Fluent catalogue per language."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

DEFAULT_LANGUAGE = "en"
LANGUAGES = (DEFAULT_LANGUAGE, "zh-CN")


class Texts:
    """The texts of one language, with English as the fallback."""

    def __init__(self, locale: str) -> None:
        """Load the catalogue for a Discord locale, such as `en-GB` or `zh-TW`."""
        self.language = language_for(locale)
        self._bundles = [_load_bundle(language) for language in dict.fromkeys((self.language, DEFAULT_LANGUAGE))]

    def __call__(self, key: str, **args: Any) -> str:
        """Format the text of a key.

        Numbers are formatted with separators, so IDs must be passed as text. Text of users, documents and models must
        be escaped with `bot.render.sanitize`.
        """
        for bundle in self._bundles:
            if bundle.has_message(key):
                pattern = bundle.get_message(key).value
                if pattern is not None:
                    formatted, errors = bundle.format_pattern(pattern, args)
                    if errors:
                        raise errors[0]
                    return str(formatted)
        raise KeyError(f"There is no text {key!r}; add it to each catalogue in bot/locales.")

    def has(self, key: str) -> bool:
        """Return whether the key exists, e.g. for an error class."""
        return any(bundle.has_message(key) for bundle in self._bundles)


@cache
def texts_for(locale: object) -> Texts:
    """Return the texts for a Discord locale (a `discord.Locale` or its value)."""
    return Texts(str(locale))


def language_for(locale: str) -> str:
    """Return the catalogue language of a Discord locale: its own, or English if it has no catalogue.

    The Chinese catalogue is in simplified characters, so `zh-TW`, which uses traditional ones, is English.
    """
    return locale if locale in LANGUAGES else DEFAULT_LANGUAGE


def read_catalogue(language: str) -> str:
    """Return the source text of a catalogue."""
    return (resources.files("bot") / "locales" / f"{language}.ftl").read_text(encoding="utf-8")


@cache
def _load_bundle(language: str) -> FluentBundle:
    # Isolating would wrap variables in direction marks, which users would copy along with names.
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource(read_catalogue(language)))
    return bundle
