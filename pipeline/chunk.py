"""The chunk stage: a parsed document becomes passages within the token budget of the embedding model.

A chunk is embedded as its headings joined by " > ", a newline, and its text; the budget covers all of it. A chunk never
crosses a heading; it crosses a page only when one side is too small to stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from math import ceil

from pipeline.errors import FileTooLarge
from pipeline.ports import Tokenizer
from pipeline.text.markdown import split_row, split_tables
from pipeline.text.passages import build_passage
from pipeline.text.scripts import HAN, KANA
from pipeline.types import Block, Chunk, ParsedDocument

TINY_SHARE = 0.25
"""Share of the budget below which a passage is merged with its neighbour of the same section."""
HEADINGS_SHARE = 0.5
"""Share of the budget that the heading path may take before its outer titles are left out."""

_MAX_REMEMBERED = 200_000
_LONG_WORD_CHARS = 64
_CJK_RUN = re.compile(f"[{HAN}{KANA}]+")
_ATOMS = re.compile(rf"[{HAN}{KANA}]+|[^\s{HAN}{KANA}]+")


def chunk_document(
    document: ParsedDocument, tokenizer: Tokenizer, *, max_tokens: int, overlap: int, max_chunks: int
) -> tuple[Chunk, ...]:
    """Cut a document into chunks; raises `FileTooLarge` when there would be more than `max_chunks`."""
    sample = "\n".join(block.text[:2000] for block in document.blocks[:20])
    chunker = _Chunker(tokenizer, max_tokens, overlap, sample)
    chunks: list[Chunk] = []
    for block in _merge_tiny(document.blocks, chunker):
        for chunk in chunker.chunks_of(block):
            if len(chunks) == max_chunks:
                raise FileTooLarge(
                    f"{document.title} makes more than {max_chunks} chunks; "
                    "split it or ask the operator to raise REFDESK_MAX_CHUNKS."
                )
            chunks.append(replace(chunk, ordinal=len(chunks)))
    return tuple(chunks)


class _CachedTokenCounter(dict[str, float]):
    """Counts tokens by adding up words and characters already counted, some 20 times faster than the tokenizer.

    Exact for WordPiece, close for others. The splitter asks for the size of every stretch it considers, about eight
    times the text; each finished chunk is counted exactly.
    """

    def __init__(self, tokenizer: Tokenizer, sample: str) -> None:
        super().__init__()
        self._count = tokenizer.count
        # Tokenizers with large vocabularies join Chinese and Japanese characters, so one is worth less than a token.
        characters = "".join(_CJK_RUN.findall(sample))[:2000]
        self._per_character = self._count(characters) / len(characters) if characters else 1.0

    def __missing__(self, atom: str) -> float:
        if _CJK_RUN.match(atom):
            return len(atom) * self._per_character
        if len(atom) > _LONG_WORD_CHARS:
            # Encoded data. WordPiece takes a word of over 100 characters for one unknown token, and any number of them
            # would fit a chunk; its parts are also the same however far the splitter reads.
            starts = range(0, len(atom), _LONG_WORD_CHARS)
            return sum(self[atom[start : start + _LONG_WORD_CHARS]] for start in starts)
        tokens = float(self._count(atom))
        if len(self) < _MAX_REMEMBERED:
            self[atom] = tokens
        return tokens

    def __call__(self, text: str) -> int:
        atoms = text.split() if text.isascii() else _ATOMS.findall(text)
        return ceil(sum(map(self.__getitem__, atoms)))


class _Chunker:
    """Cuts blocks; remembers the tokens of words and of heading paths."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, overlap: int, sample: str) -> None:
        self.max_tokens = max_tokens
        self._overlap = overlap
        self._exact = tokenizer.count
        self.count = _CachedTokenCounter(tokenizer, sample)
        self.fitted = lru_cache(maxsize=1024)(self._fit_headings)

    def chunks_of(self, block: Block) -> Iterator[Chunk]:
        """Cut one block."""
        headings, budget = self.fitted(block.headings)
        for text in self._pieces(block.text, budget):
            yield from self._fitting(text, headings, block.page, budget)

    def _fitting(self, text: str, headings: tuple[str, ...], page: int | None, budget: int) -> Iterator[Chunk]:
        tokens = self._exact(build_passage(headings, text))
        if tokens <= self.max_tokens or len(text) == 1:
            yield Chunk(0, text, headings, page, tokens)
            return
        # The quick count was short, or tokens do not add up where heading and text meet: a little less room.
        smaller = max(1, min(budget - 1, budget - (tokens - self.max_tokens)))
        parts = self._split_prose(text, smaller)
        if len(parts) == 1:
            parts = [half.strip() for half in (text[: len(text) // 2], text[len(text) // 2 :]) if half.strip()]
        for part in parts:
            yield from self._fitting(part, headings, page, smaller)

    def _fit_headings(self, headings: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        """Give the headings that fit their share, innermost first, and the tokens left for the text."""
        kept = headings
        room = int(self.max_tokens * HEADINGS_SHARE)
        while len(kept) > 1 and self._exact(build_passage(kept, "")) > room:
            kept = kept[1:]
        while kept and self._exact(build_passage(kept, "")) > room:
            shorter = kept[0][: len(kept[0]) // 2].rstrip()
            kept = (shorter,) if shorter else ()
        return kept, self.max_tokens - (self._exact(build_passage(kept, "")) if kept else 0)

    def _pieces(self, text: str, budget: int) -> list[str]:
        if self.count(text) <= budget:
            return [text]
        pieces: list[str] = []
        for block in split_tables(text.split("\n")):
            if block.kind != "table":
                pieces.extend(self._split_prose(block.content.strip("\n"), budget))
                continue
            # The line that introduces a table belongs to its first rows.
            has_lead = bool(pieces) and self.count(pieces[-1]) < TINY_SHARE * budget
            pieces.extend(self._split_table(block.content, budget, pieces.pop() if has_lead else ""))
        return self._join_tiny(pieces, budget)

    def _join_tiny(self, pieces: Sequence[str], budget: int) -> list[str]:
        joined: list[str] = []
        sizes: list[int] = []
        for piece in pieces:
            size = self.count(piece)
            tiny = joined and min(size, sizes[-1]) < TINY_SHARE * budget
            if tiny and size + sizes[-1] < budget:
                joined[-1] += "\n\n" + piece
                sizes[-1] = self.count(joined[-1])
            else:
                joined.append(piece)
                sizes.append(size)
        return joined

    def _split_prose(self, text: str, budget: int) -> list[str]:
        from semantic_text_splitter import TextSplitter

        overlap = min(self._overlap, budget // 2)
        return TextSplitter.from_callback(self.count, budget, overlap=overlap).chunks(text)

    def _split_table(self, table: str, budget: int, lead: str) -> Iterator[str]:
        header, rule, *rows = table.split("\n")
        top = f"{header}\n{rule}"
        top_size = self.count(top)
        if not rows or top_size > budget // 2:
            lines = "\n".join(_row_as_lines(header, row) for row in rows) or table
            yield from self._split_prose(f"{lead}\n\n{lines}" if lead else lines, budget)
            return
        held = [f"{lead}\n\n{top}" if lead else top]
        size = self.count(held[0])
        for row in rows:
            row_size = self.count(row)
            if len(held) > 1 and size + row_size > budget:
                yield "\n".join(held)
                held, size = [top], top_size
            if size + row_size > budget:  # a row too long for any table
                yield from self._split_prose(_row_as_lines(header, row), budget)
            else:
                held.append(row)
                size += row_size
        if len(held) > 1 or held[0] != top:
            yield "\n".join(held)


def _merge_tiny(blocks: Iterable[Block], chunker: _Chunker) -> Iterator[Block]:
    """Merge blocks of one section that a page break parts, when one of them is tiny and both fit one chunk."""
    held: Block | None = None
    held_size = 0
    for block in blocks:
        _, budget = chunker.fitted(block.headings)
        size = chunker.count(block.text)
        if held is not None and held.headings == block.headings:
            tiny = min(size, held_size) < TINY_SHARE * budget
            if tiny and size + held_size < budget:
                held = replace(held, text=f"{held.text}\n\n{block.text}")
                held_size = chunker.count(held.text)
                continue
        if held is not None:
            yield held
        held, held_size = block, size
    if held is not None:
        yield held


def _row_as_lines(header: str, row: str) -> str:
    """Write a row too long for a table as one `header: cell` line for each cell."""
    names, cells = split_row(header), split_row(row)
    names += [""] * (len(cells) - len(names))
    pairs = zip(names, cells, strict=False)
    return "\n".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)
