"""Cutting passages into what can be quoted."""

import pytest

from pipeline.text.sentences import LONGEST_UNIT, find_sentence_ends, first_sentence, split_sentences


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("One is here. Two is there! Is three? Yes.", ["One is here.", "Two is there!", "Is three?", "Yes."]),
        (
            "Dr. Smith met J. R. Jones, e.g. in 3.5 hours. He left.",
            ["Dr. Smith met J. R. Jones, e.g. in 3.5 hours.", "He left."],
        ),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("See version 2.1. It is new", ["See version 2.1.", "It is new"]),
        ("数据库在这里。队列在哪里？“在那里。”他说。", ["数据库在这里。", "队列在哪里？", "“在那里。”", "他说。"]),
        ("A line that\nwas wrapped. Next.", ["A line that was wrapped.", "Next."]),
        ("中文折\n行了。", ["中文折行了。"]),
        ("# Heading\n\nText under it.", ["Text under it."]),
        ("- one thing\n- another thing\n2. a third", ["one thing", "another thing", "a third"]),
        ("", []),
        ("...\n\n---", []),
    ],
)
def test_split_sentences(text: str, units: list[str]) -> None:
    assert split_sentences(text) == units


def test_split_sentences__table_rows_keep_their_header() -> None:
    text = "Prices follow.\n| fruit | price |\n| --- | --- |\n| apple | 3 |\n| pear | 4 |\nThat was all."
    header = "| fruit | price |\n| --- | --- |\n"
    assert split_sentences(text) == [
        "Prices follow.",
        f"{header}| apple | 3 |",
        f"{header}| pear | 4 |",
        "That was all.",
    ]


def test_split_sentences__rows_of_a_drawn_table_are_units() -> None:
    table = "+---+-------+\n| a | 04:12 |\n+---+-------+\n| b | 05:37 |\n+---+-------+"
    assert split_sentences(table) == ["| a | 04:12 |", "| b | 05:37 |"]


def test_split_sentences__code_stays_whole() -> None:
    code = "```sh\nrefdesk up. Then wait.\n\nrefdesk ask\n```"
    assert split_sentences(f"Type this:\n{code}\nDone.") == ["Type this:", code, "Done."]


@pytest.mark.parametrize("unit", ["word ", "字"])
def test_split_sentences__cuts_what_never_ends(unit: str) -> None:
    pieces = split_sentences(unit * 2000)
    assert all(len(piece) <= LONGEST_UNIT for piece in pieces)
    assert "".join(pieces).replace(" ", "") == (unit * 2000).replace(" ", "")


def test_split_sentences__header_without_rows_is_one_unit() -> None:
    assert split_sentences("| fruit | price |\n| --- | --- |") == ["| fruit | price |"]


def test_split_sentences__long_runs() -> None:
    rule = "|--" + " " * 8000 + "x"
    assert split_sentences(f"| a |\n{rule}\n| b |") == ["| a |", "x", "| b |"]
    assert split_sentences("Stop" + "!" * 500 + "x") == ["Stop" + "!" * 500 + "x"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Version 2.1 is out. It is new.", "Version 2.1 is out."),
        ('He said "stop!" Then he left.', 'He said "stop!"'),
        ("资料库中没有答案。最接近的资料：《表》。", "资料库中没有答案。"),
        ("No stop here\nSecond line.", "No stop here\nSecond line."),
        ("All of it.", "All of it."),
        ("", ""),
    ],
)
def test_first_sentence(text: str, first: str) -> None:
    assert first_sentence(text) == first


def test_find_sentence_ends__within_a_part() -> None:
    text = "One. Two 2.5 three! 四。五"
    assert [text[:end] for end in find_sentence_ends(text, 0, len(text))] == [
        "One.",
        "One. Two 2.5 three!",
        "One. Two 2.5 three! 四。",
    ]
    assert list(find_sentence_ends(text, 0, text.index("5"))) == [4]
    assert list(find_sentence_ends(text, 2, 4)) == [4]
