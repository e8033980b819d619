"""The fake Discord and the real discord.py: connections, shards, commands, buttons, forms, rate limits."""

from __future__ import annotations

import asyncio
import io
import threading
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from tests.fake_discord import FakeDiscord

POST = "POST /channels/{channel_id}/messages"


@pytest.fixture
def fake():
    with FakeDiscord() as fake:
        yield fake


@pytest.fixture
def world(fake):
    anna = fake.add_user("anna")
    guild = fake.add_guild(members=[anna])
    return SimpleNamespace(fake=fake, anna=anna, guild=guild, channel=fake.add_channel(guild))


class Vote(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"vote:(?P<number>\d+)"):
    def __init__(self, number):
        super().__init__(discord.ui.Button(label="Vote", custom_id=f"vote:{number}"))
        self.number = number

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls(int(match["number"]))

    async def callback(self, interaction):
        await interaction.response.send_message(f"voted {self.number}", ephemeral=True)


class Form(discord.ui.Modal, title="Form"):
    note: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Note")

    async def on_submit(self, interaction):
        await interaction.response.send_message(f"noted {self.note.value}")


class Bot(commands.AutoShardedBot):
    """The real client without the pauses that Discord's servers require."""

    def __init__(self, fake, **options):
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, **options)
        super().__init__("!", intents=intents, allowed_mentions=discord.AllowedMentions.none())
        self._connection.guild_ready_timeout = 0.01
        self.fake = fake
        self.failure: Exception | None = None
        self.tree.add_command(app_commands.Command(name="ask", description="Ask", callback=ask))
        self.tree.add_command(app_commands.Command(name="note", description="Note", callback=note))
        docs = app_commands.Group(name="docs", description="Documents")
        docs.add_command(app_commands.Command(name="show", description="Show", callback=show))
        self.tree.add_command(docs)
        self.tree.add_command(app_commands.ContextMenu(name="Keep", callback=keep))

    async def setup_hook(self):
        self.add_dynamic_items(Vote)
        await self.tree.sync()

    async def before_identify_hook(self, shard_id, *, initial=False):
        pass

    async def on_message(self, message):
        if self.user in message.mentions and not message.author.bot:
            await message.reply(f"heard {message.clean_content}")


async def ask(interaction: discord.Interaction, question: str, file: discord.Attachment | None = None) -> None:
    await interaction.response.defer(thinking=True)
    view = discord.ui.View(timeout=None)
    view.add_item(Vote(7))
    told = (await file.read()).decode() if file else ""
    embed = discord.Embed(title="Sources").set_image(url="attachment://ranks.png")
    picture = discord.File(io.BytesIO(b"png"), "ranks.png")
    text = f"{question} {told} @everyone"
    await interaction.edit_original_response(content=text, embed=embed, attachments=[picture], view=view)


async def note(interaction: discord.Interaction) -> None:
    await interaction.response.send_modal(Form())


async def suggest(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=f"{typed} {number}", value=str(number)) for number in range(3)]


@app_commands.autocomplete(document=suggest)
async def show(interaction: discord.Interaction, document: str) -> None:
    layout = discord.ui.LayoutView(timeout=None)
    layout.add_item(discord.ui.Container(discord.ui.TextDisplay(f"document {document}")))
    await interaction.response.send_message(view=layout, ephemeral=True)


async def keep(interaction: discord.Interaction, message: discord.Message) -> None:
    await interaction.response.send_message(f"kept {message.content}")
    thread = await message.create_thread(name="log")
    await thread.send("in the thread")


@contextmanager
def running(fake, monkeypatch, *, token=None, **intents):
    """Run the client on a separate thread until it is ready or has failed, and close it at the end."""
    monkeypatch.setattr(Route, "BASE", fake.api_url)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", type(DiscordWebSocket.DEFAULT_GATEWAY)(fake.gateway_url))
    bots: list[Bot] = []

    async def live():
        async_context.set(AsyncWebhookAdapter())  # two bots in one process would share locks over two loops
        bots.append(Bot(fake, **intents))
        async with bots[0] as bot:
            try:
                await bot.start(token or fake.world.token)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
                bot.failure = error

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    try:
        fake.wait_until(lambda: bots and (bots[0].failure or bots[0].is_ready()), what="a bot")
        yield bots[0]
    finally:
        if bots and not bots[0].failure:
            asyncio.run_coroutine_threadsafe(bots[0].close(), bots[0].loop)
        thread.join(10)


