"""Add, list, show, delete and re-ingest documents, within the permissions of the request context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bot.render import sanitize
from bot.services.async_database import AsyncDatabase, DatabaseService, EffectiveSettings, on_thread
from bot.services.questions import TargetMessage
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from db import blobs, deliveries, documents, jobs, quotas
from db.documents import DocumentSummary
from db.engine import Session
from pipeline.errors import LibraryFull, UnknownName
from pipeline.text.cleaning import remove_unstorable
from tasks.submit import Submitter

MAX_SAME_TITLE = 10
"""Documents with the same title whose numbers a refusal lists."""
SUGGESTIONS = 25
"""Maximum number of autocomplete choices, set by Discord."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to add: content with a name, or a link."""

    name: str
    identity: str = ""
    """Name that stays the same when the document is added again; empty: `name`."""
    url: str | None = None
    media_type: str = ""
    origin: str | None = None
    """Link to the original."""
    title: str = ""
    """Shown instead of the name while it is processed."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Stored content; a link has none yet."""

    sha256: str | None = None
    size: int = 0


class LibraryService(DatabaseService):
    """The documents of a workspace that the user may see and change."""

    def __init__(self, database: AsyncDatabase, submitter: Submitter) -> None:
        """Bind to a database and a queue."""
        super().__init__(database)
        self._submitter = submitter

    @on_thread
    def check_quota(self, context: RequestContext, count: int) -> None:
        """Check, before anything is downloaded, that the user may add `count` documents.

        Raises:
            QuotaExceeded: The user or the workspace has added too many documents.
            Refusal: The user may not add documents.
        """
        settings = self._database.load_settings(context)
        require_may_add(context, settings)
        workspace_id = self._database.workspace_id(context)
        with self._database.tenant(context) as session:
            quotas.admit(session, workspace_id, context.user_id, settings.document_quota, count)

    @on_thread
    def check_replaceable(self, context: RequestContext, addition: NewDocument, scope: Sequence[str] | None) -> None:
        """Raise a `Refusal` if the document would replace one that the user may not replace."""
        workspace_id = self._database.workspace_id(context)
        with self._database.tenant(context) as session:
            try:
                require_replaceable(
                    session, workspace_id, context, source_identity(context, addition, scope), addition.name
                )
            except Refusal:
                if addition.url is None and not addition.identity:
                    raise
                # It is the same message or link, not a different document with the same name.
                raise Refusal("refusal-already-added", name=sanitize.escape_title(addition.name)) from None

    @on_thread
    def store_content(self, context: RequestContext, content: bytes) -> StoredBlob:
        """Store the content of a document, or raise a `Refusal` if the library is full."""
        workspace_id = self._database.workspace_id(context)
        limit = self._database.load_settings(context).limit("library_mb")
        with self._database.tenant(context) as session:
            try:
                blobs.require_room(session, workspace_id, content, limit)
            except LibraryFull as error:
                needed, used, limit_text = (f"{n / 1e6:.1f}" for n in (error.needed, error.used, error.limit))
                raise Refusal("refusal-library-full", needed=needed, used=used, limit=limit_text) from None
            return StoredBlob(blobs.store(session, workspace_id, content), len(content))

    @on_thread
    def stored_bytes(self, context: RequestContext) -> tuple[int, int]:
        """Return the bytes of all stored originals, and how many are allowed; 0: no quota."""
        limit = self._database.load_settings(context).limit("library_mb")
        with self._database.tenant(context) as session:
            return blobs.measure(session, self._database.workspace_id(context)), limit * blobs.MB

    @on_thread
    def add(
        self,
        context: RequestContext,
        additions: Sequence[tuple[NewDocument, StoredBlob]],
        scope: Sequence[str] | None,
        target: TargetMessage,
    ) -> list[int]:
        """Submit documents, shown in one message, and return their job IDs."""
        workspace_id = self._database.workspace_id(context)
        several = len(additions) > 1
        new_jobs = [
            self._new_job(
                context,
                _build_payload(context, addition, blob, scope),
                f"{target.request_key}:{n}" if several else target.request_key,
            )
            for n, (addition, blob) in enumerate(additions, start=1)
        ]
        delivery = target.delivery(context, workspace_id, "ingest")
        quota = self._database.load_settings(context).document_quota
        return self._submitter.submit(new_jobs, delivery=delivery, quota=quota)

    @on_thread
    def documents(
        self, context: RequestContext, search: str = "", *, limit: int, offset: int = 0
    ) -> tuple[list[DocumentSummary], int]:
        """List the documents that the user may see, newest first, and count all of them."""
        filters: dict[str, Any] = {
            "search": remove_unstorable(search.strip()),
            "channels": visible_channels(context),
            "orphans": manageable_orphans(context),
        }
        with self._database.tenant(context) as session:
            page = documents.list_documents(session, limit=limit, offset=offset, **filters)
            is_partial = bool(offset) or len(page) == limit
            return page, documents.count_documents(session, **filters) if is_partial else len(page)

    @on_thread
    def document(self, context: RequestContext, named: str, *, to_delete: bool = False) -> DocumentSummary:
        """Find a document by its number, its title or a part of its title.

        Args:
            context: The request context.
            named: What the user typed.
            to_delete: Include documents that the user may delete but not see.

        Raises:
            Refusal: No document or several documents match.
        """
        named = named.strip()
        filters: dict[str, Any] = {
            "channels": visible_channels(context),
            "orphans": manageable_orphans(context) if to_delete else None,
        }
        with self._database.tenant(context) as session:
            if named.isascii() and named.isdigit() and len(named) < 10:
                try:
                    return documents.find_document(session, int(named), **filters)
                except UnknownName:
                    pass  # a title can be a number too
            matches = documents.list_by_title(session, remove_unstorable(named), **filters, limit=MAX_SAME_TITLE)
            if not matches:
                matches = documents.list_documents(session, limit=2, search=remove_unstorable(named), **filters)
            elif len(matches) > 1:
                numbers = ", ".join(f"`{document.id}`" for document in matches)
                raise Refusal("refusal-same-title", name=sanitize.escape_title(named), numbers=numbers)
        if not named or len(matches) != 1:
            raise Refusal("refusal-unknown-document", name=sanitize.escape_title(named))
        return matches[0]

    @on_thread
    def beginning(self, context: RequestContext, document: DocumentSummary) -> str:
        """Return the first text of a document that `document` found for this user."""
        with self._database.tenant(context) as session:
            return documents.read_first_chunk(session, document.id)

    @on_thread
    def original(self, context: RequestContext, document_id: int) -> tuple[str, bytes]:
        """Return the file name and the original bytes of a document."""
        with self._database.tenant(context) as session, _refuse_missing():
            name, _, content = documents.read_original(session, document_id, channels=visible_channels(context))
        return name, content

    @on_thread
    def title(self, context: RequestContext, document_id: int) -> str:
        """Return the title of a document that the user may see or delete."""
        with self._database.tenant(context) as session:
            return _find_manageable(session, context, document_id).title

    @on_thread
    def remove_links(self, links: Sequence[str]) -> int:
        """Remove the links of documents to deleted messages; return the number of changed documents."""
        with self._database.system() as session:
            return documents.remove_origins(session, links)

    @on_thread
    def delete(self, context: RequestContext, document_id: int) -> str:
        """Delete a document that the user added, or any document as a manager; return its title."""
        with self._database.tenant(context) as session:
            _require_change(context, _find_manageable(session, context, document_id))
            title: str = documents.delete_document(session, document_id)
            return title

    @on_thread
    def reingest(self, context: RequestContext, document_id: int, target: TargetMessage) -> int:
        """Submit a document again, a link to be fetched again, otherwise the stored bytes; return the job ID."""
        channels = visible_channels(context)
        with self._database.tenant(context) as session, _refuse_missing():
            document = documents.find_document(session, document_id, channels=channels)
            _require_change(context, document)
            payload = documents.build_reingest_payload(session, document_id, channels=channels)
        payload["title"] = document.title
        if document.link:
            payload |= {"url": document.link, "sha256": None, "name": document.link}
        job = self._new_job(context, payload, target.request_key)
        delivery: deliveries.NewDelivery = target.delivery(context, job.workspace_id, "ingest")
        quota = self._database.load_settings(context).document_quota
        return self._submitter.submit([job], delivery=delivery, quota=quota)[0]

    def _new_job(self, context: RequestContext, payload: dict[str, Any], request_key: str) -> jobs.NewJob:
        return jobs.NewJob(
            self._database.workspace_id(context),
            "ingest",
            payload,
            requester=context.user_id,
            request_key=request_key,
            max_attempts=self._database.settings.jobs.max_attempts,
        )


