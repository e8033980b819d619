"""The written answer: check what a language model wrote from the passages before it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.errors import LlmUnparsable
from pipeline.generate.citation_forms import normalize_citations
from pipeline.generate.citations import VerifiedAnswer, verify_citations
from pipeline.generate.context import parts_of
from pipeline.generate.contradictions import CheckedAnswer, add_contradictions, drop_conflict_lines, named_conflicts
from pipeline.generate.reply_form import unwrap_answer
from pipeline.prompts import escape_passage, quote_title
from pipeline.text.reasoning import remove_reasoning, remove_streamed_reasoning
from pipeline.text.sentences import SENTENCE_END
from pipeline.types import INCOMPLETE, AnswerLanguage, ChatReply, RankedCandidate

NO_ANSWER = "NO_ANSWER"
PART_GAP = "\n\n"
CUT_REASONS = frozenset({"length", "max_tokens", "model_length"})
"""Finish reasons of a reply that reached its token limit."""
FILTER_REASONS = frozenset({"content_filter", "safety", "recitation"})
MAX_QUOTED_CHARS = 200
"""Characters of a refusal in a message."""

_LAST_END = re.compile(rf".*(?:{SENTENCE_END}|\](?=\s))", re.DOTALL)
_WHOLE_END = re.compile(rf".*(?:{SENTENCE_END}|[\].](?=\s|\Z)|\n)", re.DOTALL)


class ReasoningTooLong(LlmUnparsable):
    """The language model used up its tokens for reasoning and wrote no answer."""


def check_answer(
    question: str, reply: ChatReply, passages: Sequence[RankedCandidate], language: AnswerLanguage = ""
) -> CheckedAnswer | None:
    """Check a reply against the passages.

    Returns:
        The checked answer, or None if the model replied that the passages contain no answer.

    Raises:
        ReasoningTooLong: The reply ended before the answer began.
        LlmUnparsable: The reply contains no answer, or has no valid citation.
    """
    text = unwrap_answer(remove_reasoning(reply.text))
    if not text:
        return _check_reasoning(question, reply, passages, language)
    if text.strip(" .\"'`*").upper().startswith(NO_ANSWER):
        return None
    if find_cut(reply) and (whole := _WHOLE_END.match(text)):
        text = whole[0]
    verified, has_citations = _verify(question, text, passages)
    if not verified.citations:
        if NO_ANSWER in text.upper():
            return None
        raise LlmUnparsable(_format_unsupported(reply, verified, has_citations=has_citations))
    return add_contradictions(question, verified, named_conflicts(text, verified), passages, language)


def find_cut(reply: ChatReply) -> str:
    """Return why a reply is cut; empty if it is complete. The answer ends at the last whole sentence then."""
    if reply.finish_reason.lower() in CUT_REASONS:
        limit = f" at {reply.max_tokens:,} tokens" if reply.max_tokens else ""
        return f"The answer was cut{limit} (REFDESK_LLM_MAX_TOKENS)."
    if reply.finish_reason == INCOMPLETE and not _ends_with_sentence(reply.text):
        return "The server closed the connection before the answer was complete."
    return ""


def format_passages(passages: Sequence[RankedCandidate]) -> str:
    """Return the passages for the prompt, each in a numbered tag that its text cannot close."""
    return "\n\n".join(
        f'<passage n="{n}" title="{quote_title(ranked.candidate.title, ranked.candidate.headings)}">\n'
        f"{escape_passage(PART_GAP.join(part.text for part in parts_of(ranked)))}\n</passage>"
        for n, ranked in enumerate(passages, 1)
    )


def show_when_verified(
    on_text: Callable[[str], None], question: str, passages: Sequence[RankedCandidate]
) -> Callable[[str], None]:
    """Return a callback for streamed text that passes on only the part that the passages support."""
    shown = checked = ""

    def show(so_far: str) -> None:
        nonlocal shown, checked
        complete = _LAST_END.match(unwrap_answer(remove_streamed_reasoning(so_far)))
        if complete is None or complete[0] == checked or complete[0].startswith("{"):
            return
        checked = complete[0]
        verified, _ = _verify(question, checked, passages)
        if verified.citations and verified.text != shown:
            shown = verified.text
            on_text(shown)

    return show


def _verify(question: str, text: str, passages: Sequence[RankedCandidate]) -> tuple[VerifiedAnswer, bool]:
    """Check the citations of an answer; return also whether it has any."""
    cited = normalize_citations(_visible_part(text), passages)
    verified = verify_citations(question, cited.text, passages, cited.assumed)
    return verified, cited.has_citations


def _check_reasoning(
    question: str, reply: ChatReply, passages: Sequence[RankedCandidate], language: AnswerLanguage
) -> CheckedAnswer | None:
    """Use a reply whose answer stands in the field for reasoning, if every sentence of it is cited.

    Servers put the whole reply of a model that does not reason there. Reasoning itself does not cite every sentence.

    Raises:
        LlmUnparsable: There is no such answer; the message names what the model sent instead.
    """
    if reply.finish_reason.lower() in {"", "stop"} and reply.reasoning.strip() and not reply.text.strip():
        moved = replace(reply, text=reply.reasoning, reasoning="")
        verified, _ = _verify(question, unwrap_answer(remove_streamed_reasoning(moved.text)), passages)
        if verified.citations and not verified.dropped and all(claim.cited for claim in verified.claims if claim.text):
            return check_answer(question, moved, passages, language)
    raise _no_answer_error(reply)


def _no_answer_error(reply: ChatReply) -> LlmUnparsable:
    model, reason = reply.model, reply.finish_reason.lower()
    if reply.refusal.strip():
        return LlmUnparsable(f"{model} refused to answer: “{' '.join(reply.refusal.split())[:MAX_QUOTED_CHARS]}”")
    if reason in FILTER_REASONS:
        return LlmUnparsable(f"The content filter of the server blocked the answer of {model}.")
    if reason in {"tool_calls", "function_call"}:
        return LlmUnparsable(f"{model} requested a tool call instead of writing an answer; no tools are available.")
    has_reasoning = bool(reply.reasoning.strip() or reply.text.strip())
    if has_reasoning and reason in CUT_REASONS:
        limit = f"all {reply.max_tokens:,} tokens" if reply.max_tokens else "all tokens"
        return ReasoningTooLong(
            f"{model} used up {limit} for its reasoning and wrote no answer. Raise REFDESK_LLM_REASONING_TOKENS, or set"
            " REFDESK_LLM_REASONING_EFFORT to none or low."
        )
    if has_reasoning:
        return LlmUnparsable(f"{model} wrote only reasoning and no answer. Set REFDESK_LLM_REASONING_EFFORT to none.")
    return LlmUnparsable(f"{model} returned an empty answer.")


def _format_unsupported(reply: ChatReply, verified: VerifiedAnswer, *, has_citations: bool) -> str:
    numbers = f" These numbers are in no passage: {', '.join(verified.dropped)}." if verified.dropped else ""
    if has_citations:
        return f"The answer of {reply.model} has no citation that a passage supports.{numbers}"
    return f"The answer of {reply.model} cites nothing.{numbers}"


def _ends_with_sentence(text: str) -> bool:
    whole = _WHOLE_END.match(text.rstrip())
    return whole is not None and whole.end() == len(text.rstrip())


def _visible_part(text: str) -> str:
    return drop_conflict_lines(text).replace(NO_ANSWER, "")
