"""Reading Markdown with markdown-it."""

import time

import pytest

from pipeline.text.markdown import drop_link_targets, read_blocks, split_row, split_tables


def kinds_of(text: str) -> list[tuple[str, str]]:
    return [(block.kind, "\n".join(block.lines)) for block in read_blocks(text)]


def test_read_blocks__keeps_the_lines_as_written() -> None:
    code = "```py\nif a:\n\n    | b |\n```"
    table = "| a | b |\n|:--|--:|\n| 1 | \\| |"
    text = f"# Title #\nOne\n  two\n\n{code}\nThree.\n{table}\nFour."
    assert kinds_of(text) == [
        ("heading", "# Title #"),
        ("text", "One\n  two"),
        ("code", code),
        ("text", "Three."),
        ("table", table),
        ("text", "Four."),
    ]
    assert [block.content for block in read_blocks(text)][:3] == ["Title", "One\n  two", "if a:\n\n    | b |\n"]


@pytest.mark.parametrize(
    "text",
    [
        "    indented",
        "[1]: http://x.example",
        "Title\n===",
        "Title\n---",
        "<div>",
        "- item",
        "> quote",
        "#hashtag",
        "***",
    ],
)
def test_read_blocks__leaves_ordinary_text(text: str) -> None:
    assert kinds_of(text) == [("text", text)]


def test_read_blocks__open_fence_reaches_to_the_end() -> None:
    assert kinds_of("~~~\ncode\n\nmore") == [("code", "~~~\ncode\n\nmore")]


@pytest.mark.parametrize(
    ("text", "is_table"),
    [
        ("| a |\n| - |", True),
        ("a | b\n--- | ---", True),
        ("| a | b |\n| --- |", False),
        ("| a |\nb", False),
        ("a\n---", False),
        ("| a | b |", False),
        ("| a \\| b |\n| --- |", True),
    ],
)
def test_split_tables__header_and_delimiter_row_have_as_many_cells(text: str, is_table: bool) -> None:
    assert [block.kind == "table" for block in split_tables(text.split("\n"))] == [is_table]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("| a | b\\|c |  |", ["a", "b|c", ""]),
        ("a | b", ["a", "b"]),
        ("  | a |", ["a"]),
        ("|", []),
        ("", []),
    ],
)
def test_split_row(row: str, cells: list[str]) -> None:
    assert split_row(row) == cells


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("See [the rules](https://a.example/r.pdf).", "See the rules."),
        ("[mail](mailto:a@b.example) [call](TEL:+49)", "mail call"),
        ("a[1](b), f[x](y), [x](#y), [ ](https://a.example", "a[1](b), f[x](y), [x](#y), [ ](https://a.example"),
    ],
)
def test_drop_link_targets(text: str, plain: str) -> None:
    assert drop_link_targets(text) == plain


@pytest.mark.parametrize("part", ["[", "[a", "[a](", "[a](https://", "](", "[a](https://x)", "[a](https://x "])
def test_drop_link_targets__time_grows_with_the_length(part: str) -> None:
    started = time.perf_counter()
    drop_link_targets(part * 200_000)
    assert time.perf_counter() - started < 5


def test_split_tables__time_grows_with_the_length() -> None:
    rows = ["| a | b |", "| --- | --- |", *["| 1 | 2 |"] * 200_000]
    started = time.perf_counter()
    assert [block.kind for block in split_tables(rows)] == ["table"]
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("line", ["|" + "-" * 200_000 + "x", "|" + "- " * 100_000 + "x", "-" * 200_000 + "|x"])
def test_read_blocks__long_lines_of_dashes_take_linear_time(line: str) -> None:
    started = time.monotonic()
    assert [block.kind for block in read_blocks(f"a | b\n{line}\n")] == ["text"]
    assert time.monotonic() - started < 5.0