def require_may_add(context: RequestContext, settings: EffectiveSettings) -> None:
    """Raise a `Refusal` if the user may not add documents to the workspace."""
    if context.may_add(settings.overrides):
        return
    if settings.overrides.ingest_by == "role" and settings.overrides.ingest_role:
        if not context.existing_roles([settings.overrides.ingest_role]):
            raise Refusal("refusal-may-not-add-deleted")
        raise Refusal("refusal-may-not-add-role", role=f"<@&{settings.overrides.ingest_role}>")
    raise Refusal("refusal-may-not-add-managers")


def require_replaceable(session: Session, workspace_id: int, context: RequestContext, source: str, name: str) -> None:
    """Raise a `Refusal` if the source has a document that the user may not replace."""
    owner = documents.find_owner(session, workspace_id, source)
    if owner is not None and not context.may_change(owner):
        raise Refusal("refusal-name-taken", name=sanitize.escape_title(name))


def visible_channels(context: RequestContext) -> tuple[str, ...] | None:
    """Return the channels whose documents the user may see in private; None, all, in a personal workspace."""
    return None if context.guild_id is None else context.private_channels


def manageable_orphans(context: RequestContext) -> documents.OrphanedDocuments | None:
    """Return which documents the user may list and delete in addition to the visible ones."""
    if context.guild_id is None:
        return None
    existing = context.guild_channels if context.manager and context.guild_channels else None
    return documents.OrphanedDocuments(context.user_id, existing)


