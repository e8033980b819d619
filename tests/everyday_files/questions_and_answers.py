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
        yield EverydayFile("faq", block.name, _STYLES[block.kind](block.title, pairs).encode(), questions)


def _exclude_other_answers(number: int, block: DataBlock, pairs: Pairs) -> FactQuestion:
    others = {fact for place, q in enumerate(block.questions) if place != number for fact in q.facts}
    wrong = tuple(sorted(other for other in others if other not in pairs[number][1]))
    return replace(block.questions[number], wrong=wrong)


def _letters(title: str, pairs: Pairs) -> str:
    return f"{title}\n\n" + "\n\n".join(f"Q: {question}\nA: {answer}" for question, answer in pairs)


def _numbered_letters(title: str, pairs: Pairs) -> str:
    return f"{title}\n\n" + "\n".join(f"Q{n}. {q}\nA{n}. {a}" for n, (q, a) in enumerate(pairs, 1))


def _bold(title: str, pairs: Pairs) -> str:
    return f"# {title}\n\n" + "\n\n".join(f"**{question}**\n{answer}" for question, answer in pairs)


def _bold_paragraphs(title: str, pairs: Pairs) -> str:
    return f"# {title}\n\n" + "\n\n".join(f"**{question}**\n\n{answer}" for question, answer in pairs)


def _headings(title: str, pairs: Pairs) -> str:
    return f"# {title}\n\n" + "\n\n".join(f"### {question}\n\n{answer}" for question, answer in pairs)


def _numbered(title: str, pairs: Pairs) -> str:
    return f"{title}\n\n" + "\n\n".join(f"{n}. {q}\n   {a}" for n, (q, a) in enumerate(pairs, 1))


def _plain_lines(title: str, pairs: Pairs) -> str:
    return f"{title}\n\n" + "\n\n".join(f"{question}\n{answer}" for question, answer in pairs)


def _bullets(title: str, pairs: Pairs) -> str:
    return f"# {title}\n\n" + "\n".join(f"- **{question}** {answer}" for question, answer in pairs)


def _german(title: str, pairs: Pairs) -> str:
    return f"{title}\n\n" + "\n\n".join(f"Frage: {question}\nAntwort: {answer}" for question, answer in pairs)


def _chinese(title: str, pairs: Pairs) -> str:
    return f"{title}\n\n" + "\n\n".join(f"问：{question}\n答：{answer}" for question, answer in pairs)


def _chinese_numbers(title: str, pairs: Pairs) -> str:
    return f"{title}\n\n" + "\n\n".join(f"{n}、{q}\n{a}" for n, (q, a) in enumerate(pairs, 1))


def _definitions(title: str, pairs: Pairs) -> str:
    rows = "\n".join(f"<dt>{html.escape(q)}</dt>\n<dd>{html.escape(a)}</dd>" for q, a in pairs)
    return _document(title, f"<dl>{rows}</dl>")


def _page(title: str, pairs: Pairs) -> str:
    return _document(title, "\n".join(f"<h3>{html.escape(q)}</h3>\n<p>{html.escape(a)}</p>" for q, a in pairs))


def _document(title: str, body: str) -> str:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>"


_STYLES: dict[str, Callable[[str, Pairs], str]] = {
    "letters": _letters,
    "numbered_letters": _numbered_letters,
    "bold": _bold,
    "bold_paragraphs": _bold_paragraphs,
    "headings": _headings,
    "numbered": _numbered,
    "plain_lines": _plain_lines,
    "bullets": _bullets,
    "german": _german,
    "chinese": _chinese,
    "chinese_numbers": _chinese_numbers,
    "definitions": _definitions,
    "page": _page,
}
