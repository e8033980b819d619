"""Handlers for documents: send the original, process again, delete, and turn pages of the list."""

from __future__ import annotations

import discord

from bot.interactions.accessors import selected_value, services_of, texts_of
from bot.interactions.context import load_context
from bot.interactions.questions import target_message
from bot.interactions.replies import defer, defer_update, reply, update
from bot.interactions.tracker import record_of
from bot.render import sanitize
from bot.render.docs import PAGE_SIZE, render_document, render_document_list
from bot.render.message import OutgoingFile, OutgoingMessage
from bot.render.payload import build_static_view
from bot.services.refusals import Refusal


async def turn_page(interaction: discord.Interaction, page: int) -> None:
    """Show another page of the list."""
    await defer_update(interaction)
    await update(interaction, await build_page(interaction, page=page))


async def build_page(interaction: discord.Interaction, *, page: int = 0, search: str = "") -> OutgoingMessage:
    """Build a page of the document list; search results have one page, because a button's target is only a number."""
    context = await load_context(interaction)
    documents, total = await services_of(interaction).library.documents(
        context, search, limit=PAGE_SIZE, offset=page * PAGE_SIZE
    )
    t = texts_of(interaction)
    closed = {document.id for document in documents if not context.may_see(document.channels)}
    return render_document_list(
        documents,
        t,
        page=page,
        total=total,
        search=search,
        closed=closed,
        personal=context.guild_id is None,
        stored=await services_of(interaction).library.stored_bytes(context),
    )


async def open_document(interaction: discord.Interaction, _page: int) -> None:
    """Show the document that was selected in the list."""
    await defer(interaction, private=True)
    await send_document(interaction, selected_value(interaction))


async def send_document(interaction: discord.Interaction, name_or_id: str) -> None:
    """Send a document with its beginning and the actions this user may perform to a deferred interaction."""
    library, context = services_of(interaction).library, await load_context(interaction)
    document = await library.document(context, name_or_id)
    beginning = await library.beginning(context, document)
    may_change = context.may_change(document.added_by)
    t = texts_of(interaction)
    await reply(
        interaction,
        render_document(document, t, may_change=may_change, guild_id=context.guild_id, beginning=beginning),
    )


async def send_file(interaction: discord.Interaction, document_id: int) -> None:
    """Send the original file in a private message."""
    await defer(interaction, private=True)
    services = services_of(interaction)
    name, content = await services.library.original(await load_context(interaction), document_id)
    if len(content) > interaction.filesize_limit:
        raise Refusal(
            "refusal-original-too-large",
            name=sanitize.escape_title(name),
            limit=f"{interaction.filesize_limit / 1e6:g}",
        )
    await reply(interaction, OutgoingMessage(files=(OutgoingFile(_sanitize_file_name(name), content),)))


async def reingest(interaction: discord.Interaction, document_id: int) -> None:
    """Process a document again; the message shows its progress."""
    deferred = await defer(interaction, private=True)
    job = await services_of(interaction).library.reingest(
        await load_context(interaction), document_id, target_message(interaction, deferred)
    )
    record = record_of(interaction)
    record.jobs.append(job)
    record.thinking = ""


async def confirm_deletion(interaction: discord.Interaction, document_id: int) -> None:
    """Ask for confirmation before deleting a document."""
    await defer(interaction, private=True)
    await send_deletion_confirmation(interaction, str(document_id))


async def send_deletion_confirmation(interaction: discord.Interaction, name_or_id: str) -> None:
    """Send the confirmation to a deferred interaction, for a document by ID or title."""
    services = services_of(interaction)
    context = await load_context(interaction)
    document = await services.library.document(context, name_or_id, to_delete=True)
    if not context.may_change(document.added_by):
        raise Refusal("refusal-not-your-document", title=sanitize.escape_title(document.title))
    t = texts_of(interaction)
    record_of(interaction).thinking = ""
    view = build_static_view(
        discord.ui.Button(
            custom_id=f"rd:dodelete:{document.id}", label=t("button-delete"), style=discord.ButtonStyle.danger
        ),
        discord.ui.Button(custom_id=f"rd:keep:{document.id}", label=t("button-cancel-deletion")),
    )
    await interaction.edit_original_response(
        content=t("delete-confirm", title=sanitize.escape_title(document.title)), view=view
    )


async def delete(interaction: discord.Interaction, document_id: int) -> None:
    """Delete a document after confirmation."""
    await defer_update(interaction)
    title = await services_of(interaction).library.delete(await load_context(interaction), document_id)
    await update(interaction, OutgoingMessage(texts_of(interaction)("delete-done", title=sanitize.escape_title(title))))


async def cancel_deletion(interaction: discord.Interaction, document_id: int) -> None:
    """Close the confirmation without deleting the document."""
    await defer_update(interaction)
    title = await services_of(interaction).library.title(await load_context(interaction), document_id)
    await update(
        interaction, OutgoingMessage(texts_of(interaction)("delete-cancelled", title=sanitize.escape_title(title)))
    )


def _sanitize_file_name(name: str) -> str:
    """Return a file name that Discord accepts unchanged, also for links and titles."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[-100:].lstrip(".") or "original"