def source_identity(context: RequestContext, addition: NewDocument, scope: Sequence[str] | None) -> str:
    """Return the source of a document: the same file name or link in the same scope is a new version of it.

    The source of a document with channels as its scope includes the channels, so that names in channels that a user
    cannot see never conflict with the user's.
    """
    page = (addition.url or "").partition("#")[0]  # a fragment names a place in the same page
    if page and scope is None:
        return remove_unstorable(page)
    identity = remove_unstorable(page or addition.identity or addition.name).replace("/", "_")
    return "/".join([f"discord:{context.guild_id or context.user_id}", *(scope or ()), identity])


@contextmanager
def _refuse_missing() -> Iterator[None]:
    """Turn the error about a document that does not exist into a `Refusal`."""
    try:
        yield
    except UnknownName:
        raise Refusal("refusal-document-gone") from None


def _find_manageable(session: Session, context: RequestContext, document_id: int) -> DocumentSummary:
    filters: dict[str, Any] = {"channels": visible_channels(context), "orphans": manageable_orphans(context)}
    with _refuse_missing():
        return documents.find_document(session, document_id, **filters)


def _require_change(context: RequestContext, document: DocumentSummary) -> None:
    if not context.may_change(document.added_by):
        raise Refusal("refusal-not-your-document", title=sanitize.escape_title(document.title))


def _build_payload(
    context: RequestContext, addition: NewDocument, blob: StoredBlob, scope: Sequence[str] | None
) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "source": source_identity(context, addition, scope),
        "name": remove_unstorable(addition.name),
        "channels": None if scope is None else list(scope),
        "origin": addition.origin,
        "sha256": blob.sha256,
    }
    if addition.title:
        payload["title"] = remove_unstorable(addition.title)
    if addition.url is not None:
        return payload | {"url": remove_unstorable(addition.url)}
    return payload | {"bytes": blob.size, "media_type": addition.media_type}
