"""Documents: added, listed, shown, deleted, read again; always as the person at this place may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.interactions.refusals import Refusal
from bot.interactions.scope import RequestContext
from bot.render import sanitize
from bot.services.async_database import AsyncDatabase, EffectiveSettings
from bot.services.questions import TargetMessage
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

    async def check_room(self, place: RequestContext, count: int) -> None:
        """Raise `QuotaExceeded` or a refusal when this person may not add so many; before anything is downloaded."""
        await self._async_database.run(lambda: self._check_room(place, count))

    async def check_free(self, place: RequestContext, addition: NewDocument, scope: Sequence[str] | None) -> None:
        """Raise a refusal when it would replace a document that this person may not replace."""
        await self._async_database.run(lambda: self._check_free(place, addition, scope))

    async def keep(self, place: RequestContext, content: bytes) -> StoredBlob:
        """Keep bytes."""
        return await self._async_database.run(lambda: self._keep(place, content))

    async def add(
        self,
        place: RequestContext,
        kept: Sequence[tuple[NewDocument, StoredBlob]],
        scope: Sequence[str] | None,
        target: TargetMessage,
    ) -> list[int]:
        """Submit what was kept, and links, shown on one card; gives the jobs."""
        return await self._async_database.run(lambda: self._add(place, kept, scope, target))

    async def documents(
        self, place: RequestContext, search: str = "", *, limit: int, offset: int = 0
    ) -> tuple[list[DocumentSummary], int]:
        """List the documents this person may see, newest first, and count them all."""
        return await self._async_database.run(lambda: self._documents(place, search, limit, offset))

    async def document(self, place: RequestContext, named: str, *, to_delete: bool = False) -> DocumentSummary:
        """Find a document by its number or its title; raises a refusal when there is none for this person.

        `to_delete` also finds what this person may tidy up without seeing it.
        """
        return await self._async_database.run(lambda: self._document(place, named, to_delete=to_delete))

    async def beginning(self, place: RequestContext, document: DocumentSummary) -> str:
        """Give what a document begins with, which was found for this person before."""
        return await self._async_database.run(lambda: self._beginning(place, document.id))

    async def original(self, place: RequestContext, document_id: int) -> tuple[str, bytes]:
        """Give the file name and the original bytes."""
        return await self._async_database.run(lambda: self._original(place, document_id))

    async def delete(self, place: RequestContext, document_id: int) -> str:
        """Delete a document of one's own, or any as a manager; gives its title."""
        return await self._async_database.run(lambda: self._delete(place, document_id))

    async def reingest(self, place: RequestContext, document_id: int, target: TargetMessage) -> int:
        """Read a document again from its original; gives the job."""
        return await self._async_database.run(lambda: self._reingest(place, document_id, target))

    def _check_room(self, place: RequestContext, count: int) -> None:
        rules = self._async_database.rules_of(place)
        require_may_add(place, rules)
        number = self._async_database.number_of(place)
        with self._async_database.database.tenant(number) as session:
            quotas.admit(session, number, place.user_id, rules.document_quota, count)

    def _check_free(self, place: RequestContext, addition: NewDocument, scope: Sequence[str] | None) -> None:
        number = self._async_database.number_of(place)
        with self._async_database.database.tenant(number) as session:
            try:
                require_free(session, number, place, source_of(place, addition, scope), addition.name)
            except Refusal:
                if addition.url is None and not addition.identity:
                    raise
                # The same message or link, not another thing of the same name.
                raise Refusal("refusal-already-added", name=sanitize.escape_title(addition.name)) from None

    def _keep(self, place: RequestContext, content: bytes) -> StoredBlob:
        number = self._async_database.number_of(place)
        with self._async_database.database.tenant(number) as session:
            return StoredBlob(blobs.keep_blob(session, number, content), len(content))

    def _add(
        self,
        place: RequestContext,
        kept: Sequence[tuple[NewDocument, StoredBlob]],
        scope: Sequence[str] | None,
        target: TargetMessage,
    ) -> list[int]:
        number = self._async_database.number_of(place)
        several = len(kept) > 1
        new_jobs = [
            jobs.NewJob(
                number,
                "ingest",
                _payload(place, addition, bytes_kept, scope),
                requester=place.user_id,
                request_key=f"{target.request_key}:{n}" if several else target.request_key,
                max_attempts=self._async_database.settings.jobs.max_attempts,
            )
            for n, (addition, bytes_kept) in enumerate(kept, start=1)
        ]
        delivery = target.delivery(place, number, "ingest")
        return self._submitter.submit(
            new_jobs, delivery=delivery, quota=self._async_database.rules_of(place).document_quota
        )

    def _documents(
        self, place: RequestContext, search: str, limit: int, offset: int
    ) -> tuple[list[DocumentSummary], int]:
        wanted: dict[str, Any] = {
            "search": storable(search.strip()),
            "channels": seen_by(place),
            "orphans": orphans_of(place),
        }
        with self._async_database.database.tenant(self._async_database.number_of(place)) as session:
            found = documents.list_documents(session, limit=limit, offset=offset, **wanted)
            return found, documents.count_documents(session, **wanted) if offset or len(found) == limit else len(found)

    def _document(self, place: RequestContext, named: str, *, to_delete: bool) -> DocumentSummary:
        named = named.strip()
        sight: dict[str, Any] = {"channels": seen_by(place), "orphans": orphans_of(place) if to_delete else None}
        with self._async_database.database.tenant(self._async_database.number_of(place)) as session:
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

    def _beginning(self, place: RequestContext, document_id: int) -> str:
        with self._async_database.database.tenant(self._async_database.number_of(place)) as session:
            return documents.document_beginning(session, document_id)

    def _original(self, place: RequestContext, document_id: int) -> tuple[str, bytes]:
        with self._async_database.database.tenant(self._async_database.number_of(place)) as session:
            name, _, content = documents.original(session, document_id, channels=seen_by(place))
        return name, content

    def _delete(self, place: RequestContext, document_id: int) -> str:
        with self._async_database.database.tenant(self._async_database.number_of(place)) as session:
            sight: dict[str, Any] = {"channels": seen_by(place), "orphans": orphans_of(place)}
            self._require_change(place, documents.find_document(session, document_id, **sight))
            title: str = documents.delete_document(session, document_id)
            return title

    def _reingest(self, place: RequestContext, document_id: int, target: TargetMessage) -> int:
        number = self._async_database.number_of(place)
        with self._async_database.database.tenant(number) as session:
            self._require_change(place, documents.find_document(session, document_id, channels=seen_by(place)))
            payload = documents.reingest_payload(session, document_id, channels=seen_by(place))
        job = jobs.NewJob(
            number,
            "ingest",
            payload,
            requester=place.user_id,
            request_key=target.request_key,
            max_attempts=self._async_database.settings.jobs.max_attempts,
        )
        delivery: deliveries.NewDelivery = target.delivery(place, number, "ingest")
        return self._submitter.submit(
            [job], delivery=delivery, quota=self._async_database.rules_of(place).document_quota
        )[0]

    def _require_change(self, place: RequestContext, document: DocumentSummary) -> None:
        if not place.may_change(document.added_by):
            raise Refusal("refusal-not-your-document", title=sanitize.escape_title(document.title))


