"""Convert a document of a dataset to a source for the regular ingestion.

The source is HTML, which can escape every character. The title is the title of the page and its only heading, so the
stored document has the title of the dataset and each chunk is embedded as title, newline, text. The reference figures
in docs/evaluation.md, measured without Refdesk, use the same text.
"""

from __future__ import annotations

import html
import re

from evaluation.datasets import CorpusDocument
from pipeline.types import Source

MEDIA_TYPE = "text/html"

_PARAGRAPH_END = re.compile(r"\n\s*\n")


def build_source(document: CorpusDocument) -> Source:
    """Build an HTML page from one document."""
    title = html.escape(" ".join(document.title.split()))
    paragraphs = [html.escape(part.strip()) for part in _PARAGRAPH_END.split(document.text) if part.strip()]
    # The ID keeps documents with equal text apart: the store would treat equal bytes as one document.
    head = f'<meta charset="utf-8"><meta name="identifier" content="{html.escape(document.id)}">'
    lines = ["<!DOCTYPE html>", f"<html><head>{head}<title>{title}</title></head><body>"]
    lines += [f"<h1>{title}</h1>"] * bool(title)
    lines += [f"<p>{paragraph}</p>" for paragraph in paragraphs]
    lines.append("</body></html>")
    return Source(f"{document.id}.html", "\n".join(lines).encode("utf-8", "replace"), MEDIA_TYPE)
