"""Elements become blocks, a title and clean text."""

import pytest

from pipeline.errors import EmptyDocument
from pipeline.parse import (
    Element,
    build_blocks,
    build_document,
    build_table_elements,
    choose_title,
    format_table,
    is_plausible_heading,
    title_from_name,
    unwrap_lines,
)


def test_blocks__carry_the_path_of_their_headings():
    blocks = build_blocks(
        [
            Element("heading", "Guide", 1),
            Element("paragraph", "Intro."),
            Element("heading", "Install", 2),
            Element("paragraph", "Step."),
            Element("heading", "Use", 2),
            Element("paragraph", "Go."),
            Element("heading", "Appendix", 1),
            Element("paragraph", "End."),
        ]
    )
    assert [(block.headings, block.text) for block in blocks] == [
        (("Guide",), "Intro."),
        (("Guide", "Install"), "Step."),
        (("Guide", "Use"), "Go."),
        (("Appendix",), "End."),
    ]


def test_blocks__heading_without_body_is_kept_as_text_of_its_parent():
    blocks = build_blocks([Element("heading", "A", 1), Element("heading", "B", 2), Element("heading", "C", 2)])
    assert [(block.headings, block.text) for block in blocks] == [(("A",), "B\n\nC")]


def test_blocks__heading_alone_is_text():
    assert [block.text for block in build_blocks([Element("heading", "Only this", 1)])] == ["Only this"]


def test_blocks__end_at_a_page():
    blocks = build_blocks([Element("paragraph", "one", page=1), Element("paragraph", "two", page=2)])
    assert [(block.text, block.page) for block in blocks] == [("one", 1), ("two", 2)]


def test_blocks__items_of_a_list_stay_together():
    blocks = build_blocks([Element("paragraph", "Buy:"), Element("item", "milk"), Element("item", "bread")])
    assert blocks[0].text == "Buy:\n\n- milk\n- bread"


def test_blocks__very_long_heading_is_a_paragraph():
    blocks = build_blocks([Element("heading", "long " * 100, 1), Element("paragraph", "x")])
    assert blocks[0].headings == ()


@pytest.mark.parametrize(
    "written", ["Untitled", "(anonymous)", "PowerPoint Presentation", "", None, "  ", "无标题", "123"]
)
def test_title__that_says_nothing_gives_way_to_the_first_heading(written):
    assert choose_title(written, ["Annual report"], "scan.pdf") == "Annual report"


def test_title__written_in_the_file_comes_first():
    assert choose_title("Microsoft Word - House rules", ["1 Introduction"], "x.docx") == "House rules"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("house-rules.v2.pdf", "house-rules.v2"),
        ("/home/me/notes/Übersicht.md", "Übersicht"),
        ("C:\\docs\\plan.docx", "plan"),
        ("https://example.org/wiki/Caf%C3%A9?x=1", "Café"),
        ("https://example.org/", "example.org"),
        (".env", ".env"),
    ],
)
def test_title__of_a_name(name, title):
    assert title_from_name(name) == title


def test_document__without_a_letter_or_digit_is_empty():
    with pytest.raises(EmptyDocument):
        build_document([Element("paragraph", " -- ")], name="x.txt", media_type="text/plain")


def test_table__keeps_header_and_escapes_pipes():
    assert format_table([["a", "b"], ["x|y", "z\nz"]]) == "| a | b |\n| --- | --- |\n| x\\|y | z z |"


def test_table__leaves_out_empty_rows_and_columns():
    assert format_table([["a", "", "b"], ["", "", ""], ["1", "", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_table__title_row_stands_before_it():
    found = build_table_elements([["Sales 2024", "", ""], ["Month", "Sum", ""], ["May", "3", ""]])
    assert [element.kind for element in found] == ["paragraph", "table"]
    assert found[0].text == "Sales 2024"
    assert found[1].text.startswith("| Month | Sum |")


def test_table__of_one_column_is_text():
    assert [element.kind for element in build_table_elements([["only"], ["words"]])] == ["paragraph", "paragraph"]


def test_unwrap__joins_lines_of_a_page_and_a_parted_word():
    first = "This line is as wide as the column of the page and ends in an interrup\x02"
    assert unwrap_lines(f"{first}\ntion of the word it parts, and goes on and on until\nthe end.").count("\n") == 0
    assert "interruption" in unwrap_lines(f"{first}\ntion of the word it parts.")


def test_unwrap__keeps_the_lines_of_an_address():
    address = "Ann Lee\n12 High Street\nYork"
    assert unwrap_lines(address) == address


def test_unwrap__puts_no_space_between_chinese_characters():
    line = "这一行文字和页面一样宽所以在这里换行并且继续写下去直到句子结束为止"
    assert " " not in unwrap_lines(f"{line}\n{line}")


@pytest.mark.parametrize("text", ["1 Introduction", "第一章 总则", "Danksagungen", "What is new?"])
def test_heading__is_plausible(text):
    assert is_plausible_heading(text)


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "2",
        "(e) T\n2",
        "this goes on from above",
        "It ends like a sentence.",
        "a@b.org Mail",
        "12 34 56 Sum",
        "x" * 200,
    ],
)
def test_heading__is_not_plausible(text):
    assert not is_plausible_heading(text)


def test_blocks__long_gaps_are_squeezed():
    assert build_blocks([Element("paragraph", "<" + " " * 20_000 + "x\n" + " " * 40 + "y")])[0].text == (
        "< x\n" + " " * 40 + "y"
    )


def test_unwrap_lines__a_long_gap():
    assert unwrap_lines("a" + " " * 20_000 + "b") == "a" + " " * 20_000 + "b"


def test_blocks__code_keeps_its_indentation_after_a_blank_line():
    (block,) = build_blocks([Element("code", "```python\ndef f():\n    a = 1\n\n\n    return a\n```")])
    assert "a = 1\n\n    return a" in block.text
