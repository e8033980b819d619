"""Where settings come from, which values are hidden, and variables without effect."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from cli.main import app
from config.setting_sources import list_unknown, list_values
from config.settings import iter_settings, load


@pytest.fixture(autouse=True)
def empty_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("REFDESK_") or name in {"DATABASE_URL", "REDIS_URL", "DISCORD_TOKEN"}:
            monkeypatch.delenv(name)
    return tmp_path


def values():
    return {value.variable: (value.value, value.source, value.read_from) for value in list_values(load())}


def test_sources__the_environment_wins_over_the_file(empty_environment, monkeypatch):
    (empty_environment / ".env").write_text("REFDESK_LEASE_S=5\nREFDESK_SWEEP_S=6\nREFDESK_MAX_ATTEMPTS=\n")
    monkeypatch.setenv("REFDESK_LEASE_S", "7")
    found = values()
    assert found["REFDESK_LEASE_S"] == (7, "environment", "REFDESK_LEASE_S")
    assert found["REFDESK_SWEEP_S"] == (6, ".env", "REFDESK_SWEEP_S")
    assert found["REFDESK_MAX_ATTEMPTS"] == (3, "default", "")
    assert list(found) == [setting.variable for setting in iter_settings()]


def test_secrets__are_hidden_and_a_file_wins(empty_environment, monkeypatch):
    (empty_environment / "key").write_text("key-from-file")
    monkeypatch.setenv("REFDESK_LLM_API_KEY", "key-of-the-variable")
    monkeypatch.setenv("REFDESK_LLM_API_KEY_FILE", str(empty_environment / "key"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret-word@host/name")
    monkeypatch.setenv("REFDESK_LLM_BASE_URL", "http://me:secret-word@host/v1?key=secret-word&api-version=1")
    found = values()
    assert found["REFDESK_LLM_API_KEY"] == ("***", "environment", "REFDESK_LLM_API_KEY_FILE")
    assert found["DATABASE_URL"][0] == "***"
    assert found["REFDESK_LLM_BASE_URL"][0] == "http://me:***@host/v1?key=***&api-version=1"
    assert found["REDIS_URL"] == (None, "default", "")


def test_unknown_variables__with_the_nearest_name(empty_environment, monkeypatch):
    (empty_environment / ".env").write_text("REFDESK_LLM_MODELL=m\nOTHER=1\n")
    monkeypatch.setenv("REFDESK_LEASES", "7")
    monkeypatch.setenv("REFDESK_LLM_API_KEY_FILE", "/dev/null")
    assert [unknown.explanation for unknown in list_unknown()] == [
        "REFDESK_LEASES in the environment is not a setting and has no effect. Did you mean REFDESK_LEASE_S?",
        "REFDESK_LLM_MODELL in .env is not a setting and has no effect. Did you mean REFDESK_LLM_MODEL?",
    ]


def test_command__text_and_json(monkeypatch):
    monkeypatch.setenv("REFDESK_LEASE_S", "7")
    monkeypatch.setenv("REFDESK_LLM_API_KEY", "secret-word")
    monkeypatch.setenv("REFDESK_LEASES", "7")
    shown = CliRunner().invoke(app, ["config", "--changed"])
    assert shown.exit_code == 0
    assert [line.split()[:3] for line in shown.stdout.splitlines()[2:]] == [
        ["REFDESK_LLM_API_KEY", "│", "***"],
        ["REFDESK_LEASE_S", "│", "7.0"],
    ]
    document = json.loads(CliRunner().invoke(app, ["config", "--json"]).stdout)
    assert {"variable": "REFDESK_LEASES", "source": "environment", "nearest": "REFDESK_LEASE_S"} in document["unknown"]
    assert len(document["settings"]) == len(list(iter_settings()))
    assert "secret-word" not in json.dumps(document)
