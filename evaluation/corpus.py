"""A dataset's document as a source that the product's own ingestion reads.

As HTML, because there every character can be written so that no parser takes it for markup. The title is the page's
title and its only heading: so the stored document has the dataset's title, and each chunk is embedded as title,
newline, text, which is also how the figures of the model outside the product were made (docs/evaluation.md).
"""

from __future__ import annotations

import html
import re

from evaluation.datasets import CorpusDocument
from pipeline.types import Source

MEDIA_TYPE = "text/html"

_PARAGRAPH_END = re.compile(r"\n\s*\n")


def build_source(document: CorpusDocument) -> Source:
    """Write one document as an HTML page."""
    title = html.escape(" ".join(document.title.split()))
    paragraphs = [html.escape(part.strip()) for part in _PARAGRAPH_END.split(document.text) if part.strip()]
    # The id keeps two documents with the same words apart: equal bytes would be one document to the store.
    head = f'<meta charset="utf-8"><meta name="identifier" content="{html.escape(document.id)}">'
    lines = ["<!DOCTYPE html>", f"<html><head>{head}<title>{title}</title></head><body>"]
    lines += [f"<h1>{title}</h1>"] * bool(title)
    lines += [f"<p>{paragraph}</p>" for paragraph in paragraphs]
    lines.append("</body></html>")
    return Source(f"{document.id}.html", "\n".join(lines).encode("utf-8", "replace"), MEDIA_TYPE)
