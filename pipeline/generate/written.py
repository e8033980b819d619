"""The written answer: check what a language model wrote from the passages before it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pipeline.errors import LlmUnparsable
from pipeline.generate.citations import verify_citations
from pipeline.generate.context import parts_of
from pipeline.generate.contradictions import CheckedAnswer, add_contradictions, drop_conflict_lines, named_conflicts
from pipeline.prompts import escape_passage, quote_title, remove_thinking
from pipeline.text.sentences import SENTENCE_END
from pipeline.types import AnswerLanguage, ChatReply, RankedCandidate

NO_ANSWER = "NO_ANSWER"
PART_GAP = "\n\n"

_LAST_END = re.compile(rf".*(?:{SENTENCE_END}|\](?=\s))", re.DOTALL)


def check_answer(
    question: str, reply: ChatReply, passages: Sequence[RankedCandidate], language: AnswerLanguage = ""
) -> CheckedAnswer | None:
    """Check a reply against the passages.

    Returns:
        The checked answer, or None if the model replied that the passages contain no answer.

    Raises:
        LlmUnparsable: The reply is empty or has no valid citation.
    """
    text = remove_thinking(reply.text)
    if not text:
        raise LlmUnparsable(f"{reply.model} returned an empty answer.")
    if text.strip(" .\"'`*").upper().startswith(NO_ANSWER):
        return None
    verified = verify_citations(question, _visible_part(text), passages)
    if not verified.citations:
        if NO_ANSWER in text.upper():
            return None
        numbers = f" These numbers are in no passage: {', '.join(verified.dropped)}." if verified.dropped else ""
        raise LlmUnparsable(f"The answer of {reply.model} has no citation that a passage supports.{numbers}")
    return add_contradictions(question, verified, named_conflicts(text, verified), passages, language)


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
        complete = _LAST_END.match(remove_thinking(so_far))
        if complete is None or complete[0] == checked:
            return
        checked = complete[0]
        verified = verify_citations(question, _visible_part(checked), passages)
        if verified.citations and verified.text != shown:
            shown = verified.text
            on_text(shown)

    return show


def _visible_part(text: str) -> str:
    return drop_conflict_lines(text).replace(NO_ANSWER, "")
