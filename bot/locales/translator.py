"""Names and descriptions of commands in every language, from the same catalogues as all other sentences."""

from __future__ import annotations

from discord import Locale, app_commands

from bot.locales.texts import DEFAULT_LANGUAGE, texts_for

ENGLISH_LOCALES = (Locale.american_english, Locale.british_english)
"""The default is given under its own locales too; else a person who reads English may get the next best language."""
CHINESE_LOCALES = (Locale.chinese, Locale.taiwan_chinese)
"""Simplified characters serve both: whoever reads one kind reads a command's two characters of the other."""


def localized(key: str) -> app_commands.locale_str:
    """Give the default text of a key with what the translator needs to find the others."""
    return app_commands.locale_str(texts_for(DEFAULT_LANGUAGE)(key), key=key)


class CatalogueTranslator(app_commands.Translator):
    """Looks up what `localized` marked; everything else stays as it is."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Give the text of a locale that has a catalogue."""
        key = string.extras.get("key")
        if key is None or locale not in ENGLISH_LOCALES + CHINESE_LOCALES:
            return None
        return texts_for(locale)(key)
