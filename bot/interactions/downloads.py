"""Download attachments from Discord and store their content."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
import discord
import structlog

from bot.render import sanitize
from bot.services.library import LibraryService, NewDocument, StoredBlob
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext

log = structlog.get_logger(__name__)

CONCURRENCY = 3
"""Concurrent downloads. Each may keep a file of the maximum size in memory."""
TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)
READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class UploadItem:
    """A document to add: an attachment to download, or content that is already in memory."""

    addition: NewDocument
    attachment: discord.Attachment | None = None
    content: bytes | None = None


class AttachmentDownloader:
    """Downloads attachments with limited concurrency and size."""

    def __init__(self, max_bytes: int) -> None:
        """Create a downloader that rejects files larger than `max_bytes`."""
        self.max_bytes = max_bytes
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def store(self, context: RequestContext, item: UploadItem, library: LibraryService) -> StoredBlob:
        """Download an item if necessary and store its content; a link has none.

        Raises:
            Refusal: The file is empty, too large or no longer available.
        """
        if item.addition.url is not None:
            return StoredBlob()
        async with self._slots:
            content = item.content if item.attachment is None else await self._download(item.attachment)
            return await library.store_content(context, content or b"")

    async def _download(self, attachment: discord.Attachment) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        name = sanitize.escape_title(attachment.filename)
        content = bytearray()
        try:
            async with self._session.get(attachment.url, allow_redirects=False) as response:
                if response.status != 200:
                    raise Refusal("refusal-file-unavailable", name=name)
                async for chunk in response.content.iter_chunked(READ_BYTES):
                    content += chunk
                    if len(content) > self.max_bytes:
                        raise too_large(attachment.filename, self.max_bytes)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("attachment download failed", error=type(error).__name__)
            raise Refusal("refusal-file-unavailable", name=name) from None
        if not content:
            raise Refusal("refusal-file-empty", name=name)
        return bytes(content)


def too_large(name: str, max_bytes: int) -> Refusal:
    """Build the refusal of a file that is larger than `max_bytes`."""
    return Refusal("refusal-file-too-large", name=sanitize.escape_title(name), limit=f"{max_bytes / 1e6:g}")
