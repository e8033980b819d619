"""Contents of messages and forwards, and messages that a link names."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.cogs import ingest
from bot.cogs.ask_about_message import ask_about_this
from bot.interactions import additions
from bot.interactions.downloads import UploadItem
from bot.interactions.messages import MessageLink, parse_message_link, read_contents
from bot.services.refusals import Refusal, RefusalGroup

URL = "https://discord.com/channels"


def attachment(name: str) -> Any:
    return SimpleNamespace(filename=name, size=10, content_type="application/pdf", url="x")


def message(content: str = "", *files: str, snapshots: tuple[Any, ...] = (), number: int = 3) -> Any:
    return SimpleNamespace(
        id=number,
        jump_url=f"{URL}/1/2/{number}",
        content=content,
        attachments=[attachment(name) for name in files],
        message_snapshots=list(snapshots),
    )


class Channel(discord.TextChannel):
    """A channel with one message."""

    def __init__(self, found: Any, **permissions: bool) -> None:
        self.found = found
        self.allowed = discord.Permissions(**({"view_channel": True, "read_message_history": True} | permissions))

    def permissions_for(self, obj: Any, /) -> discord.Permissions:
        return self.allowed

    async def fetch_message(self, id: int, /) -> Any:  # noqa: A002 - the name in discord.py
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Thread(discord.Thread):
    """A private thread with one message."""

    def __init__(self, found: Any, *, members: tuple[int, ...], moderator: bool = False) -> None:
        self.found, self.ids, self._type = found, members, discord.ChannelType.private_thread
        self.allowed = discord.Permissions(view_channel=True, read_message_history=True, manage_threads=moderator)

    def permissions_for(self, obj: Any, /) -> discord.Permissions:
        return self.allowed

    async def fetch_member(self, user_id: int, /) -> Any:
        if user_id not in self.ids:
            raise http_error(discord.NotFound, 404)
        return user_id

    async def fetch_message(self, id: int, /) -> Any:  # noqa: A002 - the name in discord.py
        return self.found


def http_error(kind: type[discord.HTTPException], status: int) -> discord.HTTPException:
    return kind(cast("Any", SimpleNamespace(status=status, reason="", headers={})), {"code": 0, "message": ""})


class Member(discord.Member):
    """A member without state."""

    def __init__(self) -> None:
        self._user = cast("Any", SimpleNamespace(id=5))


def interaction(channel: Any = None, *, guild_id: int | None = 1) -> Any:
    guild = SimpleNamespace(get_channel_or_thread=lambda _: channel)
    client = SimpleNamespace(downloads=SimpleNamespace(max_bytes=100), get_guild=lambda _: guild)
    return SimpleNamespace(client=client, guild_id=guild_id, user=Member())


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the items and refusals of each addition."""
    calls: list[Any] = []

    async def add(_: Any, items: list[UploadItem], refusals: list[Refusal], **__: Any) -> None:
        calls.append((items, refusals))
        if not items:
            raise RefusalGroup(refusals)

    monkeypatch.setattr(additions, "add", add)
    return calls


def names(calls: list[Any]) -> list[tuple[str, str | None]]:
    return [(item.addition.name, item.addition.origin) for items, _ in calls for item in items]


def test_read_contents__of_a_forward() -> None:
    forward = message(snapshots=(message("The boat shed key is with Ole.", "rules.pdf"),))
    contents = read_contents(forward)
    assert ([file.filename for file in contents.attachments], contents.text) == (
        ["rules.pdf"],
        "The boat shed key is with Ole.",
    )


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (message("The key is with Ole.", "rules.pdf"), [("rules.pdf", f"{URL}/1/2/3")]),
        (message("See https://example.org/key."), [("https://example.org/key", "https://example.org/key")]),
        (message("The key is with Ole."), [("The key is with Ole.md", f"{URL}/1/2/3")]),
    ],
)
def test_add_to_library__forward(added: list[Any], snapshot: Any, expected: list[tuple[str, str]]) -> None:
    asyncio.run(ingest.add_to_library(interaction(), message(snapshots=(snapshot,))))
    assert names(added) == expected


def test_add_to_library__empty_forward() -> None:
    with pytest.raises(Refusal, match="contains no file, link or text"):
        asyncio.run(ingest.add_to_library(interaction(), message(snapshots=(message(),))))


def test_ask_about_this__empty_forward() -> None:
    with pytest.raises(Refusal, match="contains no text"):
        asyncio.run(ask_about_this(interaction(), message(snapshots=(message("", "rules.pdf"),))))


