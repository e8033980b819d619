"""Log lines: on stderr, as text or JSON, without secrets."""

from __future__ import annotations

import json
import logging

import pytest
import structlog
from pydantic import SecretStr, create_model

from config.logging import set_up_logging
from config.setting_groups import LlmSettings, LogSettings, ServerSettings, SettingsGroup
from config.settings import Settings, iter_settings

KEY = "sk-very-secret"
URL = "postgresql://user:pass-word@host/name"


@pytest.fixture(autouse=True)
def restore_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def log_lines(capsys, log_format: str):
    settings = Settings(
        log=LogSettings(format=log_format), llm=LlmSettings(api_key=KEY), servers=ServerSettings(database_url=URL)
    )
    set_up_logging(settings)
    log = structlog.get_logger("tasks.test")
    url = "redis://:other-word@h/0?api_key=third-word&x=1"
    log.warning("asked", text=f"key {KEY} refused", url=url, many=[KEY], nested={"k": KEY})
    try:
        raise ValueError(f"cannot connect to {URL} with {KEY}")
    except ValueError:
        log.exception("failed")
    logging.getLogger("a.library").error("a library logs %s", KEY)
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_lines__contain_no_secret(capsys, log_format):
    lines = log_lines(capsys, log_format)
    for secret in (KEY, "pass-word", "other-word", "third-word"):
        assert secret not in lines
    assert "redis://:***@h/0?api_key=***&x=1" in lines
    assert "refused" in lines
    assert "ValueError" in lines


def test_lines__json_format(capsys):
    first = json.loads(log_lines(capsys, "json").splitlines()[0])
    assert (first["event"], first["level"], first["text"]) == ("asked", "warning", "key *** refused")


def test_lines__hide_every_secret_setting(capsys, monkeypatch):
    secrets = {one.variable: f"secret-{n}-value" for n, one in enumerate(iter_settings()) if one.is_secret}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    set_up_logging(Settings(_env_file=None))
    structlog.get_logger("tasks.test").warning("started", values=list(secrets.values()))
    output = capsys.readouterr().err
    assert output.count("***") == len(secrets)
    assert not [value for value in secrets.values() if value in output]


def test_lines__hide_every_secret_setting_in_a_chained_traceback(capsys, monkeypatch):
    secrets = {one.variable: f"secret-{n}-value" for n, one in enumerate(iter_settings()) if one.is_secret}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    set_up_logging(Settings(_env_file=None))
    try:
        try:
            raise ValueError(f"cause: {list(secrets.values())}")
        except ValueError as cause:
            raise RuntimeError(f"effect: {list(secrets.values())}") from cause
    except RuntimeError:
        structlog.get_logger("tasks.test").exception("failed")
        logging.getLogger("a.library").exception("failed")
    output = capsys.readouterr().err
    assert output.count("ValueError: cause") == 2
    assert not [value for value in secrets.values() if value in output]


@pytest.mark.parametrize("kind", [SecretStr, SecretStr | None])
def test_lines__hide_a_secret_setting_that_is_added_later(capsys, kind):
    group = create_model("Later", __base__=SettingsGroup, key=(kind, SecretStr("added-later\n")))
    settings_class = create_model("LaterSettings", __base__=Settings, later=(group, group()))
    set_up_logging(settings_class(_env_file=None))
    structlog.get_logger("tasks.test").warning("asked", text="key added-later refused")
    assert "key *** refused" in capsys.readouterr().err
