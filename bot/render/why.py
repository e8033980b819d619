"""Why these sources: what recall brought, where the reranker put it, and what was read for the answer."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render import safe
from bot.render.card import CALM, CAREFUL, card
from bot.render.message import OutgoingFile, OutgoingMessage
from bot.render.wording import fallback_notes, seconds
from db.traces import TraceCandidate, TraceView
from pipeline.types import CONFLICT, DUPLICATE

PICTURE = "ranks.png"
QUOTE = 220
MOST = 8
STAGES = ("rewrite", "embed", "recall", "rerank", "generate")


def why_these(trace: TraceView, t: Texts, picture: bytes | None) -> OutgoingMessage:
    """Explain an answer; the picture comes from `bot.render.plot`."""
    if not trace.candidates:
        return OutgoingMessage(embeds=(card(title=t("why-title"), entries=[t("why-empty")], footer=_footer(trace, t)),))
    read = trace.read
    entries = [f"> {safe.title(trace.question, 300)}\n{_how(trace, len(read), t)}"]
    if trace.searched_as and trace.searched_as != trace.question:
        entries[0] += f"\n-# {t('answer-searched-as', question=safe.title(trace.searched_as, 200))}"
    entries += [_entry(candidate, trace, t) for candidate in read[:MOST]]
    if folded := sum(DUPLICATE in candidate.flags for candidate in trace.candidates):
        entries.append(f"-# {t('why-folded', n=folded)}")
    if len(read) > MOST:
        entries.append(t("more", n=len(read) - MOST))
    files: tuple[OutgoingFile, ...] = ()
    if picture:
        shown = t("why-picture", n=len(trace.candidates), reranker=safe.plain(trace.reranker, 60))
        files = (OutgoingFile(PICTURE, picture, shown),)
    embed = card(
        title=t("why-title"),
        entries=entries,
        gap="\n\n",
        footer=_footer(trace, t),
        colour=CAREFUL if trace.abstained else CALM,
        picture=PICTURE if picture else "",
        more=lambda n: t("more", n=n),
    )
    return OutgoingMessage(embeds=(embed,), files=files)


def _how(trace: TraceView, read: int, t: Texts) -> str:
    key = "why-how-abstained" if trace.abstained else "why-how-none" if trace.reranker == "none" else "why-how"
    return t(key, recalled=len(trace.candidates), reranker=safe.title(trace.reranker, 60), read=read)


def _entry(candidate: TraceCandidate, trace: TraceView, t: Texts) -> str:
    title = safe.title(candidate.title or candidate.source, 110) or t("untitled")
    words = [f"**{candidate.rank} · {title}**"]
    if candidate.page:
        words.append(t("page", page=str(candidate.page)))
    if candidate.citation is not None:
        words.append(t("why-cited", n=candidate.citation))
    elif not trace.abstained:
        words.append(t("why-not-cited"))
    if CONFLICT in candidate.flags:
        words.append(t("why-conflict"))
    lines = [" · ".join(words), f"-# {' · '.join(_ranks(candidate, t))}"]
    if why := candidate.reason or candidate.quote or "":
        lines.append(safe.quote(why, QUOTE))
    return "\n".join(lines)


def _ranks(candidate: TraceCandidate, t: Texts) -> list[str]:
    moved = candidate.recall_rank - candidate.rank
    key = "why-move-up" if moved > 0 else "why-move-down" if moved < 0 else "why-move-none"
    words = [t(key, **{"from": str(candidate.recall_rank)}, to=str(candidate.rank), by=str(abs(moved)))]
    if candidate.dense_rank is not None:
        words.append(t("why-meaning", rank=str(candidate.dense_rank)))
    if candidate.keyword_rank is not None:
        words.append(t("why-keywords", rank=str(candidate.keyword_rank)))
    words.append(t("why-score", score=f"{candidate.score:.2f}"))
    return words


def _footer(trace: TraceView, t: Texts) -> str:
    words = [
        f"{t(f'stage-{stage}')} {seconds(trace.timings_ms[stage], t)}"
        for stage in STAGES
        if trace.timings_ms.get(stage)
    ]
    if tokens := trace.prompt_tokens + trace.completion_tokens:
        words.append(t("why-tokens", n=tokens))
    if trace.cost_usd > 0:
        words.append(f"${trace.cost_usd:.4f}")
    return " · ".join([*words, *fallback_notes(trace.fallbacks, t)])
