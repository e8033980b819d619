"""Documents on their way from an interaction into the ledger: checked, acknowledged, downloaded, kept, submitted."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import aiohttp
import discord
import structlog

from bot.interactions import clients
from bot.interactions.questions import target_of
from bot.interactions.refusals import Refusal, RefusalGroup, sentence
from bot.interactions.replies import defer
from bot.interactions.scope import RequestContext, place_of
from bot.interactions.tracker import visit_of
from bot.render import sanitize
from bot.render.split import MAX_MESSAGE_UNITS, truncate
from bot.services.library import LibraryService, NewDocument, StoredBlob, require_may_add

log = structlog.get_logger(__name__)

AT_ONCE = 3
"""AttachmentDownloader at the same time: each may hold a file of the largest size in memory."""
DOWNLOAD = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)
CHUNK = 1 << 16
MAX_LINK = 2000
TITLE_WORDS = 60


@dataclass(frozen=True, slots=True)
class UploadItem:
    """One thing a person wants to add: an attachment that Discord keeps, or what is here already."""

    addition: NewDocument
    attachment: discord.Attachment | None = None
    content: bytes | None = None


class AttachmentDownloader:
    """Fetches attachments from Discord, a few at a time and never more than may be added."""

    def __init__(self, max_bytes: int) -> None:
        """Set the size of the largest file."""
        self.max_bytes = max_bytes
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def keep(self, place: RequestContext, item: UploadItem, library: LibraryService) -> StoredBlob:
        """Download what has to be downloaded and keep it; raises a refusal."""
        if item.addition.url is not None:
            return StoredBlob()
        async with self._slots:
            content = item.content if item.attachment is None else await self._download(item.attachment)
            return await library.keep(place, content or b"")

    async def _download(self, attachment: discord.Attachment) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=DOWNLOAD)
        name = sanitize.escape_title(attachment.filename)
        content = bytearray()
        try:
            async with self._session.get(attachment.url, allow_redirects=False) as response:
                if response.status != 200:
                    raise Refusal("refusal-file-unavailable", name=name)
                async for chunk in response.content.iter_chunked(CHUNK):
                    content += chunk
                    if len(content) > self.max_bytes:
                        raise _too_large(attachment.filename, self.max_bytes)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("attachment not downloaded", error=type(error).__name__)
            raise Refusal("refusal-file-unavailable", name=name) from None
        if not content:
            raise Refusal("refusal-file-empty", name=name)
        return bytes(content)


def attached(attachment: discord.Attachment, max_bytes: int, origin: str | None = None) -> UploadItem:
    """Take an attachment; raises a refusal for one that is empty or too large, before anything is downloaded."""
    if attachment.size > max_bytes:
        raise _too_large(attachment.filename, max_bytes)
    if attachment.size == 0:
        raise Refusal("refusal-file-empty", name=sanitize.escape_title(attachment.filename))
    addition = NewDocument(attachment.filename, media_type=attachment.content_type or "", origin=origin)
    return UploadItem(addition, attachment)


def linked(link: str) -> UploadItem:
    """Take a link; raises a refusal for what is none."""
    link = link.strip().removeprefix("<").removesuffix(">")
    try:
        parts = urlsplit(link)
        good = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or len(link) > MAX_LINK or re.search(r"\s", link):
        raise Refusal("refusal-invalid-link", link=sanitize.format_inline_code(link, 100))
    return UploadItem(NewDocument(link, url=link, origin=link))


def written(text: str, title: str = "", *, identity: str = "", origin: str | None = None) -> UploadItem:
    """Take a text; its title, or else what it says, is what stays the same when it is added anew."""
    text, title = text.strip(), " ".join(title.split())
    if not text:
        raise Refusal("refusal-text-empty")
    if title:
        text = f"# {title}\n\n{text}"
        addition = NewDocument(f"{title}.md", identity and f"{identity}.md", media_type="text/markdown", origin=origin)
    else:
        first = " ".join(text[: TITLE_WORDS * 2].split())[:TITLE_WORDS].strip("#*_`~. ") or "text"
        digest = hashlib.sha256(text.encode("utf-8", "ignore")).hexdigest()[:12]
        addition = NewDocument(
            f"{first}.md", f"{identity or f'text-{digest}'}.md", media_type="text/markdown", origin=origin
        )
    return UploadItem(addition, content=text.encode("utf-8", "ignore"))


async def add(
    interaction: discord.Interaction,
    items: Sequence[UploadItem],
    refused: Sequence[Refusal],
    *,
    visible: str | None = None,
) -> None:
    """Acknowledge what was checked, keep it and submit it; what is refused is said in private, the rest goes on."""
    if not items:
        raise RefusalGroup(refused)
    services = clients.services_of(interaction)
    place = place_of(interaction)
    known = services.known_rules(place)
    require_may_add(place, known)
    deferred = await defer(interaction, private=not place.may_answer_publicly(known.chosen))
    await services.library.check_room(place, len(items))
    scope = place.visible_to(visible)
    origin = None if deferred.private else _jump_link(place, deferred.message_id)
    taken = await asyncio.gather(
        *(_take(interaction, place, _found_at(item, origin), scope) for item in items), return_exceptions=True
    )
    kept, refused = [], list(refused)
    for outcome in taken:
        if isinstance(outcome, Refusal):
            refused.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            kept.append(outcome)
    if not kept:
        raise RefusalGroup(refused)
    if refused:
        await _tell_refused(interaction, refused)
    visit_of(interaction).jobs += await services.library.add(place, kept, scope, target_of(interaction, deferred))
    visit_of(interaction).thinking = ""  # from here on the message is the courier's


async def _tell_refused(interaction: discord.Interaction, refused: Sequence[Refusal]) -> None:
    t = clients.texts_of(interaction)
    # Discord puts the first follow-up into a message that still thinks, so that gets something of its own before.
    await interaction.edit_original_response(content=t("ingest-received"))
    said = "\n".join(sentence(refusal, t) for refusal in refused)
    await interaction.followup.send(truncate(said, MAX_MESSAGE_UNITS), ephemeral=True, suppress_embeds=True)


async def _take(
    interaction: discord.Interaction, place: RequestContext, item: UploadItem, scope: Sequence[str] | None
) -> tuple[NewDocument, StoredBlob]:
    bot = clients.bot_of(interaction)
    await bot.services.library.check_free(place, item.addition, scope)
    return item.addition, await bot.downloads.keep(place, item, bot.services.library)


def _found_at(item: UploadItem, card: str | None) -> UploadItem:
    if item.addition.origin is not None or card is None:
        return item
    return replace(item, addition=replace(item.addition, origin=card))


def _jump_link(place: RequestContext, message_id: str | None) -> str | None:
    if message_id is None:
        return None
    return f"https://discord.com/channels/{place.guild_id or '@me'}/{place.channel_id}/{message_id}"


def _too_large(name: str, max_bytes: int) -> Refusal:
    return Refusal("refusal-file-too-large", name=sanitize.escape_title(name), limit=f"{max_bytes / 1e6:g}")
