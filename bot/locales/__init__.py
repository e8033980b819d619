"""Texts in every supported language, from one Fluent catalogue each."""
