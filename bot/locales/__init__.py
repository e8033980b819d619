"""Texts in the supported languages, one Fluent catalogue per language."""
