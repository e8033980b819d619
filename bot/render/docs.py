"""Render the list of documents and a single document."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.embed import COLOUR_INFO, build_embed
from bot.render.formatting import format_scope, format_timestamp, format_user
from bot.render.message import MAX_OPTION_UNITS, Button, Link, Menu, MenuOption, OutgoingMessage
from bot.render.split import truncate
from bot.render.unread import format_unread
from db.documents import DocumentSummary

PAGE_SIZE = 10
"""Documents per page."""
EXCERPT_CHARACTERS = 400


def render_document_list(
    documents: Sequence[DocumentSummary],
    t: Texts,
    *,
    page: int = 0,
    total: int | None = None,
    search: str = "",
    closed: Collection[int] = (),
    personal: bool = False,
    stored: tuple[int, int] = (0, 0),
) -> OutgoingMessage:
    """Render one page of the document list.

    Args:
        documents: The documents of this page.
        t: Texts in the user's language.
        page: Page number, from 0.
        total: Number of documents on all pages; the length of `documents` by default.
        search: Search text of the list.
        closed: IDs of documents whose channel was deleted or is not visible to the user.
        personal: The library is the user's personal one, not that of a server.
        stored: Bytes of all stored originals, and how many are allowed; shown if there is a quota.
    """
    total = len(documents) if total is None else total
    title = t("docs-title-search", total=total) if search else t("docs-title", total=total)
    if not documents:
        hint = t("docs-no-match" if search else "docs-page-empty" if total else "docs-empty")
        entries = [hint, t("personal-library")] if personal else [hint]
        return OutgoingMessage(embeds=(build_embed(title=title, entries=entries, gap="\n\n"),))
    pages = -(-total // PAGE_SIZE)
    footer = t("docs-page", page=str(page + 1), pages=str(pages)) if pages > 1 else ""
    if search and pages > 1:
        footer = t("docs-search-more", n=total - len(documents))
    used, allowed = stored
    if allowed:
        storage = t("docs-stored", used=f"{used / 1e6:.1f}", limit=f"{allowed / 1e6:g}")
        footer = f"{footer} · {storage}" if footer else storage
    embed = build_embed(
        title=title,
        entries=[_format_line(document, t, closed=document.id in closed) for document in documents[:PAGE_SIZE]],
        footer=footer,
        more=lambda n: t("more", n=n),
    )
    options = tuple(
        MenuOption(_format_option(document, t), str(document.id), _format_size(document, t))
        for document in documents[:PAGE_SIZE]
        if document.id not in closed
    )
    menu: tuple[tuple[Button | Link | Menu, ...], ...] = (
        ((Menu("opendoc", page, t("docs-open"), options),),) if options else ()
    )
    turns = build_page_buttons("docs", page, t, more=page + 1 < pages and not search)
    return OutgoingMessage(embeds=(embed,), buttons=(*menu, *turns))


def build_page_buttons(
    action: Literal["docs", "jobs", "gaps"], page: int, t: Texts, *, more: bool
) -> tuple[tuple[Button, ...], ...]:
    """Build the buttons that turn the pages of a list; empty if there is only one page."""
    if page == 0 and not more:
        return ()
    # On page 0 the disabled previous button targets page 0; Discord requires that the two custom IDs differ.
    back = Button(action, max(page - 1, 0), t("button-previous"), disabled=page == 0)
    return ((back, Button(action, page + 1, t("button-next"), disabled=not more)),)


def render_document(
    document: DocumentSummary, t: Texts, *, may_change: bool, guild_id: str | None = None, beginning: str = ""
) -> OutgoingMessage:
    """Render one document; `beginning` is its first text."""
    entries = [
        f"{_format_size(document, t)} · {_format_added(document, t)}",
        format_scope(document.channels, guild_id, t),
    ]
    origin = sanitize.message_link_or_empty(document.origin)
    if document.origin and not origin:
        entries.append(sanitize.format_inline_code(document.origin, 200))
    if unread := format_unread(document.unread, t):
        entries.append(f"⚠️ {unread}")
    if beginning.strip():
        entries.append(sanitize.format_quote(beginning, EXCERPT_CHARACTERS))
    embed = build_embed(
        title=sanitize.escape_title(document.title or document.source, 120) or t("untitled"),
        entries=entries,
        footer=" · ".join((t("doc-number", document=str(document.id)), sanitize.plain_line(document.media_type, 80))),
        colour=COLOUR_INFO,
    )
    row: list[Button | Link] = [Button("file", document.id, t("button-original-one"))]
    if may_change:
        row.append(Button("reingest", document.id, t("button-fetch-again" if document.link else "button-reingest")))
        row.append(Button("delete", document.id, t("button-delete"), style="danger"))
    if origin:
        row.append(Link(t("job-open"), origin))
    return OutgoingMessage(embeds=(embed,), buttons=(tuple(row),))


def _format_line(document: DocumentSummary, t: Texts, *, closed: bool) -> str:
    title = sanitize.escape_title(document.title or document.source, 90) or t("untitled")
    words = [_format_size(document, t), _format_added(document, t)]
    if closed:
        words.append("🔒 " + t("docs-channel-unavailable"))
    elif document.channels is not None:
        words.append("🔒 " + " ".join(f"<#{channel}>" for channel in document.channels[:3] if channel.isdigit()))
    return f"`{document.id}` **{title}**\n-# {' · '.join(words)}"


def _format_added(document: DocumentSummary, t: Texts) -> str:
    return t("doc-added", who=format_user(document.added_by), when=format_timestamp(document.updated_at))


def _format_option(document: DocumentSummary, t: Texts) -> str:
    title = sanitize.plain_line(document.title or document.source, MAX_OPTION_UNITS) or t("untitled")
    return truncate(title, MAX_OPTION_UNITS)


def _format_size(document: DocumentSummary, t: Texts) -> str:
    passages = t("passages", n=document.chunks)
    return t("ingest-done-pages", pages=t("pages", n=document.pages), passages=passages) if document.pages else passages
