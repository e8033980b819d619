"""Passages: what a reranking model reads of a candidate."""

from __future__ import annotations

from pipeline.types import Candidate


def passage_of(candidate: Candidate) -> str:
    """Write a candidate as it was embedded: its heading path, then its text; a chunk alone may not name its subject."""
    path = " > ".join(heading.strip() for heading in candidate.headings if heading.strip())
    return f"{path}\n{candidate.text}" if path else candidate.text
