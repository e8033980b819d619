"""Add documents from an interaction: check, acknowledge, download, store, submit."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import discord

from bot.interactions.accessors import client_of, services_of, texts_of
from bot.interactions.context import context_of
from bot.interactions.downloads import UploadItem, too_large
from bot.interactions.errors import error_text
from bot.interactions.messages import parse_message_link
from bot.interactions.questions import target_message
from bot.interactions.replies import DeferredResponse, defer
from bot.interactions.tracker import record_of
from bot.render import sanitize
from bot.render.split import MAX_MESSAGE_UNITS, truncate
from bot.services.library import NewDocument, StoredBlob, require_may_add
from bot.services.refusals import Refusal, RefusalGroup
from bot.services.request_context import RequestContext

MAX_LINK_CHARS = 2000
TITLE_CHARS = 60


def attachment_item(attachment: discord.Attachment, max_bytes: int, origin: str | None = None) -> UploadItem:
    """Build the item of an attachment.

    Raises:
        Refusal: The attachment is empty or larger than `max_bytes`; checked before it is downloaded.
    """
    if attachment.size > max_bytes:
        raise too_large(attachment.filename, max_bytes)
    if attachment.size == 0:
        raise Refusal("refusal-file-empty", name=sanitize.escape_title(attachment.filename))
    addition = NewDocument(attachment.filename, media_type=attachment.content_type or "", origin=origin)
    return UploadItem(addition, attachment)


def link_item(link: str) -> UploadItem:
    """Build the item of a link.

    Raises:
        Refusal: The text is not an http(s) URL, or is too long, or names a message of Discord: its page requires a
            login and contains no message.
    """
    if parse_message_link(link) is not None:
        raise Refusal("refusal-message-link")
    link = link.strip().removeprefix("<").removesuffix(">")
    try:
        parts = urlsplit(link)
        valid = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid or len(link) > MAX_LINK_CHARS or re.search(r"\s", link):
        raise Refusal("refusal-invalid-link", link=sanitize.format_inline_code(link, 100))
    return UploadItem(NewDocument(link, url=link, origin=link))


def text_item(text: str, title: str = "", *, identity: str = "", origin: str | None = None) -> UploadItem:
    """Build the item of a text.

    Args:
        text: The content.
        title: The title; a text with the same title becomes a new version of the document.
        identity: Name of the document in place of the title, for a text that can be edited, such as a message.
            Without title and identity, a hash of the text identifies the document.
        origin: Link to the original.

    Raises:
        Refusal: The text is empty.
    """
    text, title = text.strip(), " ".join(title.split())
    if not text:
        raise Refusal("refusal-text-empty")
    if title:
        text = f"# {title}\n\n{text}"
        identity = identity and f"{identity}.md"
    else:
        title = _first_words(text) or "text"
        digest = hashlib.sha256(text.encode("utf-8", "ignore")).hexdigest()[:12]
        identity = f"{identity or f'text-{digest}'}.md"
    addition = NewDocument(f"{title}.md", identity, media_type="text/markdown", origin=origin, title=title)
    return UploadItem(addition, content=text.encode("utf-8", "ignore"))


def _first_words(text: str) -> str:
    """Return the beginning of a text as a title, cut at the end of a word."""
    line = " ".join(text[: TITLE_CHARS * 4].split()).lstrip("#*_`~. ")
    if len(line) > TITLE_CHARS:
        space = line.rfind(" ", TITLE_CHARS // 2, TITLE_CHARS + 1)
        line = line[: space if space > 0 else TITLE_CHARS]  # a script without spaces is cut anywhere
    return line.strip("#*_`~. ,;:")


async def add(
    interaction: discord.Interaction,
    items: Sequence[UploadItem],
    refusals: Sequence[Refusal],
    *,
    visible: str | None = None,
) -> None:
    """Acknowledge the interaction, store the items and submit them; refused items are reported in private.

    Args:
        interaction: The interaction that adds documents.
        items: The items that passed their checks.
        refusals: The refusals of the other items.
        visible: `server`, `channel`, or None for the default of the channel.

    Raises:
        RefusalGroup: Every item was refused.
    """
    if not items:
        raise RefusalGroup(refusals)
    services = services_of(interaction)
    context = context_of(interaction)
    settings = services.cached_settings(context)
    require_may_add(context, settings)
    deferred = await defer(interaction, private=not context.may_answer_publicly(settings.overrides))
    await services.library.check_quota(context, len(items))
    scope = context.visible_to(visible)
    origin = None if deferred.private else _jump_link(context, deferred.message_id)
    outcomes = await asyncio.gather(
        *(_store(interaction, context, _with_origin(item, origin), scope) for item in items), return_exceptions=True
    )
    stored, refused = [], list(refusals)
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            refused.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            stored.append(outcome)
    if not stored:
        raise RefusalGroup(refused)
    if refused:
        await _report_refused(interaction, refused)
    record = record_of(interaction)
    record.jobs += await services.library.add(context, stored, scope, target_message(interaction, deferred))
    record.thinking = ""  # from here on the delivery worker edits the message


async def add_text(
    interaction: discord.Interaction,
    context: RequestContext,
    deferred: DeferredResponse,
    item: UploadItem,
    scope: Sequence[str] | None,
) -> int:
    """Store and submit one text with the given scope, shown in a deferred message; return the job ID."""
    library = services_of(interaction).library
    await library.check_quota(context, 1)
    stored = await _store(interaction, context, item, scope)
    (job,) = await library.add(context, [stored], scope, target_message(interaction, deferred))
    record = record_of(interaction)
    record.jobs.append(job)
    record.thinking = ""  # from here on the delivery worker edits the message
    return int(job)


async def _report_refused(interaction: discord.Interaction, refusals: Sequence[Refusal]) -> None:
    t = texts_of(interaction)
    # Discord would put the first follow-up into the deferred message, so that message is edited first.
    await interaction.edit_original_response(content=t("ingest-received"))
    text = "\n".join(error_text(refusal, t) for refusal in refusals)
    await interaction.followup.send(truncate(text, MAX_MESSAGE_UNITS), ephemeral=True, suppress_embeds=True)


async def _store(
    interaction: discord.Interaction, context: RequestContext, item: UploadItem, scope: Sequence[str] | None
) -> tuple[NewDocument, StoredBlob]:
    bot = client_of(interaction)
    await bot.services.library.check_replaceable(context, item.addition, scope)
    return item.addition, await bot.downloads.store(context, item, bot.services.library)


def _with_origin(item: UploadItem, origin: str | None) -> UploadItem:
    if item.addition.origin is not None or origin is None:
        return item
    return replace(item, addition=replace(item.addition, origin=origin))


def _jump_link(context: RequestContext, message_id: str | None) -> str | None:
    if message_id is None:
        return None
    return f"https://discord.com/channels/{context.guild_id or '@me'}/{context.channel_id}/{message_id}"