def test_discord_py__responds_to_users(world, monkeypatch):
    fake, anna, channel = world.fake, world.anna, world.channel
    with running(fake, monkeypatch):
        asked = anna.slash("ask", channel=channel, question="Why?", file=("n.txt", b"because"))
        answer = asked.wait_message("Why? because")
        assert asked.ack_latency_s < 3
        assert [look.flags for look in answer.history] == [128, 0]
        assert (answer.attachments[0].data, bool(answer.pings)) == (b"png", False)
        vote = anna.click(answer, "Vote").wait_message("voted 7")
        assert vote.ephemeral
        assert vote not in channel.messages
        assert [one.value for one in anna.autocomplete("docs show", "document", "x")] == ["0", "1", "2"]
        assert anna.slash("docs show", document="2").wait_message().text == "document 2"
        assert anna.submit_modal(anna.slash("note"), {"Note": "N"}).wait_message().text == "noted N"
        said = anna.say(channel, "a fact")
        anna.message_command("Keep", said).wait_message("kept a fact")
        fake.wait_until(lambda: said.thread and said.thread.messages)
        assert said.thread.id == said.id
        anna.say(channel, "hello", mentions_bot=True)
        fake.wait_until(lambda: "heard" in channel.messages[-1].text)
        anna.say(anna.dm, "to you alone")
    assert list(map(str, fake.problems)) == []


def test_discord_py__resumes_and_gets_what_it_missed(world, monkeypatch):
    fake = world.fake
    with running(fake, monkeypatch):
        fake.reconnect()
        fake.wait_until(lambda: fake.sessions[0].resumed == 1, what="a resume")
        fake.drop_sockets()
        world.anna.slash("note", channel=world.channel).wait_acknowledged()
        assert (fake.sessions[0].resumed, fake.world.gateway.identifies) == (2, 1)
        fake.invalidate_sessions()
        fake.wait_until(lambda: fake.world.gateway.identifies == 2, what="a new IDENTIFY")
        world.anna.slash("note", channel=world.channel).wait_acknowledged()


def test_discord_py__delayed_and_repeated_events(world, monkeypatch):
    fake = world.fake
    with running(fake, monkeypatch):
        with fake.hold_events():
            asked = world.anna.slash("note", channel=world.channel)
            assert not asked.acknowledged
        asked.wait_acknowledged()
        fake.repeat_event("INTERACTION_CREATE")
        twice = world.anna.slash("note", channel=world.channel)
        fake.wait_until(lambda: twice.refused == [40060], what="a second callback")
        assert twice.acknowledged


def test_discord_py__waits_out_a_rate_limit_and_an_error(world, monkeypatch):
    fake = world.fake
    with running(fake, monkeypatch) as bot:
        fake.rate_limit(POST, retry_after_s=0.05)
        fake.rate_limit("*/messages", retry_after_s=0.05, scope="global")
        place = bot.get_channel(world.channel.id)
        asyncio.run_coroutine_threadsafe(place.send("late"), bot.loop).result(10)
    assert [one.status for one in fake.requests_to(POST)] == [429, 429, 200]
    assert len(world.channel.messages) == 1
    assert fake.invalid_requests == 2


def test_discord_py__wrong_token_and_unapproved_intents_end_it(fake, monkeypatch):
    with running(fake, monkeypatch, token="other") as bot:
        assert isinstance(bot.failure, discord.LoginFailure)
    with running(fake, monkeypatch, message_content=True) as bot:
        fake.wait_until(lambda: bot.failure, what="the end")
        assert isinstance(bot.failure, discord.PrivilegedIntentsRequired)
    assert fake.problems == []


def test_discord_py__every_shard_and_every_process_gets_its_events(monkeypatch):
    with FakeDiscord(shards=2) as fake:
        anna = fake.add_user("anna")
        places = [fake.add_channel(fake.add_guild(members=[anna], shard=shard)) for shard in (0, 1)]
        with running(fake, monkeypatch), running(fake, monkeypatch):
            assert sorted(one.shard for one in fake.sessions) == [0, 0, 1, 1]
            for place in places:
                asked = anna.slash("note", channel=place).wait_acknowledged()
                fake.wait_until(partial(getattr, asked, "refused"), what="the second process's callback")
                assert asked.refused == [40060]