def require_may_add(place: RequestContext, rules: EffectiveSettings) -> None:
    """Raise a refusal when this person may not add documents here."""
    if place.may_add(rules.chosen):
        return
    if rules.chosen.ingest_by == "role" and rules.chosen.ingest_role:
        raise Refusal("refusal-may-not-add-role", role=f"<@&{rules.chosen.ingest_role}>")
    raise Refusal("refusal-may-not-add-managers")


def require_free(session: Session, number: int, place: RequestContext, source: str, name: str) -> None:
    """Raise a refusal when a source holds a document that this person may not replace."""
    owner = documents.owner_of_source(session, number, source)
    if owner is not None and not place.may_change(owner):
        raise Refusal("refusal-name-taken", name=sanitize.escape_title(name))


def seen_by(place: RequestContext) -> tuple[str, ...] | None:
    """Give the channels whose documents this person may see in private; None in one's own library, where it is all."""
    return None if place.guild_id is None else place.private_channels


def orphans_of(place: RequestContext) -> documents.OrphanedDocuments | None:
    """Say which documents this person may list and delete beyond those that are open to them."""
    if place.guild_id is None:
        return None
    return documents.OrphanedDocuments(place.user_id, place.existing if place.manager and place.existing else None)


def source_of(place: RequestContext, addition: NewDocument, scope: Sequence[str] | None) -> str:
    """Name a document so that the same file name, or link, for the same readers is a new version of it.

    One that only a channel sees has a name of its own, or people would meet names that they cannot see.
    """
    if addition.url is not None and scope is None:
        return str(storable(addition.url))
    identity = storable(addition.url or addition.identity or addition.name).replace("/", "_")
    return "/".join([f"discord:{place.guild_id or place.user_id}", *(scope or ()), identity])


def _payload(
    place: RequestContext, addition: NewDocument, kept: StoredBlob, scope: Sequence[str] | None
) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "source": source_of(place, addition, scope),
        "name": storable(addition.name),
        "channels": None if scope is None else list(scope),
        "origin": addition.origin,
        "sha256": kept.sha256,
    }
    if addition.url is not None:
        return payload | {"url": storable(addition.url)}
    return payload | {"bytes": kept.size, "media_type": addition.media_type}
