"""Chunking takes time proportional to the length of a text, whatever it looks like, and stops on request."""

import time
from collections.abc import Callable
from itertools import cycle, islice

import pytest

from pipeline.chunk import chunk_document
from pipeline.errors import Cancelled, ParseTimeout
from pipeline.ingest import IngestParts, prepare_document
from pipeline.types import Block, EmbeddingProfile, ParsedDocument, Source

SMALL, LARGE = 32_000, 256_000
MAX_GROWTH = 3 * LARGE / SMALL
"""Quadratic time would be 64 times as long for a text 8 times as long."""

WORDS = [f"w{number * 7919 % 10_007}" for number in range(2_000)]
HAN = [chr(0x4E00 + number * 7919 % 3_001) for number in range(3_000)]


class Characters:
    """Counts a token per word, and one more per six characters of it."""

    def count(self, text: str) -> int:
        return sum(1 + len(word) // 6 for word in text.split())


def lines(line: Callable[[int], str]) -> Callable[[int], str]:
    """Return a function that builds a text of numbered lines with at least so many characters."""
    return lambda length: "\n".join(line(number) for number in range(length // len(line(1)) + 1))


def words(separator: str) -> Callable[[int], str]:
    return lambda length: separator.join(islice(cycle(WORDS), length // 5))


TEXTS: dict[str, Callable[[int], str]] = {
    "words without a sentence end": words(" "),
    "one word per line": words("\n"),
    "one word per paragraph": words("\n\n"),
    "one letter repeated": lambda length: "x" * length,
    "one string of digits": lambda length: "1234567890" * (length // 10),
    "Chinese without a full stop": lambda length: "".join(islice(cycle(HAN), length)),
    "a letter with combining marks": lambda length: "a" + "\u0301" * length,
    "joined emoji": lambda length: "👩\u200d👩\u200d👧\u200d👦" * (length // 7),
    "one line of short sentences": lambda length: "It is. So it was. " * (length // 18),
    "nested list": lines(lambda number: "  " * (number % 40) + f"- item {number}"),
    "many small code blocks": lines(lambda number: f"```\n{number}\n```"),
    "one code block": lambda length: f"```\n{words(chr(10))(length)}\n```",
    "a table with one long cell": lambda length: f"| a | b |\n| --- | --- |\n| {words(' ')(length)} | x |",
    "links only": lines(lambda number: f"[a](http://a.example/{number})"),
    "opening brackets": lambda length: "[" * length,
    "backticks": lambda length: "`" * length,
}


def cpu_seconds(text: str) -> float:
    document = ParsedDocument("T", "text/plain", (Block(text),))
    started = time.process_time()
    chunk_document(document, Characters(), max_tokens=254, overlap=32, max_chunks=1_000_000)
    return time.process_time() - started


@pytest.mark.parametrize("name", TEXTS)
def test_chunk_cost__grows_with_the_length(name):
    build = TEXTS[name]
    cpu_seconds(build(2_000))  # what is loaded with the first text
    small, large = (min(cpu_seconds(build(length)) for _ in range(2)) for length in (SMALL, LARGE))
    assert large < MAX_GROWTH * max(small, 0.01)


def test_chunk_cost__windows_change_no_chunk(monkeypatch):
    document = ParsedDocument("T", "text/plain", (Block(f"{words(' ')(60_000)}. {words(chr(10) * 2)(60_000)}"),))

    def texts() -> list[str]:
        chunks = chunk_document(document, Characters(), max_tokens=120, overlap=20, max_chunks=10_000)
        return [chunk.text for chunk in chunks]

    in_windows = texts()
    monkeypatch.setattr("pipeline.chunk.WINDOW_CHARS", 1_000_000)
    assert in_windows == texts()


class OneBlock:
    """A parser that returns the content as one block."""

    def parse(self, source: Source, **_: object) -> ParsedDocument:
        return ParsedDocument(source.name, "text/plain", (Block(source.content.decode()),))

    def discard_pages(self, source: Source) -> None:
        raise NotImplementedError


def prepare(*, timeout_s: float = 60, cancelled: Callable[[], bool] = lambda: False) -> None:
    profile = EmbeddingProfile(1, "p", "m", 384, 254)
    parts = IngestParts(OneBlock(), None, Characters(), profile, 254, 0, 100_000, timeout_s)  # type: ignore[arg-type]
    source = Source("novel.txt", words(" ")(200_000).encode(), "text/plain")
    prepare_document(
        source, parts, on_stage=lambda _stage: None, on_page=lambda _done, _total: None, cancelled=cancelled
    )


def test_chunk_cost__cancelling_stops_within_a_document():
    answers = iter([False] * 5 + [True] * 1_000)
    with pytest.raises(Cancelled):
        prepare(cancelled=lambda: next(answers))


def test_chunk_cost__splitting_has_a_time_limit():
    with pytest.raises(ParseTimeout, match=r"novel\.txt into passages took longer than 0\.01 s"):
        prepare(timeout_s=0.01)
