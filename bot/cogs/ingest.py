"""The `/ingest` command and the message command *Add to library*."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.options import describe_options
from bot.interactions import additions
from bot.interactions.accessors import client_of, texts_of
from bot.interactions.downloads import UploadItem
from bot.interactions.messages import fetch_linked_message, parse_message_link, read_contents
from bot.interactions.replies import open_form
from bot.interactions.tracker import record_of
from bot.locales.translator import localized
from bot.render import sanitize
from bot.services.refusals import Refusal
from bot.views.forms import build_text_form

LINK_PATTERN = re.compile(r"https?://[^\s<>]+")
MAX_LINKS = 5
Loader = Callable[[], UploadItem]
"""Builds one item, or raises the `Refusal` of it."""


class Ingest(commands.Cog):
    """The `/ingest` command and the message command *Add to library*."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot and register the message command."""
        self.bot = bot
        bot.tree.add_command(
            app_commands.ContextMenu(name=localized("cmd-add-to-library"), callback=add_to_library), override=True
        )

    @app_commands.command(name=localized("cmd-ingest"), description=localized("cmd-ingest-desc"))
    @describe_options(
        file="file",
        file2="file2",
        file3="file3",
        file4="file4",
        file5="file5",
        link="link",
        text="text",
        title="title",
        visible="visible",
    )
    @app_commands.choices(
        visible=[
            app_commands.Choice(name=localized("visible-server"), value="server"),
            app_commands.Choice(name=localized("visible-channel"), value="channel"),
        ]
    )
    async def ingest(
        self,
        interaction: discord.Interaction,
        file: discord.Attachment | None = None,
        file2: discord.Attachment | None = None,
        file3: discord.Attachment | None = None,
        file4: discord.Attachment | None = None,
        file5: discord.Attachment | None = None,
        link: str | None = None,
        text: str | None = None,
        title: app_commands.Range[str, 1, 100] | None = None,
        visible: app_commands.Choice[str] | None = None,
    ) -> None:
        """Add files, link and text; without any of them, open a form for a text."""
        files = [attachment for attachment in (file, file2, file3, file4, file5) if attachment is not None]
        chosen = None if visible is None else visible.value
        if not files and link is None and text is None:
            t = texts_of(interaction)
            await open_form(interaction, build_text_form(t, title=title or "", visible=chosen))
            record_of(interaction).outcome = "form"
            return
        loaders: list[Loader] = [_attachment_loader(interaction, attachment) for attachment in files]
        if link is not None:
            loaders += await _link_loaders(interaction, link)
        if text is not None:
            loaders.append(lambda: additions.text_item(text, title or ""))
        items, refusals = collect_items(loaders)
        await additions.add(interaction, items, refusals, visible=chosen)


async def add_to_library(interaction: discord.Interaction, message: discord.Message) -> None:
    """Add the files of a message or of the message that it forwards, otherwise its links, otherwise its text."""
    loaders = _file_loaders(interaction, message)
    if not loaders:
        for link in find_links(read_contents(message).text):
            loaders += await _link_loaders(interaction, link)
    items, refusals = collect_items(loaders or _text_loaders(message))
    await additions.add(interaction, items, refusals)


def find_links(text: str) -> list[str]:
    """Return the first distinct links in a text."""
    links = dict.fromkeys(found.rstrip(".,;:!?)]}>\"'") for found in LINK_PATTERN.findall(text))
    return list(links)[:MAX_LINKS]


def collect_items(loaders: Iterable[Loader]) -> tuple[list[UploadItem], list[Refusal]]:
    """Load each item separately; return the items that can be added and the refusals of the others."""
    items: dict[str, UploadItem] = {}
    refusals: list[Refusal] = []
    for load in loaders:
        try:
            item = load()
        except Refusal as refusal:
            refusals.append(refusal)
            continue
        if item.addition.name in items:
            refusals.append(Refusal("refusal-same-name", name=sanitize.escape_title(item.addition.name)))
        else:
            items[item.addition.name] = item
    return list(items.values()), refusals


async def _link_loaders(interaction: discord.Interaction, link: str) -> list[Loader]:
    """Build the loaders of a link: of the page, or of the contents of the Discord message that it names."""
    target = parse_message_link(link)
    if target is None:
        return [lambda: additions.link_item(link)]
    try:
        message = await fetch_linked_message(interaction, target)
    except Refusal as refusal:
        return [partial(_refuse, refusal)]
    # Links to further messages are not followed; `link_item` rejects them.
    links: list[Loader] = [partial(additions.link_item, found) for found in find_links(read_contents(message).text)]
    return _file_loaders(interaction, message) or links or _text_loaders(message)


def _file_loaders(interaction: discord.Interaction, message: discord.Message) -> list[Loader]:
    return [
        _attachment_loader(interaction, attachment, message.jump_url)
        for attachment in read_contents(message).attachments
    ]


def _text_loaders(message: discord.Message) -> list[Loader]:
    text = read_contents(message).text
    if not text:
        raise Refusal("refusal-nothing-to-add")
    return [lambda: additions.text_item(text, identity=f"message-{message.id}", origin=message.jump_url)]


def _refuse(refusal: Refusal) -> UploadItem:
    raise refusal


def _attachment_loader(
    interaction: discord.Interaction, attachment: discord.Attachment, origin: str | None = None
) -> Loader:
    max_bytes = client_of(interaction).downloads.max_bytes
    return lambda: additions.attachment_item(attachment, max_bytes, origin)
