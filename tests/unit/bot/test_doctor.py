import discord
import pytest

from bot.__main__ import _describe_failure, _read_token
from bot.doctor import REQUIRED_PERMISSIONS, SCOPES, _check_permissions, _check_servers
from config.setting_groups import DiscordSettings
from config.settings import Settings
from pipeline.errors import DatabaseUnavailable, SchemaMismatch, SetupError

ALL = REQUIRED_PERMISSIONS.value


def guild(name, permissions):
    return {"id": "1", "name": name, "permissions": str(permissions)}


def test_permissions__complete():
    administrator = guild("admin", discord.Permissions(administrator=True).value)
    assert _check_permissions([guild("one", ALL), administrator])[1] == "ok"


def test_permissions__lists_the_missing_ones_by_server():
    _, status, detail = _check_permissions(
        [guild("Club", ALL & ~discord.Permissions(attach_files=True).value), guild("B", ALL)]
    )
    assert status == "problem"
    assert "Club (attach files)" in detail
    assert "B (" not in detail


def test_permissions__lists_at_most_five_servers():
    detail = _check_permissions([guild(f"G{n}", 0) for n in range(7)])[2]
    assert detail.count("view channel") == 5
    assert "…" in detail


def test_servers__none_is_a_note():
    assert _check_servers([])[1] == "note"
    assert _check_servers([guild("one", ALL)])[1] == "ok"


def test_invite__requests_exactly_the_required_permissions():
    assert REQUIRED_PERMISSIONS.value == 1 << 10 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 38
    assert SCOPES == ("bot", "applications.commands")


class Closed(discord.ConnectionClosed):
    def __init__(self, code):
        self.code = code


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (discord.LoginFailure(), 78, "DISCORD_TOKEN"),
        (discord.PrivilegedIntentsRequired(None), 78, "intents"),
        (Closed(4004), 78, "DISCORD_TOKEN"),
        (Closed(4011), 78, "REFDESK_DISCORD_SHARD_COUNT"),
        (Closed(4013), 78, "intents"),
        (Closed(4000), 1, "4000"),
        (SetupError("REDIS_URL is not set"), 78, "REDIS_URL"),
        (DatabaseUnavailable(), 1, "database"),
        (SchemaMismatch(), 1, "refdesk migrate"),
        (TimeoutError(), 1, "cannot be reached"),
    ],
)
def test_describe_failure__message_and_exit_code(error, code, expected):
    message, exit_code = _describe_failure(error)
    assert exit_code == code
    assert expected in message


@pytest.mark.parametrize("token", ["two words", "tab\there", "ключ"])
def test_token__invalid(token):
    with pytest.raises(SetupError):
        _read_token(Settings(_env_file=None, discord=DiscordSettings(token=token)))


def test_token__missing_or_with_spaces_around_it():
    with pytest.raises(SetupError, match="DISCORD_TOKEN is not set"):
        _read_token(Settings(_env_file=None))
    assert _read_token(Settings(_env_file=None, discord=DiscordSettings(token=" a.b.c "))) == "a.b.c"
