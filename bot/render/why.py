"""Render why an answer uses its sources: recall ranks, reranked order and citations."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.embed import COLOUR_INFO, COLOUR_WARNING, build_embed
from bot.render.formatting import format_budget_limits, format_fallbacks, format_latency
from bot.render.message import OutgoingFile, OutgoingMessage
from db.traces import TraceCandidate, TraceView
from pipeline.types import CONFLICT, DUPLICATE

PICTURE_FILE = "ranks.png"
QUOTE_CHARACTERS = 220
REASON_CHARACTERS = 220
MAX_ENTRIES = 8
STAGES = ("rewrite", "embed", "recall", "rerank", "generate")


def render_why(trace: TraceView, t: Texts, picture: bytes | None) -> OutgoingMessage:
    """Render the explanation of an answer; `picture` comes from `bot.render.plot`."""
    if not trace.candidates:
        return OutgoingMessage(
            embeds=(
                build_embed(
                    title=_format_title(trace, t), entries=[t("why-no-candidates")], footer=_format_footer(trace, t)
                ),
            )
        )
    read = trace.read
    entries = [f"> {sanitize.escape_title(trace.question, 300)}\n{_format_method(trace, len(read), t)}"]
    if trace.searched_as and trace.searched_as != trace.question:
        entries[0] += f"\n-# {t('answer-searched-as', question=sanitize.escape_title(trace.searched_as, 200))}"
    entries += [_format_entry(candidate, trace, t) for candidate in read[:MAX_ENTRIES]]
    if folded := sum(DUPLICATE in candidate.flags for candidate in trace.candidates):
        entries.append(f"-# {t('why-duplicates', n=folded)}")
    if len(read) > MAX_ENTRIES:
        entries.append(t("more", n=len(read) - MAX_ENTRIES))
    entries += format_budget_limits(trace.fallbacks, trace.created_at, t)
    files: tuple[OutgoingFile, ...] = ()
    if picture:
        description = t("why-picture", n=len(trace.candidates), reranker=sanitize.plain_line(trace.reranker, 60))
        files = (OutgoingFile(PICTURE_FILE, picture, description),)
    embed = build_embed(
        title=_format_title(trace, t),
        entries=entries,
        gap="\n\n",
        footer=_format_footer(trace, t),
        colour=COLOUR_WARNING if trace.abstained else COLOUR_INFO,
        picture=PICTURE_FILE if picture else "",
        more=lambda n: t("more", n=n),
    )
    return OutgoingMessage(embeds=(embed,), files=files)


def _format_title(trace: TraceView, t: Texts) -> str:
    return t("why-title-abstained" if trace.abstained else "why-title")


def _format_method(trace: TraceView, read: int, t: Texts) -> str:
    key = "why-how-abstained" if trace.abstained else "why-how-none" if trace.reranker == "none" else "why-how"
    how = t(key, recalled=len(trace.candidates), reranker=sanitize.escape_title(trace.reranker, 60), read=read)
    if trace.abstained or not trace.answer_model:
        return how
    if trace.answer_model == "extractive":
        return f"{how}\n{t('why-quoted')}"
    return f"{how}\n{t('why-written', model=sanitize.escape_title(trace.answer_model, 60))}"


def _format_entry(candidate: TraceCandidate, trace: TraceView, t: Texts) -> str:
    title = sanitize.escape_title(candidate.title or candidate.source, 110) or t("untitled")
    words = [f"**{candidate.rank} · {title}**"]
    if candidate.headings:
        words.append(sanitize.escape_title(candidate.headings[-1], 80))
    if candidate.page:
        words.append(t("page", page=str(candidate.page)))
    if candidate.citation is not None:
        words.append(t("why-cited", n=candidate.citation))
    elif not trace.abstained:
        words.append(t("why-not-cited"))
    if CONFLICT in candidate.flags:
        words.append(t("why-conflict"))
    lines = [" · ".join(words), f"-# {' · '.join(_format_ranks(candidate, t))}"]
    # The line of ranks already contains what the reason of `none` says, in the language of the reader.
    if candidate.reason and candidate.method != "none":
        lines.append(f"-# {sanitize.escape_title(candidate.reason, REASON_CHARACTERS)}")
    if candidate.quote:
        lines.append(sanitize.format_quote(candidate.quote, QUOTE_CHARACTERS))
    return "\n".join(lines)


def _format_ranks(candidate: TraceCandidate, t: Texts) -> list[str]:
    moved = candidate.recall_rank - candidate.rank
    key = "why-move-up" if moved > 0 else "why-move-down" if moved < 0 else "why-move-none"
    words = [t(key, **{"from": str(candidate.recall_rank)}, to=str(candidate.rank), by=str(abs(moved)))]
    if candidate.dense_rank is not None:
        words.append(t("why-dense", rank=str(candidate.dense_rank)))
    if candidate.keyword_rank is not None:
        words.append(t("why-keywords", rank=str(candidate.keyword_rank)))
    words.append(t("why-score", score=f"{candidate.score:.2f}"))
    return words


def _format_footer(trace: TraceView, t: Texts) -> str:
    words = [
        f"{t(f'stage-{stage}')} {format_latency(trace.timings_ms[stage], t)}"
        for stage in STAGES
        if trace.timings_ms.get(stage)
    ]
    if trace.cost_usd > 0:
        words.append(f"${trace.cost_usd:.4f}")
    return " · ".join([*words, *format_fallbacks(trace.fallbacks, t, name_methods=True)])
