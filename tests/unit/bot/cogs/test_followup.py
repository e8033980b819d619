"""Mentions: which messages are questions, and what the others and rejected ones get as a reply."""

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest

from bot.cogs.followup import FollowUp
from bot.interactions.questions import check_question
from bot.services.refusals import Refusal
from pipeline.errors import RefdeskError


class Asking:
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def conversation(self, *_: object) -> list[tuple[str, str]]:
        raise self.error


class Person:
    bot = False

    def __init__(self, number: int, closed: bool = False) -> None:
        self.id, self.closed = number, closed
        self.told: list[str] = []

    async def send(self, text: str, **_: object) -> None:
        if self.closed:
            response: Any = SimpleNamespace(status=403, reason="", headers={})
            raise discord.Forbidden(response, {"code": 50007, "message": "closed"})
        self.told.append(text)


def attend(error: Exception, *people: Person) -> tuple[list[str], list[str]]:
    """Let users mention the bot in turn; return the public replies and the outcomes."""
    bot: Any = SimpleNamespace(
        user=SimpleNamespace(id=9), application_id=9, services=SimpleNamespace(questions=Asking(error)), settings=None
    )
    public: list[str] = []

    async def reply(text: str, **_: object) -> None:
        public.append(text)

    async def live() -> list[str]:
        cog, outcomes = FollowUp(bot), []
        for number, person in enumerate(people):
            message: Any = SimpleNamespace(
                id=number, author=person, channel=SimpleNamespace(id=5), content="?", reply=reply,
                guild=SimpleNamespace(id=7), reference=SimpleNamespace(message_id=3),
            )  # fmt: skip
            place: Any = SimpleNamespace(locale="en-US", guild_id="7")
            outcomes.append((await cog._handle(message, place, bot.user))[0])
        return outcomes

    return public, asyncio.run(live())


def test_refusal_of_a_mention__to_each_person_alone():
    people = (Person(1), Person(2))
    public, outcomes = attend(Refusal("refusal-private-only"), *people)
    assert public == []
    assert outcomes == ["refused: refusal-private-only"] * 2
    assert all("<#5>" in person.told[0] for person in people)


def test_refusal_of_a_mention__where_direct_messages_are_closed_once_for_each_person():
    anna, ben = Person(1, closed=True), Person(2, closed=True)
    public, _ = attend(Refusal("refusal-private-only"), anna, anna, ben)
    assert len(public) == 2
    assert all("/ask" in said for said in public)


@pytest.mark.parametrize("error", [discord.RateLimited(60.0), aiohttp.ClientError()])
def test_mention__while_discord_is_away_ends_in_a_log_line(error):
    assert attend(error, Person(1)) == ([], [f"discord unavailable: {type(error).__name__}"])


@pytest.mark.parametrize("text", ["👍", "\u200b", "\x00", "\u202e?", "\u3164", "…", " \n"])
def test_question__without_words_is_rejected(text):
    with pytest.raises(RefdeskError):
        check_question(text, 100)


@pytest.mark.parametrize("text", ["钥匙在哪？", "열쇠?", "ça va", "7", "Где?"])
def test_question__of_any_script_is_accepted(text):
    assert check_question(f" {text} ", 100) == text


class Forward(discord.Message):
    """A forward of a text and files."""

    def __init__(self, text: str, *files: str) -> None:
        self.content, self.attachments = "", []
        attachments = [SimpleNamespace(filename=name) for name in files]
        self.message_snapshots: Any = [SimpleNamespace(content=text, attachments=attachments)]


def mention(
    *contents: str, forward: Forward | None = None, conversation: list[tuple[str, str]] | None = None, people: int = 1
) -> tuple[list[str], list[Any], list[str]]:
    """Let people mention the bot in turn; return the outcomes, the conversations of the questions, and public hints."""
    conversations: list[Any] = []
    public: list[str] = []

    async def reply(text: str, **_: object) -> None:
        public.append(text)

    async def find(*_: object) -> list[tuple[str, str]] | None:
        return conversation

    async def ask(_: object, question: Any, __: object) -> int:
        conversations.append(question.conversation)
        return 1

    async def live() -> list[str]:
        settings = SimpleNamespace(answer=SimpleNamespace(max_question_chars=100))
        services = SimpleNamespace(questions=SimpleNamespace(conversation=find, ask=ask))
        bot: Any = SimpleNamespace(user=SimpleNamespace(id=9), services=services, settings=settings)
        cog, outcomes = FollowUp(bot), []
        for number, content in enumerate(contents):
            message: Any = SimpleNamespace(
                id=4 + number, author=Person(1 + number % people), channel=SimpleNamespace(id=5), content=content,
                guild=SimpleNamespace(id=7), reference=SimpleNamespace(message_id=3, resolved=forward), reply=reply,
            )  # fmt: skip
            place: Any = SimpleNamespace(locale="en-US", guild_id="7")
            outcomes.append((await cog._handle(message, place, bot.user))[0])
        return outcomes

    return asyncio.run(live()), conversations, public


def test_mention__outside_a_conversation_is_a_question():
    assert mention("<@9> Who has the key?") == (["done"], [()], [])


@pytest.mark.parametrize("content", ["<@9>", "<@!9>  ", "Thanks!"])
def test_mention__without_a_question_gets_a_hint(content):
    outcomes, conversations, public = mention(content)
    assert (outcomes, conversations) == (["hint"], [])
    assert "write the question in the same message" in public[0]


def test_hints__are_limited_for_each_person_who_never_gets_none_twice():
    for messages, hints in ((1, 1), (2, 1), (3, 2), (4, 2), (5, 3)):
        assert len(mention(*["<@9>"] * messages)[2]) == hints
    _, _, public = mention(*["<@9>"] * 8, people=2)
    assert len(public) == 4


def test_hints__reach_a_person_who_tries_again(monkeypatch: pytest.MonkeyPatch):
    times = iter(range(0, 60, 6))
    monkeypatch.setattr("bot.cogs.followup.monotonic", lambda: next(times))
    assert len(mention("<@9>", "<@9>")[2]) == 2


def test_reply_to_a_forward__is_a_question_about_its_text():
    outcomes, conversations, _ = mention("<@9> Who has it?", forward=Forward("The key is with Ole."))
    assert (outcomes, conversations) == (["done"], [(("The key is with Ole.", ""),)])


def test_reply_to_a_forward__in_a_conversation():
    forward = Forward("The key is with Ole.")
    _, conversations, _ = mention("<@9> Who has it?", forward=forward, conversation=[("Before?", "Yes.")])
    assert conversations == [(("Before?", "Yes."), ("The key is with Ole.", ""))]


def test_reply_to_a_forward__of_files_only_explains_what_to_do():
    outcomes, conversations, public = mention("<@9> Who has it?", forward=Forward("", "rules.pdf"))
    assert (outcomes, conversations) == (["hint"], [])
    assert "Add to library" in public[0]
