"""Quote candidates in the prompts of the rerankers."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.prompts import escape_passage, quote_title
from pipeline.text.tokens import cut_to_tokens
from pipeline.types import Candidate


def quote_text(candidate: Candidate, max_tokens: int) -> str:
    """Quote a candidate's text: cut to `max_tokens`, and escaped so that it cannot close its tag."""
    return escape_passage(cut_to_tokens(candidate.text, max_tokens))


def quote_candidates(candidates: Iterable[Candidate], max_tokens: int) -> str:
    """Quote several candidates, each in a tag with its number within this prompt, from 1."""
    return "\n\n".join(
        f'<passage id="{number}" title="{quote_title(one.title, one.headings)}">\n'
        f"{quote_text(one, max_tokens)}\n</passage>"
        for number, one in enumerate(candidates, 1)
    )
