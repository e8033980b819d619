"""Build the text of a passage from its title, heading path and text: one join for every stage that reads passages."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.text.markdown import drop_link_targets

HEADING_SEPARATOR = " > "


def join_headings(headings: Iterable[str]) -> str:
    """Join a heading path, outermost first; blank headings are left out."""
    return HEADING_SEPARATOR.join(stripped for heading in headings if (stripped := heading.strip()))


def build_passage(
    headings: Iterable[str], text: str, *, title: str = "", gap: str = "\n", with_targets: bool = False
) -> str:
    """Build a passage: title and heading path on the first line, then the text.

    Without a title this is the embedding input of a chunk. Its SHA-256 identifies stored vectors, so that any change to
    the default form requires every chunk to be embedded again.

    Args:
        headings: Heading path, outermost first.
        text: Text under the headings.
        title: Title of the document, placed before the heading path.
        gap: Separator of the first line and the text.
        with_targets: Keep the targets of links. They say nothing about the subject, so that models which compare
            passages get the words only.
    """
    path = join_headings((title, *headings))
    text = text if with_targets else drop_link_targets(text)
    return f"{path}{gap}{text}" if path else text
