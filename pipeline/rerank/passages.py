"""Passages: what a reranking model reads of a candidate, and how it is quoted in a prompt."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.prompts import escape_passage
from pipeline.text.tokens import cut_to_tokens
from pipeline.types import Candidate

MAX_TITLE_CHARS = 200


def passage_of(candidate: Candidate) -> str:
    """Write a candidate as it was embedded: its heading path, then its text; a chunk alone may not name its subject."""
    path = " > ".join(heading.strip() for heading in candidate.headings if heading.strip())
    return f"{path}\n{candidate.text}" if path else candidate.text


def quoted_title(candidate: Candidate) -> str:
    """Write title and heading path so that they fit between quotation marks and cannot end them."""
    title = " > ".join((candidate.title, *candidate.headings))[:MAX_TITLE_CHARS]
    return escape_passage(" ".join(title.replace('"', "'").split()))


def quoted_text(candidate: Candidate, max_tokens: int) -> str:
    """Write a candidate's text, cut to its share of the prompt and unable to close its tag."""
    return escape_passage(cut_to_tokens(candidate.text, max_tokens))


def quoted_list(candidates: Iterable[Candidate], max_tokens: int) -> str:
    """Write several candidates, each in a tag that carries its number within this prompt, from 1."""
    return "\n\n".join(
        f'<passage id="{number}" title="{quoted_title(candidate)}">\n{quoted_text(candidate, max_tokens)}\n</passage>'
        for number, candidate in enumerate(candidates, 1)
    )
