"""The library: a list of documents, and one document."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from bot.locales.texts import Texts
from bot.render import safe
from bot.render.card import CALM, card
from bot.render.message import Button, Link, OutgoingMessage
from bot.render.wording import person, scope, when
from db.store import DocumentSummary

PAGE = 10
"""Documents on a page."""
BEGINNING = 400


def docs_list(
    documents: Sequence[DocumentSummary],
    t: Texts,
    *,
    page: int = 0,
    total: int | None = None,
    search: str = "",
    closed: Collection[int] = (),
) -> OutgoingMessage:
    """List one page of documents; `total` counts those of all pages, `closed` names those of channels not open here."""
    total = len(documents) if total is None else total
    if not documents:
        said = t("docs-nothing-found") if search or page else t("docs-empty")
        return OutgoingMessage(embeds=(card(title=t("docs-title", total=total), entries=[said]),))
    pages = -(-total // PAGE)
    footer = t("docs-page", page=str(page + 1), pages=str(pages)) if pages > 1 else t("docs-hint")
    if search and pages > 1:
        footer = t("docs-search-more", n=total - len(documents))
    embed = card(
        title=t("docs-title", total=total),
        entries=[_line(document, t, closed=document.id in closed) for document in documents[:PAGE]],
        footer=footer,
        more=lambda n: t("more", n=n),
    )
    return OutgoingMessage(embeds=(embed,), buttons=page_buttons("docs", page, t, more=page + 1 < pages and not search))


def page_buttons(action: Literal["docs", "jobs"], page: int, t: Texts, *, more: bool) -> tuple[tuple[Button, ...], ...]:
    """Give the buttons that turn a list's pages; none where there is one page only."""
    if page == 0 and not more:
        return ()
    # The one before is asked for as 0 from page 0 too; the targets still differ, as Discord wants of two buttons.
    back = Button(action, max(page - 1, 0), t("button-previous"), disabled=page == 0)
    return ((back, Button(action, page + 1, t("button-next"), disabled=not more)),)


def doc_card(
    document: DocumentSummary, t: Texts, *, may_change: bool, guild_id: str | None = None, beginning: str = ""
) -> OutgoingMessage:
    """Show one document; `beginning` is the text it starts with."""
    added = t("doc-added", who=person(document.added_by), when=when(document.updated_at))
    entries = [f"{_size(document, t)} · {added}", scope(document.channels, guild_id, t)]
    origin = safe.jump_link(document.origin)
    if document.origin and not origin:
        entries.append(safe.inline_code(document.origin, 200))
    if beginning.strip():
        entries.append(safe.quote(beginning, BEGINNING))
    embed = card(
        title=safe.title(document.title or document.source, 120) or t("untitled"),
        entries=entries,
        footer=" · ".join((t("doc-number", document=str(document.id)), safe.plain(document.media_type, 80))),
        colour=CALM,
    )
    row: list[Button | Link] = [Button("file", document.id, t("button-original-one"))]
    if may_change:
        row.append(Button("reingest", document.id, t("button-reingest")))
        row.append(Button("delete", document.id, t("button-delete"), style="danger"))
    if origin:
        row.append(Link(t("job-open"), origin))
    return OutgoingMessage(embeds=(embed,), buttons=(tuple(row),))


def _line(document: DocumentSummary, t: Texts, *, closed: bool) -> str:
    title = safe.title(document.title or document.source, 90) or t("untitled")
    words = [_size(document, t), when(document.updated_at)]
    if closed:
        words.append("🔒 " + t("docs-closed"))
    elif document.channels is not None:
        words.append("🔒 " + " ".join(f"<#{channel}>" for channel in document.channels[:3] if channel.isdigit()))
    return f"`{document.id}` **{title}**\n-# {' · '.join(words)}"


def _size(document: DocumentSummary, t: Texts) -> str:
    passages = t("passages", n=document.chunks)
    return t("ingest-done-pages", pages=t("pages", n=document.pages), passages=passages) if document.pages else passages
