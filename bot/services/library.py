"""Documents: added, listed, shown, deleted, read again; always as the person at this place may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.render import sanitize
from bot.services.async_database import AsyncDatabase, EffectiveSettings
from bot.services.questions import TargetMessage
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import blobs, deliveries, documents, jobs, quotas
from db.documents import DocumentSummary
from db.engine import Session
from db.plain import storable
from pipeline.errors import UnknownName
from tasks.submit import Submitter

SAME_TITLE = 10
"""Documents of one title that are named by their numbers."""
SUGGESTIONS = 25
"""The most that Discord takes."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """One thing to add: bytes with a name, or a link."""

    name: str
    identity: str = ""
    """What stays the same when it is added anew; empty: its name."""
    url: str | None = None
    media_type: str = ""
    origin: str | None = None
    """Link under which people find the original."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Bytes that are in the store already; a link has none yet."""

    sha256: str | None = None
    size: int = 0


class LibraryService:
    """Documents of a workspace, as far as the person may see and change them."""

    def __init__(self, async_database: AsyncDatabase, submitter: Submitter) -> None:
        """Work through a door."""
        self._async_database = async_database
        self._submitter = submitter

    async def check_quota(self, context: RequestContext, count: int) -> None:
        """Raise `QuotaExceeded` or a refusal when this person may not add so many; before anything is downloaded."""
        await self._async_database.run(lambda: self._check_quota(context, count))

    async def check_replaceable(
        self, context: RequestContext, addition: NewDocument, scope: Sequence[str] | None
    ) -> None:
        """Raise a refusal when it would replace a document that this person may not replace."""
        await self._async_database.run(lambda: self._check_replaceable(context, addition, scope))

    async def store_content(self, context: RequestContext, content: bytes) -> StoredBlob:
        """Keep bytes."""
        return await self._async_database.run(lambda: self._store_content(context, content))

    async def add(
        self,
        context: RequestContext,
        kept: Sequence[tuple[NewDocument, StoredBlob]],
        scope: Sequence[str] | None,
        target: TargetMessage,
    ) -> list[int]:
        """Submit what was kept, and links, shown on one card; gives the jobs."""
        return await self._async_database.run(lambda: self._add(context, kept, scope, target))

    async def documents(
        self, context: RequestContext, search: str = "", *, limit: int, offset: int = 0
    ) -> tuple[list[DocumentSummary], int]:
        """List the documents this person may see, newest first, and count them all."""
        return await self._async_database.run(lambda: self._documents(context, search, limit, offset))

    async def document(self, context: RequestContext, named: str, *, to_delete: bool = False) -> DocumentSummary:
        """Find a document by its number or its title; raises a refusal when there is none for this person.

        `to_delete` also finds what this person may tidy up without with_visible_channels it.
        """
        return await self._async_database.run(lambda: self._document(context, named, to_delete=to_delete))

    async def beginning(self, context: RequestContext, document: DocumentSummary) -> str:
        """Give what a document begins with, which was found for this person before."""
        return await self._async_database.run(lambda: self._beginning(context, document.id))

    async def original(self, context: RequestContext, document_id: int) -> tuple[str, bytes]:
        """Give the file name and the original bytes."""
        return await self._async_database.run(lambda: self._original(context, document_id))

    async def delete(self, context: RequestContext, document_id: int) -> str:
        """Delete a document of one's own, or any as a manager; gives its title."""
        return await self._async_database.run(lambda: self._delete(context, document_id))

    async def reingest(self, context: RequestContext, document_id: int, target: TargetMessage) -> int:
        """Read a document again from its original; gives the job."""
        return await self._async_database.run(lambda: self._reingest(context, document_id, target))

    def _check_quota(self, context: RequestContext, count: int) -> None:
        rules = self._async_database.load_settings(context)
        require_may_add(context, rules)
        number = self._async_database.workspace_id(context)
        with self._async_database.database.tenant(number) as session:
            quotas.admit(session, number, context.user_id, rules.document_quota, count)

    def _check_replaceable(self, context: RequestContext, addition: NewDocument, scope: Sequence[str] | None) -> None:
        number = self._async_database.workspace_id(context)
        with self._async_database.database.tenant(number) as session:
            try:
                require_replaceable(session, number, context, source_identity(context, addition, scope), addition.name)
            except Refusal:
                if addition.url is None and not addition.identity:
                    raise
                # The same message or link, not another thing of the same name.
                raise Refusal("refusal-already-added", name=sanitize.escape_title(addition.name)) from None

    def _store_content(self, context: RequestContext, content: bytes) -> StoredBlob:
        number = self._async_database.workspace_id(context)
        with self._async_database.database.tenant(number) as session:
            return StoredBlob(blobs.keep_blob(session, number, content), len(content))

    def _add(
        self,
        context: RequestContext,
        kept: Sequence[tuple[NewDocument, StoredBlob]],
        scope: Sequence[str] | None,
        target: TargetMessage,
    ) -> list[int]:
        number = self._async_database.workspace_id(context)
        several = len(kept) > 1
        new_jobs = [
            jobs.NewJob(
                number,
                "ingest",
                _payload(context, addition, bytes_kept, scope),
                requester=context.user_id,
                request_key=f"{target.request_key}:{n}" if several else target.request_key,
                max_attempts=self._async_database.settings.jobs.max_attempts,
            )
            for n, (addition, bytes_kept) in enumerate(kept, start=1)
        ]
        delivery = target.delivery(context, number, "ingest")
        return self._submitter.submit(
            new_jobs, delivery=delivery, quota=self._async_database.load_settings(context).document_quota
        )

    def _documents(
        self, context: RequestContext, search: str, limit: int, offset: int
    ) -> tuple[list[DocumentSummary], int]:
        wanted: dict[str, Any] = {
            "search": storable(search.strip()),
            "channels": visible_channels(context),
            "orphans": manageable_orphans(context),
        }
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            found = documents.list_documents(session, limit=limit, offset=offset, **wanted)
            return found, documents.count_documents(session, **wanted) if offset or len(found) == limit else len(found)

    def _document(self, context: RequestContext, named: str, *, to_delete: bool) -> DocumentSummary:
        named = named.strip()
        sight: dict[str, Any] = {
            "channels": visible_channels(context),
            "orphans": manageable_orphans(context) if to_delete else None,
        }
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            if named.isascii() and named.isdigit() and len(named) < 10:
                try:
                    return documents.find_document(session, int(named), **sight)
                except UnknownName:
                    pass  # a title may be a number too
            same = documents.titled(session, storable(named), **sight, limit=SAME_TITLE)
            if not same:
                same = documents.list_documents(session, limit=2, search=storable(named), **sight)
            elif len(same) > 1:
                numbers = ", ".join(f"`{document.id}`" for document in same)
                raise Refusal("refusal-same-title", name=sanitize.escape_title(named), numbers=numbers)
        if not named or len(same) != 1:
            raise Refusal("refusal-unknown-document", name=sanitize.escape_title(named))
        return same[0]

    def _beginning(self, context: RequestContext, document_id: int) -> str:
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            return documents.document_beginning(session, document_id)

    def _original(self, context: RequestContext, document_id: int) -> tuple[str, bytes]:
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            name, _, content = documents.original(session, document_id, channels=visible_channels(context))
        return name, content

    def _delete(self, context: RequestContext, document_id: int) -> str:
        with self._async_database.database.tenant(self._async_database.workspace_id(context)) as session:
            sight: dict[str, Any] = {"channels": visible_channels(context), "orphans": manageable_orphans(context)}
            self._require_change(context, documents.find_document(session, document_id, **sight))
            title: str = documents.delete_document(session, document_id)
            return title

    def _reingest(self, context: RequestContext, document_id: int, target: TargetMessage) -> int:
        number = self._async_database.workspace_id(context)
        with self._async_database.database.tenant(number) as session:
            self._require_change(
                context, documents.find_document(session, document_id, channels=visible_channels(context))
            )
            payload = documents.reingest_payload(session, document_id, channels=visible_channels(context))
        job = jobs.NewJob(
            number,
            "ingest",
            payload,
            requester=context.user_id,
            request_key=target.request_key,
            max_attempts=self._async_database.settings.jobs.max_attempts,
        )
        delivery: deliveries.NewDelivery = target.delivery(context, number, "ingest")
        return self._submitter.submit(
            [job], delivery=delivery, quota=self._async_database.load_settings(context).document_quota
        )[0]

    def _require_change(self, context: RequestContext, document: DocumentSummary) -> None:
        if not context.may_change(document.added_by):
            raise Refusal("refusal-not-your-document", title=sanitize.escape_title(document.title))


