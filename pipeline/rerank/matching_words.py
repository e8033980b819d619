"""The words of a question and of a passage that late interaction matched with each other.

The similarity of two words is the MaxSim of their tokens: for each token of the question's word, the highest similarity
with a token of the passage's word, summed. Function words, punctuation and the profile's prefixes take no part.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.ports import Matrix
from pipeline.text.terms import content_terms, find_words, is_content_term, single_characters, split_terms

MAX_MATCHES = 4
"""Maximum matches of a passage."""
MAX_WORD_CHARS = 40

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class EmbeddedText:
    """A text with its token vectors."""

    text: str
    vectors: Matrix
    """One row per token, of length 1."""
    spans: Sequence[Span]
    """Start and end of each token in the text."""
    prefix: int = 0
    """Number of characters of the profile's prefix at the start of the text."""


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A word of the question and the most similar word of the passage."""

    asked: str
    found: str

    @property
    def is_same(self) -> bool:
        """Whether both are forms of one word."""
        return set(split_terms(self.asked)) == set(split_terms(self.found))

    def __str__(self) -> str:
        return _shorten(self.found) if self.is_same else f"{_shorten(self.asked)} ≈ {_shorten(self.found)}"


def match_words(question: EmbeddedText, passages: Sequence[EmbeddedText]) -> list[list[WordMatch]]:
    """Return for each passage the matches with the largest shares of its score, largest first.

    A match counts if it is at least as strong as the average of the passage that matches best, or if the passage
    contains the word itself: the most similar word of a passage on another subject says nothing.
    """
    asked = _group_tokens(question)
    if not asked:
        return [[] for _ in passages]
    compared = [_compare_words(question, asked, passage) for passage in passages]
    average = max((float(strengths.mean()) for _, _, strengths in compared if len(strengths)), default=0.0)
    return [
        _choose_matches(question, passage, *words, average) for passage, words in zip(passages, compared, strict=True)
    ]


def _compare_words(
    question: EmbeddedText, asked: Sequence[tuple[int, Span]], passage: EmbeddedText
) -> tuple[list[tuple[Span, Span]], Matrix, Matrix]:
    """Return the most similar word for each word of the question, its MaxSim, and the mean of that over its tokens."""
    found = _group_tokens(passage)
    if not found:
        return [], np.zeros(0, np.float32), np.zeros(0, np.float32)
    similarities = question.vectors[[row for row, _ in asked]] @ passage.vectors[[row for row, _ in found]].T
    asked_starts, found_starts = _group_starts(asked), _group_starts(found)
    by_token = np.maximum.reduceat(similarities, found_starts, axis=1)
    by_word = np.add.reduceat(by_token, asked_starts, axis=0)
    best = by_word.argmax(axis=1)
    pairs = [(asked[row][1], found[found_starts[column]][1]) for row, column in zip(asked_starts, best, strict=True)]
    scores = by_word.max(axis=1)
    return pairs, scores, scores / np.diff([*asked_starts, len(asked)])


def _choose_matches(
    question: EmbeddedText,
    passage: EmbeddedText,
    pairs: Sequence[tuple[Span, Span]],
    scores: Matrix,
    strengths: Matrix,
    average: float,
) -> list[WordMatch]:
    chosen = {
        pair: float(score)
        for pair, score, strength in zip(pairs, scores, strengths, strict=True)
        if strength >= average or _match_of(question, passage, pair).is_same
    }
    matches = [_match_of(question, passage, pair) for pair, _ in _merge_adjacent(chosen)]
    return list({str(match).casefold(): match for match in matches}.values())[:MAX_MATCHES]


def _match_of(question: EmbeddedText, passage: EmbeddedText, pair: tuple[Span, Span]) -> WordMatch:
    (start, end), (found_start, found_end) = pair
    return WordMatch(question.text[start:end], passage.text[found_start:found_end])


def _group_tokens(text: EmbeddedText) -> list[tuple[int, Span]]:
    """Return the row and the word of each token that is part of a content word."""
    words = list(find_words(text.text))
    starts = [start for start, _, _ in words]
    written = text.text[text.prefix :]
    content = {*filter(is_content_term, content_terms(written)), *single_characters(written)}
    if len(text.spans) != len(text.vectors):  # the tokenizer reports no positions
        return []
    tokens = []
    for row, (span_start, end) in enumerate(text.spans):
        token = text.text[span_start:end]
        start = span_start + len(token) - len(token.lstrip())  # some tokenizers include the space before a word
        place = bisect_right(starts, start) - 1
        if start < text.prefix or place < 0 or start >= words[place][1]:
            continue
        first, last, is_run = words[place]
        # Words of scripts without spaces are as long as the tokenizer makes them.
        word = (start, min(end, last)) if is_run else (first, last)
        if not content.isdisjoint(split_terms(text.text[word[0] : word[1]])):
            tokens.append((row, word))
    return tokens


def _group_starts(tokens: Sequence[tuple[int, Span]]) -> list[int]:
    """Return the positions at which the tokens of a word start."""
    return [place for place, (_, word) in enumerate(tokens) if place == 0 or word != tokens[place - 1][1]]


def _merge_adjacent(matches: dict[tuple[Span, Span], float]) -> list[tuple[tuple[Span, Span], float]]:
    """Join matches that follow each other without a space in both texts, and sort by score, largest first."""
    merged: list[tuple[tuple[Span, Span], float]] = []
    for (asked, found), score in matches.items():
        if merged and merged[-1][0][0][1] == asked[0] and merged[-1][0][1][1] == found[0]:
            (earlier_asked, earlier_found), earlier_score = merged.pop()
            pair = (earlier_asked[0], asked[1]), (earlier_found[0], found[1])
            merged.append((pair, earlier_score + score))
        else:
            merged.append(((asked, found), score))
    return sorted(merged, key=lambda match: -match[1])


def _shorten(word: str) -> str:
    return word if len(word) <= MAX_WORD_CHARS else f"{word[:MAX_WORD_CHARS]}…"
