"""The `/ingest` command and the message command *Add to library*."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.options import describe_options
from bot.interactions import additions
from bot.interactions.accessors import client_of, texts_of
from bot.interactions.downloads import UploadItem
from bot.interactions.replies import open_form
from bot.interactions.tracker import record_of
from bot.locales.translator import localized
from bot.render import sanitize
from bot.services.refusals import Refusal
from bot.views.forms import build_text_form

LINK_PATTERN = re.compile(r"https?://[^\s<>]+")
MAX_LINKS = 5


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
        loaders: list[Callable[[], UploadItem]] = [_attachment_loader(interaction, attachment) for attachment in files]
        if link is not None:
            loaders.append(lambda: additions.link_item(link))
        if text is not None:
            loaders.append(lambda: additions.text_item(text, title or ""))
        items, refusals = collect_items(loaders)
        await additions.add(interaction, items, refusals, visible=chosen)


async def add_to_library(interaction: discord.Interaction, message: discord.Message) -> None:
    """Add the files of a message, otherwise its links, otherwise its text."""
    origin = message.jump_url
    loaders: list[Callable[[], UploadItem]] = [
        _attachment_loader(interaction, attachment, origin) for attachment in message.attachments
    ]
    if not loaders:
        links = dict.fromkeys(found.rstrip(".,;:!?)]}>\"'") for found in LINK_PATTERN.findall(message.content))
        loaders = [(lambda link=link: additions.link_item(link)) for link in list(links)[:MAX_LINKS]]  # type: ignore[misc]
    if not loaders and message.content.strip():
        loaders = [lambda: additions.text_item(message.content, identity=f"message-{message.id}", origin=origin)]
    if not loaders:
        raise Refusal("refusal-nothing-to-add")
    items, refusals = collect_items(loaders)
    await additions.add(interaction, items, refusals)


def collect_items(loaders: Iterable[Callable[[], UploadItem]]) -> tuple[list[UploadItem], list[Refusal]]:
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


def _attachment_loader(
    interaction: discord.Interaction, attachment: discord.Attachment, origin: str | None = None
) -> Callable[[], UploadItem]:
    max_bytes = client_of(interaction).downloads.max_bytes
    return lambda: additions.attachment_item(attachment, max_bytes, origin)
