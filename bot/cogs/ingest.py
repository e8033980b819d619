"""`/ingest` and *Add to library*: files, links and texts become documents."""

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
    """Adds to the library."""

    def __init__(self, bot: commands.Bot) -> None:
        """Belong to a bot, and put the command into the menus of messages."""
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
        """Take everything that was given; where nothing was, ask for a text."""
        files = [each for each in (file, file2, file3, file4, file5) if each is not None]
        chosen = None if visible is None else visible.value
        if not files and link is None and text is None:
            t = texts_of(interaction)
            await open_form(interaction, build_text_form(t, title=title or "", visible=chosen))
            record_of(interaction).outcome = "form"
            return
        wanted: list[Callable[[], UploadItem]] = [_attachment_loader(interaction, each) for each in files]
        if link is not None:
            wanted.append(lambda: additions.link_item(link))
        if text is not None:
            wanted.append(lambda: additions.text_item(text, title or ""))
        items, refused = collect_items(wanted)
        await additions.add(interaction, items, refused, visible=chosen)


async def add_to_library(interaction: discord.Interaction, message: discord.Message) -> None:
    """Add what a message holds: its files, else its links, else its text."""
    origin = message.jump_url
    wanted: list[Callable[[], UploadItem]] = [
        _attachment_loader(interaction, each, origin) for each in message.attachments
    ]
    if not wanted:
        links = dict.fromkeys(found.rstrip(".,;:!?)]}>\"'") for found in LINK_PATTERN.findall(message.content))
        wanted = [(lambda link=link: additions.link_item(link)) for link in list(links)[:MAX_LINKS]]  # type: ignore[misc]
    if not wanted and message.content.strip():
        wanted = [lambda: additions.text_item(message.content, identity=f"message-{message.id}", origin=origin)]
    if not wanted:
        raise Refusal("refusal-nothing-to-add")
    items, refused = collect_items(wanted)
    await additions.add(interaction, items, refused)


def collect_items(wanted: Iterable[Callable[[], UploadItem]]) -> tuple[list[UploadItem], list[Refusal]]:
    """Check each thing for itself: what can be added, and what is refused with its reason."""
    items: dict[str, UploadItem] = {}
    refused: list[Refusal] = []
    for take in wanted:
        try:
            item = take()
        except Refusal as refusal:
            refused.append(refusal)
            continue
        if item.addition.name in items:
            refused.append(Refusal("refusal-same-name", name=sanitize.escape_title(item.addition.name)))
        else:
            items[item.addition.name] = item
    return list(items.values()), refused


def _attachment_loader(
    interaction: discord.Interaction, attachment: discord.Attachment, origin: str | None = None
) -> Callable[[], UploadItem]:
    max_bytes = client_of(interaction).downloads.max_bytes
    return lambda: additions.attachment_item(attachment, max_bytes, origin)
