"""Localise command names and descriptions with the same catalogues as all other texts."""

from __future__ import annotations

from discord import Locale, app_commands

from bot.locales.texts import DEFAULT_LANGUAGE, texts_for

ENGLISH_LOCALES = (Locale.american_english, Locale.british_english)
"""English texts are registered for English locales too; otherwise Discord may show those users another language."""


def localized(key: str) -> app_commands.locale_str:
    """Return the default text of a key, marked with the key for `CatalogueTranslator`."""
    return app_commands.locale_str(texts_for(DEFAULT_LANGUAGE)(key), key=key)


class CatalogueTranslator(app_commands.Translator):
    """Translates texts that were marked by `localized`."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Return the text for a locale that has a catalogue, otherwise None."""
        key = string.extras.get("key")
        if key is None or locale not in (*ENGLISH_LOCALES, Locale.chinese):
            return None
        return texts_for(locale)(key)
