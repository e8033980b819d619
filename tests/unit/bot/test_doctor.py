import discord
import pytest

from bot.__main__ import _last_words, _token
from bot.doctor import NEEDED, SCOPES, _permissions, _servers
from config.setting_groups import DiscordSettings
from config.settings import Settings
from pipeline.errors import DatabaseUnavailable, SchemaMismatch, SetupError

ALL = NEEDED.value


def guild(name, permissions):
    return {"id": "1", "name": name, "permissions": str(permissions)}


def test_permissions__all_there():
    administrator = guild("admin", discord.Permissions(administrator=True).value)
    assert _permissions([guild("one", ALL), administrator])[1] == "ok"


def test_permissions__names_what_is_missing_and_where():
    _, status, detail = _permissions(
        [guild("Club", ALL & ~discord.Permissions(attach_files=True).value), guild("B", ALL)]
    )
    assert status == "problem"
    assert "Club (attach files)" in detail
    assert "B (" not in detail


def test_permissions__names_five_servers_at_most():
    detail = _permissions([guild(f"G{n}", 0) for n in range(7)])[2]
    assert detail.count("view channel") == 5
    assert "…" in detail


def test_servers__none_yet():
    assert _servers([])[1] == "note"
    assert _servers([guild("one", ALL)])[1] == "ok"


def test_invite__asks_for_exactly_what_is_needed():
    assert NEEDED.value == 1 << 10 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 38
    assert SCOPES == ("bot", "applications.commands")


class Closed(discord.ConnectionClosed):
    def __init__(self, code):
        self.code = code


@pytest.mark.parametrize(
    ("error", "code", "words"),
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
def test_last_words__a_sentence_and_whether_a_restart_helps(error, code, words):
    sentence, given = _last_words(error)
    assert given == code
    assert words in sentence


@pytest.mark.parametrize("token", ["two words", "tab\there", "ключ"])
def test_token__what_cannot_be_one(token):
    with pytest.raises(SetupError):
        _token(Settings(_env_file=None, discord=DiscordSettings(token=token)))


def test_token__none():
    with pytest.raises(SetupError, match="DISCORD_TOKEN is not set"):
        _token(Settings(_env_file=None))
    assert _token(Settings(_env_file=None, discord=DiscordSettings(token=" a.b.c "))) == "a.b.c"
