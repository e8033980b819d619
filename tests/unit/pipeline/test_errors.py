"""Tests of the messages that exceptions build."""

from __future__ import annotations

from pipeline.errors import MissingExtra


def test_missing_extra__names_the_install_command():
    error = MissingExtra.for_part("the bot", "bot")
    assert str(error) == "The libraries of the bot are not installed. Run `scripts/install bot` in the checkout."


def test_missing_extra__names_the_alternative():
    error = MissingExtra.for_part(
        "the embedded Redis server", "embedded", alternative="set REDIS_URL to another server"
    )
    assert str(error).endswith("Run `scripts/install embedded` in the checkout, or set REDIS_URL to another server.")
