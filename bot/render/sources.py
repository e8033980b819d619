"""Render the sources of an answer: number, title, page, link to the original message, and quote."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.embed import COLOUR_INFO, build_embed
from bot.render.message import Button, OutgoingMessage
from pipeline.types import LOW_CONFIDENCE

QUOTE_CHARACTERS = 320
MAX_NEAREST = 3
MAX_FILES = 5
MAX_COPIES = 3
MAX_CONFLICTS = 3


def format_source(source: Mapping[str, Any], t: Texts, readable_links: Collection[str] | None = None) -> str:
    """Format a citation as one line; only links to Discord messages are clickable, other URLs are text."""
    words = [f"**[{source.get('n')}]** {_format_title(source, t)}"]
    if source.get("page"):
        words.append(t("page", page=str(source["page"])))
    origin = str(source.get("origin") or "")
    jump = sanitize.message_link_or_empty(origin)
    if jump and (readable_links is None or origin in readable_links):
        words.append(f"[{t('source-link')}]({jump})")
    elif origin and not jump:
        words.append(sanitize.format_inline_code(origin.partition("://")[2] or origin, 80))
    confidence = source.get("confidence")
    if isinstance(confidence, (int, float)) and confidence < LOW_CONFIDENCE:
        words.append(t("source-recognised", percent=round(100 * confidence)))
    if others := source.get("also_in"):
        titles = ", ".join(_format_title(other, t) for other in others[:MAX_COPIES])
        words.append(t("source-also-in", titles=titles if len(others) <= MAX_COPIES else f"{titles} …"))
    return " · ".join(words)


def format_nearest(result: Mapping[str, Any], t: Texts) -> list[str]:
    """Format the titles of the closest documents, without duplicates."""
    titles: dict[Any, str] = {}
    for candidate in result.get("candidates") or ():
        titles.setdefault(candidate.get("document"), _format_title(candidate, t))
    return [f"• {title}" for title in list(titles.values())[:MAX_NEAREST]]


def format_conflicts(result: Mapping[str, Any], t: Texts) -> list[str]:
    """Format which of the cited sources disagree."""
    groups = (result.get("conflicts") or ())[:MAX_CONFLICTS]
    return [f"**{t('answer-conflict', sources=' ↔ '.join(f'[{n}]' for n in group))}**" for group in groups]


def render_sources(
    result: Mapping[str, Any], t: Texts, readable_links: Collection[str] | None = None
) -> OutgoingMessage:
    """Render every source with its quote, and buttons for the original files."""
    citations = result.get("citations") or []
    if result.get("deleted"):
        return OutgoingMessage(embeds=(build_embed(title=t("sources-title"), entries=[t("answer-deleted")]),))
    if not citations:
        nearest = format_nearest(result, t)
        entries = [t("sources-abstained"), *nearest] if nearest else [t("sources-none")]
        return OutgoingMessage(embeds=(build_embed(title=t("sources-title"), entries=entries),))
    entries = format_conflicts(result, t)
    for citation in citations:
        line = format_source(citation, t, readable_links)
        name = str(citation.get("source") or "")
        if name and "://" not in name and name != citation.get("title"):
            line += f"\n-# {sanitize.escape_title(name.rsplit('/', 1)[-1], 120)}"
        entries.append(
            "\n".join(filter(None, (line, sanitize.format_quote(str(citation.get("quote") or ""), QUOTE_CHARACTERS))))
        )
    embed = build_embed(
        title=t("sources-title"), entries=entries, gap="\n\n", more=lambda n: t("more", n=n), colour=COLOUR_INFO
    )
    return OutgoingMessage(embeds=(embed,), buttons=_build_original_buttons(citations, t))


def _build_original_buttons(citations: Collection[Mapping[str, Any]], t: Texts) -> tuple[tuple[Button, ...], ...]:
    numbers: dict[int, list[str]] = {}
    for citation in citations:
        if isinstance(citation.get("document"), int):
            numbers.setdefault(citation["document"], []).append(f"[{citation.get('n')}]")
    row = tuple(
        Button("file", document, t("button-original", n=" ".join(cited))[:80])
        for document, cited in list(numbers.items())[:MAX_FILES]
    )
    return (row,) if row else ()


def _format_title(source: Mapping[str, Any], t: Texts) -> str:
    return sanitize.escape_title(str(source.get("title") or source.get("source") or ""), 110) or t("untitled")
