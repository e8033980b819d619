"""The written answer: a language model writes from the passages, and what it wrote is checked before anyone sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pipeline.errors import LlmUnparsable
from pipeline.generate.citations import verify_citations
from pipeline.generate.context import parts_of
from pipeline.generate.versions import CheckedAnswer, add_versions, drop_conflict_lines, named_conflicts
from pipeline.prompts import escape_passage, quote_title, remove_thinking
from pipeline.text.sentences import SENTENCE_END
from pipeline.types import AnswerLanguage, ChatReply, RankedCandidate

NO_ANSWER = "NO_ANSWER"
PART_GAP = "\n\n"

_LAST_END = re.compile(rf".*(?:{SENTENCE_END}|\](?=\s))", re.DOTALL)


def check_answer(
    question: str, reply: ChatReply, passages: Sequence[RankedCandidate], language: AnswerLanguage = ""
) -> CheckedAnswer | None:
    """Check a reply; None when the model says that the passages hold no answer, `LlmUnparsable` when it is unusable."""
    said = remove_thinking(reply.text)
    if not said:
        raise LlmUnparsable(f"{reply.model} answered nothing.")
    if said.strip(" .\"'`*").upper().startswith(NO_ANSWER):
        return None
    verified = verify_citations(question, _shown_part(said), passages)
    if not verified.citations:
        if NO_ANSWER in said.upper():
            return None
        numbers = f" No passage has its numbers: {', '.join(verified.dropped)}." if verified.dropped else ""
        raise LlmUnparsable(f"No citation in the answer of {reply.model} holds against the passages.{numbers}")
    return add_versions(question, verified, named_conflicts(said, verified), passages, language)


def format_passages(passages: Sequence[RankedCandidate]) -> str:
    """Write the passages for the prompt, each in its numbered tag, which its text cannot close."""
    return "\n\n".join(
        f'<passage n="{n}" title="{quote_title(ranked.candidate.title, ranked.candidate.headings)}">\n'
        f"{escape_passage(PART_GAP.join(part.text for part in parts_of(ranked)))}\n</passage>"
        for n, ranked in enumerate(passages, 1)
    )


def show_when_verified(
    on_text: Callable[[str], None], question: str, passages: Sequence[RankedCandidate]
) -> Callable[[str], None]:
    """Pass on, while the answer streams, only the part that already holds against the passages."""
    shown = checked = ""

    def show(so_far: str) -> None:
        nonlocal shown, checked
        complete = _LAST_END.match(remove_thinking(so_far))
        if complete is None or complete[0] == checked:
            return
        checked = complete[0]
        verified = verify_citations(question, _shown_part(checked), passages)
        if verified.citations and verified.text != shown:
            shown = verified.text
            on_text(shown)

    return show


def _shown_part(said: str) -> str:
    return drop_conflict_lines(said).replace(NO_ANSWER, "")