def require_may_add(context: RequestContext, rules: EffectiveSettings) -> None:
    """Raise a refusal when this person may not add documents here."""
    if context.may_add(rules.overrides):
        return
    if rules.overrides.ingest_by == "role" and rules.overrides.ingest_role:
        raise Refusal("refusal-may-not-add-role", role=f"<@&{rules.overrides.ingest_role}>")
    raise Refusal("refusal-may-not-add-managers")


def require_replaceable(session: Session, number: int, context: RequestContext, source: str, name: str) -> None:
    """Raise a refusal when a source holds a document that this person may not replace."""
    owner = documents.owner_of_source(session, number, source)
    if owner is not None and not context.may_change(owner):
        raise Refusal("refusal-name-taken", name=sanitize.escape_title(name))


def visible_channels(context: RequestContext) -> tuple[str, ...] | None:
    """Give the channels whose documents this person may see in private; None in one's own library, where it is all."""
    return None if context.guild_id is None else context.private_channels


def manageable_orphans(context: RequestContext) -> documents.OrphanedDocuments | None:
    """Say which documents this person may list and delete beyond those that are open to them."""
    if context.guild_id is None:
        return None
    return documents.OrphanedDocuments(
        context.user_id, context.guild_channels if context.manager and context.guild_channels else None
    )


def source_identity(context: RequestContext, addition: NewDocument, scope: Sequence[str] | None) -> str:
    """Name a document so that the same file name, or link, for the same readers is a new version of it.

    One that only a channel sees has a name of its own, or people would meet names that they cannot see.
    """
    if addition.url is not None and scope is None:
        return str(storable(addition.url))
    identity = storable(addition.url or addition.identity or addition.name).replace("/", "_")
    return "/".join([f"discord:{context.guild_id or context.user_id}", *(scope or ()), identity])


def _payload(
    context: RequestContext, addition: NewDocument, kept: StoredBlob, scope: Sequence[str] | None
) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "source": source_identity(context, addition, scope),
        "name": storable(addition.name),
        "channels": None if scope is None else list(scope),
        "origin": addition.origin,
        "sha256": kept.sha256,
    }
    if addition.url is not None:
        return payload | {"url": storable(addition.url)}
    return payload | {"bytes": kept.size, "media_type": addition.media_type}
