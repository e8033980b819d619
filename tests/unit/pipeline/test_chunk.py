"""Chunks stay within the budget, within their section, and whole."""

import re
from itertools import pairwise

import pytest

from pipeline.chunk import chunk_document
from pipeline.errors import FileTooLarge
from pipeline.text.passages import build_passage
from pipeline.types import Block, ParsedDocument


class Words:
    """Counts words and single Chinese characters, as WordPiece does."""

    def count(self, text: str) -> int:
        return len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9]+|[^\sA-Za-z0-9\u4e00-\u9fff]", text))


class Joining(Words):
    """Joins Chinese characters in pairs, as tokenizers with large vocabularies do."""

    def count(self, text: str) -> int:
        return len(re.findall(r"[\u4e00-\u9fff]{1,2}|[A-Za-z]{1,4}|[^\sA-Za-z\u4e00-\u9fff]", text))


def document(*blocks: Block) -> ParsedDocument:
    return ParsedDocument("T", "text/plain", blocks)


def chunk(*blocks, tokenizer=None, max_tokens=40, overlap=0, max_chunks=1000):
    return chunk_document(
        document(*blocks), tokenizer or Words(), max_tokens=max_tokens, overlap=overlap, max_chunks=max_chunks
    )


PROSE = " ".join(f"Sentence number {n} says a little about thing {n}." for n in range(60))
CHINESE = "".join(f"第{n}句话讲的是图书馆的规则和开放时间。" for n in range(80))


@pytest.mark.parametrize("tokenizer", [Words(), Joining()])
@pytest.mark.parametrize("text", [PROSE, CHINESE, "word " * 500, "x" * 3000, "图" * 500])
def test_chunk__never_exceeds_the_budget_headings_included(text, tokenizer):
    chunks = chunk(Block(text, ("Guide", "Part two")), tokenizer=tokenizer)
    assert len(chunks) > 1
    for one in chunks:
        assert one.tokens == tokenizer.count(build_passage(one.headings, one.text)) <= 40


