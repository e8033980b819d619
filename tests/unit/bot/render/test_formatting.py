"""Formatting shared by the messages: errors that jobs have stored."""

from __future__ import annotations

import pytest

from bot.locales.texts import texts_for
from bot.render.formatting import format_error
from pipeline import errors

EN = texts_for("en-US")


@pytest.mark.parametrize(("former", "name"), errors.FORMER_NAMES.items())
def test_error__stored_under_a_former_class_name_has_its_text(former: str, name: str) -> None:
    assert format_error(former, "The limit is $1.", EN) == format_error(name, "The limit is $1.", EN)
    assert format_error(former, "The limit is $1.", EN) != EN("error-unknown")
