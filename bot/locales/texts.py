"""Every sentence people see, by key, from one Fluent catalogue per language."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

DEFAULT_LANGUAGE = "en"
LANGUAGES = (DEFAULT_LANGUAGE, "zh-CN")


class Texts:
    """The sentences of one language; what a language lacks is said in English."""

    def __init__(self, locale: str) -> None:
        """Read the catalogue for a locale of Discord, such as `en-GB` or `zh-TW`."""
        self.language = language_for(locale)
        self._bundles = [_load_bundle(language) for language in dict.fromkeys((self.language, DEFAULT_LANGUAGE))]

    def __call__(self, key: str, **args: Any) -> str:
        """Say a sentence.

        Numbers come out with separators, so the number of a job goes in as text. Text of people, documents and models
        goes in as `bot.render.sanitize` leaves it.
        """
        for bundle in self._bundles:
            if bundle.has_message(key):
                pattern = bundle.get_message(key).value
                if pattern is not None:
                    said, errors = bundle.format_pattern(pattern, args)
                    if errors:
                        raise errors[0]
                    return str(said)
        raise KeyError(key)

    def has(self, key: str) -> bool:
        """Whether there is a sentence of this key, e.g. for a class of errors."""
        return any(bundle.has_message(key) for bundle in self._bundles)


@cache
def texts_for(locale: object) -> Texts:
    """Give the sentences for a locale of Discord (a `discord.Locale` or its text)."""
    return Texts(str(locale))


def language_for(locale: str) -> str:
    """Choose the catalogue: Chinese for every Chinese locale, English for all others."""
    return "zh-CN" if locale.replace("_", "-").split("-")[0].lower() == "zh" else DEFAULT_LANGUAGE


def read_catalogue(language: str) -> str:
    """Give the text of a catalogue."""
    return (resources.files("bot") / "locales" / f"{language}.ftl").read_text(encoding="utf-8")


@cache
def _load_bundle(language: str) -> FluentBundle:
    # Fluent wraps what it puts in with direction marks, which would stand in names that people copy.
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource(read_catalogue(language)))
    return bundle
