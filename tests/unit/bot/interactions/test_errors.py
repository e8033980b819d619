import ast
import asyncio
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

import bot
from bot.interactions.errors import error_text, reply_with_error
from bot.locales.texts import LANGUAGES, texts_for
from bot.render.formatting import format_duration
from bot.services.refusals import Refusal, RefusalGroup
from pipeline.errors import DatabaseUnavailable, InvalidQuestion, QuotaExceeded, UnknownName

BOT = Path(bot.__file__).parent
EN, ZH = texts_for("en-US"), texts_for("zh-CN")


class RecordedResponse:
    """The response side of an interaction, which records messages."""

    def __init__(self, refusal=None):
        self.said = []
        self.refusal = refusal

    def is_done(self):
        return False

    async def send_message(self, **message):
        if self.refusal:
            raise self.refusal
        self.said.append(message)


def http_error(kind, status, code):
    response = SimpleNamespace(status=status, reason="", headers={})
    return kind(response, {"code": code, "message": "no"})


def reply_to_error(error, refusal=None, locale=discord.Locale.american_english):
    response = RecordedResponse(refusal)
    interaction: Any = SimpleNamespace(response=response, locale=locale, extras={}, guild_id=7)
    return asyncio.run(reply_with_error(interaction, error)), response.said


def test_reply__in_private_in_the_users_language():
    outcome, said = reply_to_error(Refusal("refusal-question-empty"), locale=discord.Locale.chinese)
    assert outcome == "refused: refusal-question-empty"
    assert [message["ephemeral"] for message in said] == [True]
    assert said[0]["content"] == ZH("refusal-question-empty")


@pytest.mark.parametrize("code", [40060, 10062])
def test_reply__none_when_another_process_answered_or_it_is_too_late(code):
    outcome, said = reply_to_error(app_commands.CommandInvokeError(_command(), http_error(discord.NotFound, 404, code)))
    assert said == []
    assert outcome in {"answered by another process", "too late"}


def test_reply__unwraps_the_error_of_a_command():
    outcome, said = reply_to_error(app_commands.CommandInvokeError(_command(), UnknownName("There is no job 7.")))
    assert outcome == "refused: UnknownName"
    assert "no job 7" in said[0]["content"]


def test_reply__a_defect_has_the_number_of_its_log_line():
    outcome, said = reply_to_error(ZeroDivisionError("secret detail"))
    assert re.fullmatch(r"fault [0-9a-f]{8}", outcome)
    assert outcome.split()[1] in said[0]["content"]
    assert "secret" not in said[0]["content"]


def test_reply__a_failed_reply_keeps_the_original_outcome():
    outcome, said = reply_to_error(DatabaseUnavailable(), http_error(discord.HTTPException, 503, 0))
    assert said == []
    assert outcome == "refused: DatabaseUnavailable, user not notified: HTTPException"


def test_error_text__of_several_refusals():
    said = error_text(RefusalGroup([Refusal("refusal-text-empty"), Refusal("refusal-no-last-answer")]), EN)
    assert said.splitlines() == [EN("refusal-text-empty"), EN("refusal-no-last-answer")]


@pytest.mark.parametrize("scope", ["user", "server"])
def test_error_text__of_a_quota_shows_when_it_is_available_again(scope):
    error = QuotaExceeded("no", limit=5, window_s=3600, scope=scope, frees_in_s=125)
    assert "1 hour" in error_text(error, EN)
    for t in (EN, ZH):
        (moment,) = re.findall(r"<t:(\d+):R>", error_text(error, t))
        assert abs(int(moment) - time.time() - 125) < 5
    assert "ask 5 questions" in error_text(error, EN)


def test_error_text__of_a_quota_of_one_document():
    error = QuotaExceeded("no", limit=1, window_s=86_400, frees_in_s=60, kind="ingest")
    assert "you can add 1 document in 1 day" in error_text(error, EN)
    assert "1 份资料" in error_text(error, ZH)


def test_reply__outdated_command_and_broken_connection():
    outcome, said = reply_to_error(app_commands.CommandNotFound("old", []))
    assert said[0]["content"] == EN("refusal-outdated-command")
    outcome, said = reply_to_error(aiohttp.ServerDisconnectedError())
    assert (outcome, said[0]["content"]) == (
        "discord unavailable: ServerDisconnectedError",
        EN("refusal-discord-unavailable"),
    )
    assert reply_to_error(Refusal("refusal-text-empty"), discord.RateLimited(60.0))[1] == []


def test_error_text__of_an_error_without_a_catalogue_text():
    assert "between" in error_text(InvalidQuestion("top_n has to be between 1 and 200."), EN)


def test_error_text__hides_the_details_of_an_unavailable_server():
    said = error_text(DatabaseUnavailable("The database is unreachable at 10.0.0.7"), EN)
    assert "10.0.0.7" not in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (7200, "2 hours"),
        (86_400, "1 day"),
        (200_000, "2 days"),
    ],
)
def test_duration__in_the_largest_unit(seconds, said):
    assert format_duration(seconds, EN) == said


def refusal_keys():
    for path in BOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal" and node.args:
                argument = node.args[0]
                if isinstance(argument, ast.Constant):
                    yield str(argument.value), frozenset(keyword.arg for keyword in node.keywords)


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals__each_has_a_text_with_its_variables(language):
    found = set(refusal_keys())
    assert len(found) > 20
    for key, names in found:
        said = texts_for(language)(key, **dict.fromkeys(names, "🔑"))
        assert said.count("🔑") >= len(names), key
        assert said[-1] in ".?!。？", key


def _command():
    async def nothing(interaction: discord.Interaction) -> None:
        """Do nothing."""

    return app_commands.Command(name="nothing", description="Nothing", callback=nothing)