def test_chunk__link_targets_cost_nothing_and_are_never_cut():
    links = " ".join(
        f"Form {n} is [on page {n} of the site](https://a.example/forms?page={n}&x=a.b)." for n in range(60)
    )
    plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", links)
    chunks = chunk(Block(links))
    assert [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", one.text) for one in chunks] == [one.text for one in chunk(Block(plain))]
    assert " ".join(one.text for one in chunks) == links


def test_chunk__a_link_that_is_longer_than_a_chunk_keeps_its_target():
    chunks = chunk(Block(f"[{'word ' * 60}end](https://a.example/x?y)"))
    assert len(chunks) > 1
    assert chunks[-1].text.startswith("[word")
    assert chunks[-1].text.endswith("end](https://a.example/x?y)")
    assert "a.example" not in "".join(one.text for one in chunks[:-1])


@pytest.mark.parametrize("text", [PROSE, CHINESE])
def test_chunk__loses_and_repeats_nothing(text):
    joined = "".join(one.text for one in chunk(Block(text)))
    assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("text", [PROSE, CHINESE])
def test_chunk__ends_with_a_sentence(text):
    assert all(one.text.endswith((".", "。")) for one in chunk(Block(text)))


def test_chunk__fills_the_budget_when_characters_are_worth_less_than_a_token():
    chunks = chunk(Block(CHINESE), tokenizer=Joining(), max_tokens=100)
    assert sum(one.tokens for one in chunks[:-1]) / len(chunks[:-1]) > 80


def test_chunk__short_block_stays_whole():
    chunks = chunk(Block("One.\n\nTwo.", ("A",), 3))
    assert [(one.ordinal, one.text, one.headings, one.page, one.tokens) for one in chunks] == [
        (0, "One.\n\nTwo.", ("A",), 3, 5)
    ]


def test_chunk__never_crosses_a_heading():
    chunks = chunk(Block("Tiny.", ("A",)), Block("Tiny too.", ("B",)))
    assert [one.headings for one in chunks] == [("A",), ("B",)]


def test_chunk__merges_a_tiny_rest_of_the_same_section_over_a_page():
    chunks = chunk(Block("Twelve words " * 6, ("A",), 1), Block("The end.", ("A",), 2))
    assert [(one.page, one.text.endswith("The end.")) for one in chunks] == [(1, True)]


def test_chunk__keeps_pages_apart_when_both_stand_alone():
    chunks = chunk(Block("word " * 20, ("A",), 1), Block("word " * 20, ("A",), 2))
    assert [one.page for one in chunks] == [1, 2]


def test_chunk__table_repeats_its_header():
    rows = "\n".join(f"| {n} | item{n} |" for n in range(40))
    chunks = chunk(Block(f"Prices:\n\n| No | Name |\n| --- | --- |\n{rows}"), max_tokens=60)
    tables = [one.text for one in chunks if "| 0 |" not in one.text]
    assert len(tables) > 2
    assert all("| No | Name |\n| --- | --- |\n" in text for text in tables)
    assert sum(text.count("| item") for text in (one.text for one in chunks)) == 40


def test_chunk__row_too_long_for_a_table_names_its_cells():
    row = f"| 7 | {'words and ' * 60} |"
    chunks = chunk(Block(f"| No | Story |\n| --- | --- |\n| 1 | short |\n{row}"))
    assert any(one.text.startswith("| No | Story |") for one in chunks)
    assert any("No: 7" in one.text for one in chunks)
    assert all(one.tokens <= 40 for one in chunks)


def test_chunk__header_too_wide_to_repeat_is_given_to_each_cell():
    names = [f"column{n}" for n in range(20)]
    rows = [names, ["---"] * 20, [f"v{n}" for n in range(20)], [f"w{n}" for n in range(20)]]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    text = "\n".join(one.text for one in chunk(Block(table)))
    assert "column3: v3" in text
    assert "column3: w3" in text


def test_chunk__long_heading_path_keeps_its_innermost_title():
    headings = tuple(f"Chapter {n} about many different things" for n in range(20))
    chunks = chunk(Block(PROSE, headings))
    assert all(one.headings and one.headings[-1] == headings[-1] for one in chunks)
    assert all(len(one.headings) < len(headings) for one in chunks)


def test_chunk__overlap_repeats_the_end_of_the_one_before():
    chunks = chunk(Block(PROSE), overlap=12)
    assert all(later.text[:20] in earlier.text for earlier, later in pairwise(chunks))


def test_chunk__same_input_same_chunks():
    assert chunk(Block(PROSE, ("A",)), Block(CHINESE)) == chunk(Block(PROSE, ("A",)), Block(CHINESE))


def test_chunk__numbers_them_in_order():
    chunks = chunk(Block(PROSE, ("A",)), Block(CHINESE, ("B",)))
    assert [one.ordinal for one in chunks] == list(range(len(chunks)))


def test_chunk__too_many_is_too_large():
    with pytest.raises(FileTooLarge, match=r"more than 3 chunks.*REFDESK_MAX_CHUNKS"):
        chunk(Block(PROSE), max_chunks=3)


def test_chunk__nothing_gives_nothing():
    assert chunk() == ()


def test_chunk__an_overlap_near_the_budget_does_not_multiply_the_text():
    near = chunk(Block(PROSE), max_tokens=40, overlap=39)
    assert len(near) <= 3 * len(chunk(Block(PROSE), max_tokens=40))


CODE = "\n\n".join(f"def function_{n}(value):\n    first = value + {n}\n\n    return first" for n in range(20))


def test_chunk__parts_of_a_long_code_block_keep_their_fences_and_indentation():
    chunks = chunk(Block(f"Run this:\n\n```python\n{CODE}\n```\n\nThat is all."), max_tokens=80)
    assert len(chunks) > 3
    assert all(
        one.text.count("```python\n") == one.text.count("\n```") - one.text.count("\n```python") for one in chunks
    )
    assert chunks[0].text.startswith("Run this:\n\n```python\ndef function_0")
    assert sum(one.text.count("    return first") for one in chunks) == 20
    assert all(one.tokens <= 80 for one in chunks)


def test_chunk__code_block_that_fits_is_not_cut():
    code = "```python\na = 1\n\nb = 2\n\nc = 3\n```"
    chunks = chunk(Block(f"{PROSE}\n\n{code}\n\n{PROSE}"))
    assert any(code in one.text for one in chunks)


@pytest.mark.parametrize("overlap", [0, 6, 12])
def test_chunk__record_that_fits_is_not_cut(overlap):
    records = [f"Q: Where is number {n}?\nA: Number {n} is behind shed {n}. It is red." for n in range(30)]
    for one in chunk(Block("\n\n".join(records)), overlap=overlap):
        assert all(part in records for part in one.text.split("\n\n"))


def test_chunk__words_are_counted_once_for_all_documents_of_a_tokenizer():
    class Recording(Words):
        def __init__(self):
            self.counted: list[str] = []

        def count(self, text):
            self.counted.append(text)
            return super().count(text)

    tokenizer = Recording()
    first = chunk(Block(PROSE), tokenizer=tokenizer)
    assert tokenizer.counted.count("thing") == 1
    tokenizer.counted.clear()
    assert chunk(Block(PROSE), tokenizer=tokenizer) == first
    assert "thing" not in tokenizer.counted
    other = Joining()
    assert chunk(Block(PROSE), tokenizer=other) != first