@pytest.mark.parametrize(
    ("link", "parsed"),
    [
        (f"{URL}/1/2/3", MessageLink("1", 2, 3)),
        (f"<{URL}/1/2/3>", MessageLink("1", 2, 3)),
        (f" {URL}/1/2/3/ ", MessageLink("1", 2, 3)),
        (f"{URL}/@me/2/3", MessageLink("@me", 2, 3)),
        (f"{URL}/1/2", MessageLink("1", 2, None)),
        ("https://ptb.discord.com/channels/1/2/3?x=1", MessageLink("1", 2, 3)),
        ("http://canary.discordapp.com/channels/1/2/3", MessageLink("1", 2, 3)),
        ("https://discord.com/invite/abc", None),
        ("https://evil.org/?https://discord.com/channels/1/2/3", None),
        ("https://discord.com.evil.org/channels/1/2/3", None),
    ],
)
def test_parse_message_link(link: str, parsed: MessageLink | None) -> None:
    assert parse_message_link(link) == parsed


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (message("", "rules.pdf", number=9), [("rules.pdf", f"{URL}/1/2/9")]),
        (message("See https://example.org.", number=9), [("https://example.org", "https://example.org")]),
        (message("The key is with Ole.", number=9), [("The key is with Ole.md", f"{URL}/1/2/9")]),
        (message(snapshots=(message("Forwarded.", "a.pdf"),), number=9), [("a.pdf", f"{URL}/1/2/9")]),
    ],
)
def test_message_link__adds_the_contents_of_the_message(
    added: list[Any], found: Any, expected: list[tuple[str, str]]
) -> None:
    asyncio.run(ingest.add_to_library(interaction(Channel(found)), message(f"See {URL}/1/2/9")))
    assert names(added) == expected


@pytest.mark.parametrize(
    ("channel", "link", "guild_id", "key"),
    [
        (Channel(message("x"), view_channel=False), f"{URL}/1/2/9", 1, "refusal-message-hidden"),
        (Channel(message("x"), read_message_history=False), f"{URL}/1/2/9", 1, "refusal-message-hidden"),
        (Channel(http_error(discord.NotFound, 404)), f"{URL}/1/2/9", 1, "refusal-message-hidden"),
        (Channel(http_error(discord.Forbidden, 403)), f"{URL}/1/2/9", 1, "refusal-message-unreadable"),
        (Channel(message()), f"{URL}/1/2/9", 1, "refusal-message-empty"),
        (Channel(message("x")), f"{URL}/7/2/9", 1, "refusal-message-elsewhere"),
        (Channel(message("x")), f"{URL}/@me/2/9", 1, "refusal-message-elsewhere"),
        (Channel(message("x")), f"{URL}/1/2/9", None, "refusal-message-elsewhere"),
        (Channel(message("x")), f"{URL}/1/2", 1, "refusal-channel-link"),
        (Channel(message(f"{URL}/1/2/8")), f"{URL}/1/2/9", 1, "refusal-message-link"),
        (Thread(message("x"), members=(6,)), f"{URL}/1/2/9", 1, "refusal-message-hidden"),
    ],
)
def test_message_link__refusals(added: list[Any], channel: Any, link: str, guild_id: int | None, key: str) -> None:
    with pytest.raises(RefusalGroup):
        asyncio.run(ingest.add_to_library(interaction(channel, guild_id=guild_id), message(f"See {link}")))
    assert [refusal.key for _, refusals in added for refusal in refusals] == [key]


@pytest.mark.parametrize(
    "thread", [Thread(message("x"), members=(5,)), Thread(message("x"), members=(), moderator=True)]
)
def test_message_link__private_thread_of_the_user(added: list[Any], thread: Any) -> None:
    asyncio.run(ingest.add_to_library(interaction(thread), message(f"{URL}/1/2/9")))
    assert len(names(added)) == 1


def test_message_link__slow_discord(added: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Channel):
        async def fetch_message(self, id: int, /) -> Any:  # noqa: A002 - the name in discord.py
            await asyncio.sleep(5)

    monkeypatch.setattr("bot.interactions.messages.FETCH_TIMEOUT_S", 0.01)
    with pytest.raises(RefusalGroup):
        asyncio.run(ingest.add_to_library(interaction(Slow(None)), message(f"{URL}/1/2/9")))
    assert added[0][1][0].key == "refusal-message-timeout"


def test_link_item__never_fetches_a_message_as_a_page() -> None:
    with pytest.raises(Refusal, match="Discord messages"):
        additions.link_item(f"{URL}/1/2/3")
