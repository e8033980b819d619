"""The chunk stage: split a parsed document into chunks within the token budget of the embedding model.

The budget covers the whole embedding input: heading path and text. A chunk never crosses a heading. It crosses a page
only if one side is too small for a chunk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pipeline.errors import FileTooLarge
from pipeline.ports import Tokenizer
from pipeline.text.markdown import (
    drop_hidden_marks,
    drop_link_targets,
    hide_link_targets,
    restore_link_targets,
    split_fences,
    split_row,
    split_tables,
)
from pipeline.text.passages import build_passage
from pipeline.text.scripts import HAN, KANA
from pipeline.types import Block, Chunk, ParsedDocument

if TYPE_CHECKING:
    from semantic_text_splitter import TextSplitter

TINY_SHARE = 0.25
"""Share of the budget below which a chunk is merged with the next one of the same section."""
HEADINGS_SHARE = 0.5
"""Maximum share of the budget for the heading path; outer headings are left out first."""
WINDOW_CHARS = 16_000
"""Characters of a long text that the splitter reads at once; it reads all that follows again for every chunk."""
MIN_WINDOW_CHUNKS = 4
"""Chunks that a window must contain; otherwise it is doubled."""

_MAX_CACHED_WORDS = 200_000
_WORD_TOKENS: WeakKeyDictionary[Tokenizer, dict[str, float]] = WeakKeyDictionary()
"""Tokens of words by tokenizer: the documents of a library share most of their words."""
_LONG_WORD_CHARS = 64
_CJK_RUN = re.compile(f"[{HAN}{KANA}]+")
_ATOMS = re.compile(rf"[{HAN}{KANA}]+|[^\s{HAN}{KANA}]+")


def chunk_document(
    document: ParsedDocument,
    tokenizer: Tokenizer,
    *,
    max_tokens: int,
    overlap: int,
    max_chunks: int,
    check: Callable[[], None] = lambda: None,
) -> tuple[Chunk, ...]:
    """Split a document into chunks, in time proportional to its length.

    Args:
        document: The document.
        tokenizer: Counts tokens.
        max_tokens: Maximum tokens of a chunk with its headings.
        overlap: Tokens that a chunk repeats of the one before.
        max_chunks: Maximum number of chunks.
        check: Called at least several times a second; it raises an error to stop.

    Raises:
        FileTooLarge: There are more than `max_chunks` chunks.
    """
    sample = "\n".join(block.text[:2000] for block in document.blocks[:20])
    chunker = _Chunker(tokenizer, max_tokens, overlap, sample, check)
    chunks: list[Chunk] = []
    for block in _merge_tiny(document.blocks, chunker):
        check()
        for chunk in chunker.split_block(block):
            if len(chunks) == max_chunks:
                raise FileTooLarge(
                    f"{document.title} has more than {max_chunks} chunks. "
                    "Split the document or ask the operator to raise REFDESK_MAX_CHUNKS."
                )
            chunks.append(replace(chunk, ordinal=len(chunks)))
    return tuple(chunks)


class _CachedTokenCounter(dict[str, float]):
    """A token counter that adds up cached counts of words, about 20 times faster than the tokenizer.

    Exact for WordPiece, an approximation for others. The splitter counts about eight times the length of the text; each
    finished chunk is counted exactly.
    """

    def __init__(self, tokenizer: Tokenizer, sample: str) -> None:
        super().__init__()
        self._count = tokenizer.count
        self._known = _WORD_TOKENS.setdefault(tokenizer, {})
        # Tokenizers with large vocabularies merge Chinese and Japanese characters, so that one is less than a token.
        characters = "".join(_CJK_RUN.findall(sample))[:2000]
        self._per_character = self._count(characters) / len(characters) if characters else 1.0

    def __missing__(self, atom: str) -> float:
        if _CJK_RUN.match(atom):
            return len(atom) * self._per_character
        if len(atom) > _LONG_WORD_CHARS:
            # Encoded data. WordPiece turns a word of over 100 characters into one unknown token, so that any amount of
            # it would fit into a chunk. Fixed parts also count the same wherever the splitter stops reading.
            starts = range(0, len(atom), _LONG_WORD_CHARS)
            return sum(self[atom[start : start + _LONG_WORD_CHARS]] for start in starts)
        tokens = self._known.get(atom)
        if tokens is None:
            tokens = float(self._count(atom))
            if len(self._known) < _MAX_CACHED_WORDS:
                self._known[atom] = tokens
        if len(self) < _MAX_CACHED_WORDS:
            self[atom] = tokens
        return tokens

    def __call__(self, text: str) -> int:
        text = drop_link_targets(text)
        atoms = text.split() if text.isascii() else _ATOMS.findall(text)
        return ceil(sum(map(self.__getitem__, atoms)))


class _Chunker:
    """Splits blocks; caches the token counts of words and heading paths."""

    def __init__(
        self, tokenizer: Tokenizer, max_tokens: int, overlap: int, sample: str, check: Callable[[], None]
    ) -> None:
        self._check = check
        self.max_tokens = max_tokens
        self._overlap = overlap
        self._exact = tokenizer.count
        self.count = _CachedTokenCounter(tokenizer, sample)
        self.fit_headings = lru_cache(maxsize=1024)(self._fit_headings)

    def split_block(self, block: Block) -> Iterator[Chunk]:
        """Split one block."""
        headings, budget = self.fit_headings(block.headings)
        for text in self._split_text(block.text, budget):
            yield from self._build_chunks(text, replace(block, headings=headings), budget)

    def _build_chunks(self, text: str, block: Block, budget: int) -> Iterator[Chunk]:
        tokens = self._exact(build_passage(block.headings, text))
        if tokens <= self.max_tokens or len(text) == 1:
            yield Chunk(0, text, block.headings, block.page, tokens, block.confidence)
            return
        # The fast count was too low, or tokens merge where heading path and text meet: use a smaller budget.
        smaller = max(1, min(budget - 1, budget - (tokens - self.max_tokens)))
        parts = self._split_prose(text, smaller)
        if len(parts) == 1:
            parts = [half.strip() for half in (text[: len(text) // 2], text[len(text) // 2 :]) if half.strip()]
        for part in parts:
            yield from self._build_chunks(part, block, smaller)

    def _fit_headings(self, headings: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        """Return the innermost headings that fit into their share, and the tokens left for the text."""
        fitting = headings
        heading_tokens = int(self.max_tokens * HEADINGS_SHARE)
        while len(fitting) > 1 and self._exact(build_passage(fitting, "")) > heading_tokens:
            fitting = fitting[1:]
        while fitting and self._exact(build_passage(fitting, "")) > heading_tokens:
            shorter = fitting[0][: len(fitting[0]) // 2].rstrip()
            fitting = (shorter,) if shorter else ()
        return fitting, self.max_tokens - (self._exact(build_passage(fitting, "")) if fitting else 0)

    def _split_text(self, text: str, budget: int) -> list[str]:
        if self.count(text) <= budget:
            return [text]
        pieces: list[str] = []
        for is_code, part in split_fences(text):
            if not is_code:
                pieces.extend(self._split_blocks(part, budget))
            elif self.count(part) <= budget:
                pieces.append(part)
            else:
                pieces.extend(self._split_code(part, budget, self._take_lead(pieces, budget)))
        return self._join_tiny(pieces, budget)

    def _take_lead(self, pieces: list[str], budget: int) -> str:
        """Remove and return a short text before a table or code block: it introduces it, so it stays with its start."""
        return pieces.pop() if pieces and self.count(pieces[-1]) < TINY_SHARE * budget else ""

    def _split_code(self, code: str, budget: int, lead: str) -> list[str]:
        """Split a code block that is too long at blank lines; each part gets the fences."""
        fence, _, rest = code.partition("\n")
        body, _, end = rest.rpartition("\n")
        left = budget - self.count(f"{lead} {fence}\n{end}")
        if left < budget // 2:
            return self._split_prose(f"{lead}\n\n{code}" if lead else code, budget)
        parts = [f"{fence}\n{part}\n{end}" for part in self._split_prose(body, left, trim=False)]
        return [f"{lead}\n\n{parts[0]}", *parts[1:]] if lead else parts

    def _split_blocks(self, text: str, budget: int) -> list[str]:
        pieces: list[str] = []
        for block in split_tables(text.split("\n")):
            if block.kind != "table":
                pieces.extend(self._split_prose(block.content.strip("\n"), budget))
                continue
            pieces.extend(self._split_table(block.content, budget, self._take_lead(pieces, budget)))
        return pieces

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

    def _split_prose(self, text: str, budget: int, *, trim: bool = True) -> list[str]:
        from semantic_text_splitter import TextSplitter

        overlap = min(self._overlap, budget // 2)
        hidden, targets = hide_link_targets(text)
        count = (lambda part: self.count(drop_hidden_marks(part))) if targets else self.count
        splitter = TextSplitter.from_callback(count, budget, overlap=overlap, trim=trim)
        parts = list(self._split_windows(hidden, splitter))
        parts = [restore_link_targets(part, targets) for part in parts] if targets else parts
        # Untrimmed parts keep the indentation of code; line ends around them carry nothing.
        return parts if trim else [part.strip("\n") for part in parts if part.strip()]

    def _split_windows(self, text: str, splitter: TextSplitter) -> Iterator[str]:
        """Split a text of any length, a window at a time.

        The last chunk of a window ends where the window ends and not where the text suggests, so the next window begins
        with that chunk.
        """
        start, size = 0, WINDOW_CHARS
        while start + size < len(text):
            self._check()
            found = splitter.chunk_indices(text[start : start + size])
            if len(found) < MIN_WINDOW_CHUNKS:
                size *= 2
                continue
            yield from (chunk for _, chunk in found[:-1])
            start += found[-1][0]
        yield from splitter.chunks(text[start:])

    def _split_table(self, table: str, budget: int, lead: str) -> Iterator[str]:
        header, rule, *rows = table.split("\n")
        top = f"{header}\n{rule}"
        top_size = self.count(top)
        if not rows or top_size > budget // 2:
            lines = "\n".join(_format_row_as_lines(header, row) for row in rows) or table
            yield from self._split_prose(f"{lead}\n\n{lines}" if lead else lines, budget)
            return
        part = [f"{lead}\n\n{top}" if lead else top]
        size = self.count(part[0])
        for row in rows:
            row_size = self.count(row)
            if len(part) > 1 and size + row_size > budget:
                yield "\n".join(part)
                part, size = [top], top_size
            if size + row_size > budget:  # the row alone exceeds the budget
                yield from self._split_prose(_format_row_as_lines(header, row), budget)
            else:
                part.append(row)
                size += row_size
        if len(part) > 1 or part[0] != top:
            yield "\n".join(part)


def _merge_tiny(blocks: Iterable[Block], chunker: _Chunker) -> Iterator[Block]:
    """Merge blocks of one section across a page break if one of them is tiny and both fit into one chunk."""
    pending: Block | None = None
    pending_size = 0
    for block in blocks:
        _, budget = chunker.fit_headings(block.headings)
        size = chunker.count(block.text)
        if pending is not None and pending.headings == block.headings:
            tiny = min(size, pending_size) < TINY_SHARE * budget
            if tiny and size + pending_size < budget:
                confidences = [c for c in (pending.confidence, block.confidence) if c is not None]
                text = f"{pending.text}\n\n{block.text}"
                pending = replace(pending, text=text, confidence=min(confidences, default=None))
                pending_size = chunker.count(pending.text)
                continue
        if pending is not None:
            yield pending
        pending, pending_size = block, size
    if pending is not None:
        yield pending


def _format_row_as_lines(header: str, row: str) -> str:
    """Format a row that is too long for a table as one `header: cell` line per cell."""
    names, cells = split_row(header), split_row(row)
    names += [""] * (len(cells) - len(names))
    pairs = zip(names, cells, strict=False)
    return "\n".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)
