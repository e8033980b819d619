"""The sources of an answer: number, title, page, a link to the original message, and the words it rests on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bot.locales.texts import Texts
from bot.render import safe
from bot.render.card import CALM, card
from bot.render.message import Button, OutgoingMessage

QUOTE = 320
NEAREST = 3
MOST_FILES = 5
MOST_COPIES = 3
MOST_CONFLICTS = 3


def source_line(source: Mapping[str, Any], t: Texts, readable_links: Collection[str] | None = None) -> str:
    """Write a citation in one line; only a link to a message of Discord is a link, other addresses are text."""
    words = [f"**[{source.get('n')}]** {_title(source, t)}"]
    if source.get("page"):
        words.append(t("page", page=str(source["page"])))
    origin = str(source.get("origin") or "")
    jump = safe.jump_link(origin)
    if jump and (readable_links is None or origin in readable_links):
        words.append(f"[{t('original')}]({jump})")
    elif origin and not jump:
        words.append(safe.inline_code(origin.partition("://")[2] or origin, 80))
    if others := source.get("also_in"):
        titles = ", ".join(_title(other, t) for other in others[:MOST_COPIES])
        words.append(t("also-in", titles=titles if len(others) <= MOST_COPIES else f"{titles} …"))
    return " · ".join(words)


def nearest_lines(result: Mapping[str, Any], t: Texts) -> list[str]:
    """Name the documents that came nearest, each once."""
    seen: dict[Any, str] = {}
    for candidate in result.get("candidates") or ():
        seen.setdefault(candidate.get("document"), _title(candidate, t))
    return [f"• {title}" for title in list(seen.values())[:NEAREST]]


def conflict_lines(result: Mapping[str, Any], t: Texts) -> list[str]:
    """Say which of the cited sources say different things."""
    groups = (result.get("conflicts") or ())[:MOST_CONFLICTS]
    return [f"**{t('answer-conflict', sources=' ↔ '.join(f'[{n}]' for n in group))}**" for group in groups]


def sources(result: Mapping[str, Any], t: Texts, readable_links: Collection[str] | None = None) -> OutgoingMessage:
    """Show every source with the words the answer rests on, and buttons for the originals."""
    citations = result.get("citations") or []
    if not citations:
        nearest = nearest_lines(result, t)
        said = [t("sources-abstained"), *nearest] if nearest else [t("sources-none")]
        return OutgoingMessage(embeds=(card(title=t("sources-title"), entries=said),))
    entries = conflict_lines(result, t)
    for citation in citations:
        line = source_line(citation, t, readable_links)
        name = str(citation.get("source") or "")
        if name and "://" not in name and name != citation.get("title"):
            line += f"\n-# {safe.title(name.rsplit('/', 1)[-1], 120)}"
        entries.append("\n".join(filter(None, (line, safe.quote(str(citation.get("quote") or ""), QUOTE)))))
    embed = card(title=t("sources-title"), entries=entries, gap="\n\n", more=lambda n: t("more", n=n), colour=CALM)
    return OutgoingMessage(embeds=(embed,), buttons=_originals(citations, t))


def _originals(citations: Collection[Mapping[str, Any]], t: Texts) -> tuple[tuple[Button, ...], ...]:
    numbers: dict[int, list[str]] = {}
    for citation in citations:
        if isinstance(citation.get("document"), int):
            numbers.setdefault(citation["document"], []).append(f"[{citation.get('n')}]")
    row = tuple(
        Button("file", document, t("button-original", n=" ".join(cited))[:80])
        for document, cited in list(numbers.items())[:MOST_FILES]
    )
    return (row,) if row else ()


def _title(source: Mapping[str, Any], t: Texts) -> str:
    return safe.title(str(source.get("title") or source.get("source") or ""), 110) or t("untitled")
