"""Log lines: on stderr, for people or machines, never with a secret in them."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from config.logging import set_up_logging
from config.setting_groups import LlmSettings, LogSettings, ServerSettings
from config.settings import Settings

KEY = "sk-very-secret"
URL = "postgresql://user:pass-word@host/name"


@pytest.fixture(autouse=True)
def logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines_of(capsys, log_format: str):
    settings = Settings(
        log=LogSettings(format=log_format), llm=LlmSettings(api_key=KEY), servers=ServerSettings(database_url=URL)
    )
    set_up_logging(settings)
    log = structlog.get_logger("tasks.test")
    log.warning("asked", text=f"key {KEY} refused", url="redis://:other-word@h/0", many=[KEY], nested={"k": KEY})
    try:
        raise ValueError(f"cannot connect to {URL} with {KEY}")
    except ValueError:
        log.exception("failed")
    logging.getLogger("somebody.else").error("a library says %s", KEY)
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_lines__hold_no_secret(capsys, log_format):
    told = lines_of(capsys, log_format)
    for secret in (KEY, "pass-word", "other-word"):
        assert secret not in told
    assert "refused" in told
    assert "ValueError" in told


def test_lines__for_machines_are_json(capsys):
    first = json.loads(lines_of(capsys, "json").splitlines()[0])
    assert (first["event"], first["level"], first["text"]) == ("asked", "warning", "key *** refused")
