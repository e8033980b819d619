"""Question-and-answer files in the styles in which people write them."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.everyday_files.blocks import DataBlock, read_data
from tests.everyday_files.facts import EverydayFile, FactQuestion

Pairs = Sequence[tuple[str, str]]


def build() -> Iterator[EverydayFile]:
    """Yield one file per block; its kind names the style."""
    for block in read_data("faq.txt"):
        pairs = [(q.removeprefix("Q "), a.removeprefix("A ")) for q, a in zip(*[iter(block.lines)] * 2, strict=True)]
        questions = tuple(_exclude_other_answers(number, block, pairs) for number in range(len(pairs)))
        yield EverydayFile("faq", block.name, _format(block.kind, block.title, pairs).encode(), questions)


def _exclude_other_answers(number: int, block: DataBlock, pairs: Pairs) -> FactQuestion:
    others = {fact for place, q in enumerate(block.questions) if place != number for fact in q.facts}
    wrong = tuple(sorted(other for other in others if other not in pairs[number][1]))
    return replace(block.questions[number], wrong=wrong)


def _format(style: str, title: str, pairs: Pairs) -> str:
    if style in _PAGE_STYLES:
        return _PAGE_STYLES[style](title, pairs)
    heading, pair, separator = _TEXT_STYLES[style]
    rows = (pair.format(n=n, q=question, a=answer) for n, (question, answer) in enumerate(pairs, 1))
    return f"{heading.format(title=title)}\n\n{separator.join(rows)}"


def _definitions(title: str, pairs: Pairs) -> str:
    rows = "\n".join(f"<dt>{html.escape(q)}</dt>\n<dd>{html.escape(a)}</dd>" for q, a in pairs)
    return _document(title, f"<dl>{rows}</dl>")


def _page(title: str, pairs: Pairs) -> str:
    return _document(title, "\n".join(f"<h3>{html.escape(q)}</h3>\n<p>{html.escape(a)}</p>" for q, a in pairs))


def _document(title: str, body: str) -> str:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>"


_TEXT_STYLES: dict[str, tuple[str, str, str]] = {
    "letters": ("{title}", "Q: {q}\nA: {a}", "\n\n"),
    "numbered_letters": ("{title}", "Q{n}. {q}\nA{n}. {a}", "\n"),
    "bold": ("# {title}", "**{q}**\n{a}", "\n\n"),
    "bold_paragraphs": ("# {title}", "**{q}**\n\n{a}", "\n\n"),
    "headings": ("# {title}", "### {q}\n\n{a}", "\n\n"),
    "numbered": ("{title}", "{n}. {q}\n   {a}", "\n\n"),
    "plain_lines": ("{title}", "{q}\n{a}", "\n\n"),
    "bullets": ("# {title}", "- **{q}** {a}", "\n"),
    "german": ("{title}", "Frage: {q}\nAntwort: {a}", "\n\n"),
    "chinese": ("{title}", "问：{q}\n答：{a}", "\n\n"),
    "chinese_numbers": ("{title}", "{n}、{q}\n{a}", "\n\n"),
}
"""Format of the title, format of a pair, separator of pairs."""

_PAGE_STYLES: dict[str, Callable[[str, Pairs], str]] = {"definitions": _definitions, "page": _page}
