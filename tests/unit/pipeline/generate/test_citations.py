"""Verification of the markers and numbers of a written answer against its passages."""

from __future__ import annotations

import re

import pytest

from pipeline.generate.citations import verify_citations
from pipeline.generate.numbering import hide_numbering
from tests.answer_fakes import ranked

PASSAGES = ranked(
    "The library of Alexandria was founded by Ptolemy. It burned several times.",
    "Lamps of the harbour were lit with oil every evening. Sailors saw them from far away.",
    "亚历山大图书馆由托勒密一世建立。它收藏了大量的书卷。",
)


@pytest.mark.parametrize(
    ("said", "kept", "numbers"),
    [
        ("Ptolemy founded the library [1][2].", "Ptolemy founded the library [1].", [1]),
        ("It was Ptolemy [9]. It burned several times [1].", "It was Ptolemy. It burned several times [1].", [1]),
        ("Ptolemy founded it. [1] Oil lit lamps. [2]", "Ptolemy founded it. [1] Oil lit lamps. [2]", [1, 2]),
        ("Ptolemy founded the library [1, 2].", "Ptolemy founded the library [1].", [1]),
        ("Ptolemy founded the library【1】.", "Ptolemy founded the library [1].", [1]),
        ("托勒密一世建立了图书馆[3]。", "托勒密一世建立了图书馆[3]。", [3]),
        ("- Ptolemy founded the library [1]\n- It burned [0]", "- Ptolemy founded the library [1]\n- It burned", [1]),
        ("Bananas grow in warm countries [1].", "Bananas grow in warm countries.", []),
        ("Ptolemy founded the library [4-9].", "Ptolemy founded the library.", []),
        ("Ptolemy founded the library [1-2].", "Ptolemy founded the library [1].", [1]),
        ("Ptolemy founded the library [1000].", "Ptolemy founded the library.", []),
        ("Ptolemy founded the library [Source 2].", "Ptolemy founded the library.", []),
        ("Ptolemy founded the library [Source 1].", "Ptolemy founded the library [1].", [1]),
        ("Ptolemy founded the library [^2].", "Ptolemy founded the library.", []),
        ("Ptolemy founded the library［2］.", "Ptolemy founded the library.", []),
        ("Ptolemy founded the library [1 and 2].", "Ptolemy founded the library [1].", [1]),
        ("Ptolemy founded the library [Passages 1, 2].", "Ptolemy founded the library [1].", [1]),
        ("Ptolemy founded the library【2†x】.", "Ptolemy founded the library.", []),
        ("Ptolemy founded the library [1](http://evil).", "Ptolemy founded the library [1] (http://evil).", [1]),
        ("Ptolemy founded the library.\n[1]", "Ptolemy founded the library. [1]", [1]),
        ("Ptolemy founded the library.\n[2]\nIt burned.", "Ptolemy founded the library.\nIt burned.", []),
        ("[1] Ptolemy founded it.\n[2] Oil lit lamps.", "[1] Ptolemy founded it.\n [2] Oil lit lamps.", [1, 2]),
    ],
)  # fmt: skip
def test_verify_citations(said: str, kept: str, numbers: list[int]) -> None:
    verified = verify_citations("Who founded the library?", said, PASSAGES)
    assert verified.text == kept
    assert [c.n for c in verified.citations] == numbers


def test_verify_citations__makes_other_brackets_round() -> None:
    said = "Ptolemy [in 300 BC] founded it."
    assert verify_citations("Who did it in 300 BC?", said, PASSAGES).text == "Ptolemy (in 300 BC) founded it."


RATES = ranked(
    "The gate opens at 9:00 and closes at 18:00. Entry costs 1,200 yen, and twelve percent less for groups of 25.",
    "The castle was built on 5 March 1850. It has 3 towers, and 3.5 million people have seen it.",
    "大门下午六点关闭，门票三万元，共有２５个房间。",
)


@pytest.mark.parametrize(
    "said",
    [
        "Entry costs 1200 yen [1].",
        "Entry costs ¥1,200.00 [1].",
        "The gate closes at 6 pm and entry is 12 % less for groups [1].",
        "The gate opens at 9 [1].",
        "The castle was built on 1850-03-05 [2].",
        "The castle was built in March 1850 [2].",
        "The castle has 3.0 towers [2].",
        "3,500,000 people have seen the castle [2].",
        "大门18:00关闭，门票30000元，有25个房间[3]。",
        "城堡建于1850年3月5日[2]。",
        "1. The gate opens at 9 [1].\n2. The castle has three towers [2].",
        "4) The gate opens at 9 [1].",
        "**7.** The gate opens at 9 [1].",
        "### 8. Gate\nThe gate opens at 9 [1].",
        "Step 4: the gate opens at 9 [1].",
        "Unlike passage 1, this one says that the castle has towers [2].",
        "The gate opens at 9 and the castle has 3 towers [1] [2].",
        "The castle has 3 towers.\n[2]",
        "In 2031 the gate opens at 9 [1].",  # from the question
        "You see: 1) the gate, 2) the towers of the castle [2].",
        "(1) The castle has 3 towers, (2) people have seen it [2].",
        "You see: 1. the gate, 2. the towers of the castle [2].",
        "Option 4: the gate opens at 9 [1].",
        "Question 7: the gate opens at 9 [1].",
        "| 1 | the gate opens at 9 [1] |\n| 2 | the castle has 3 towers [2] |",
        "4\\. The gate opens at 9 [1].",
        "According to sources 1 and 2, the castle has 3 towers [2].",
        "城堡有：1、大门；2、3座塔楼[2]。",
        "（1）大门18:00关闭；（2）有25个房间[3]。",
        "方法4：大门18:00关闭[3]。",
        "资料1和2说大门18:00关闭[3]。",
        "第2段说大门18:00关闭[3]。",
    ],
)
def test_verify_citations__keeps_supported_numbers(said: str) -> None:
    verified = verify_citations("What holds in 2031?", said, RATES)
    assert (verified.text.replace("\n[2]", " [2]"), verified.dropped) == (said.replace("\n[2]", " [2]"), ())


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("Entry costs 1,300 yen [1].", "1,300"),
        ("Entry costs 120 yen [1].", "120"),
        ("The gate closes at 8 pm [1].", "8 pm"),
        ("The gate opens at 9:30 [1].", "9:30"),
        ("Entry is 21 % less for groups [1].", "21"),
        ("The castle was built in 1851 [2].", "1851"),
        ("The castle was built on 5 April 1850 [2].", "5 April 1850"),
        ("3.5 billion people have seen the castle [2].", "3.5 billion"),
        ("The castle has 3 towers and opens at 9 [2].", "9"),  # from a passage that it does not cite
        ("大门２０:00关闭[3]。", "２０:00"),
        ("门票４万元[3]。", "４万"),
        ("The castle has 44 towers.", "44"),
        ("Room 4: the gate opens at 9 [1].", "4"),
        ("According to source 1 and 44 guards, it has 3 towers [2].", "44"),
        ("You see: 2) the gate, 4) the towers of the castle [2].", "4"),
    ],
)
def test_verify_citations__removes_sentences_with_unsupported_numbers(said: str, number: str) -> None:
    verified = verify_citations("What holds?", f"The gate opens at nine [1]. {said} It has towers [2].", RATES)
    assert verified.text == "The gate opens at nine [1]. It has towers [2]."
    assert verified.dropped == (number,)
    assert [citation.n for citation in verified.citations] == [1, 2]


def test_verify_citations__removal_preserves_lines_and_numbering() -> None:
    said = (
        "It opens at 9 [1]. In 1777 it was shut [1].\n\n1. It has towers [2].\n2. It has 44 rooms [2].\n3. It is old."
    )
    verified = verify_citations("What holds?", said, RATES)
    assert verified.text == "It opens at 9 [1].\n\n1. It has towers [2].\n3. It is old."
    assert verified.dropped == ("1777", "44")


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("| n | room |\n| 1 | 30 |\n| 2 | 20 |\n| 44 | 10 |", "30 20 44 10"),
        ("| 44 | 10 |", "44 10"),
        ("Rooms 1) and 3) open at 9.", "1 3 9"),
        ("It costs $1) or $2).", "1 2"),
        ("1、2、3号厅", "1 2 3"),
        ("Sources 1, 2 and 3 say 4.", "4"),
        ("Source 4 says 5.", "4 5"),
        ("Step 2. Go to room 7.", "7"),
        ("1. 2 eggs\n2. 3 spoons", "2 3"),
        ("**Option 2:** 5 euros", "5"),
    ],
)
def test_hide_numbering(answer: str, left: str) -> None:
    hidden = hide_numbering(answer, 3)
    assert len(hidden) == len(answer)
    assert re.findall(r"\d+", hidden) == left.split()


def test_verify_citations__keeps_answers_that_are_only_a_number() -> None:
    verified = verify_citations("How many?", "25. [3]", RATES)
    assert (verified.text, [citation.n for citation in verified.citations]) == ("25. [3]", [3])


FEE = ranked(
    "The entry to the castle costs 60 dollars. A guide costs 20 dollars more.",
    "Visitors over 65 years pay 12 dollars for the entry to the castle.",
    "城堡门票60元。",
)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Does the entry cost 50 dollars?", "Yes, the entry to the castle costs 50 dollars [1]."),
        ("Is the entry $50?", "The entry to the castle costs 50 dollars [1]."),
        ("城堡门票是50元吗？", "是的，城堡门票50元[3]。"),
    ],
)
def test_verify_citations__passage_overrides_number_of_question(question: str, said: str) -> None:
    assert verify_citations(question, said, FEE).text == ""


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Does the entry cost 50 dollars?", "The entry to the castle costs 60 dollars, not 50 dollars [1]."),
        ("What does the entry cost at 70 years?", "At 70 years the entry to the castle costs 12 dollars [2]."),
        ("What do 2 guides cost?", "For 2 guides, a guide costs 20 dollars [1]."),
        ("城堡门票是50元吗？", "城堡门票60元，不是50元[3]。"),
    ],
)
def test_verify_citations__accepts_number_of_question_if_not_denied(question: str, said: str) -> None:
    assert verify_citations(question, said, FEE).text == said


def test_verify_citations__removes_citations_with_their_sentence() -> None:
    verified = verify_citations("What holds?", "It has towers [2]. The gate closes at 23:00 [1].", RATES)
    assert [citation.n for citation in verified.citations] == [2]


def test_verify_citations__across_languages() -> None:
    passages = ranked("The library of Alexandria was founded by Ptolemy.")
    question = "谁建立了亚历山大图书馆？"
    assert verify_citations(question, "托勒密建立了亚历山大图书馆[1]。", passages).citations
    assert not verify_citations(question, "香蕉生长在温暖地区[1]。", passages).citations


def test_verify_citations__across_scripts_names_and_numbers_must_match() -> None:
    question = "Refdesk 是什么？"
    passages = ranked("Refdesk keeps documents since 2019.")
    assert verify_citations(question, "Refdesk 始于2019年[1]。", passages).citations
    assert verify_citations(question, "它始于2019年[1]。", passages).citations
    assert not verify_citations(question, "它是什么？始于1850年[1]。", passages).citations
    assert not verify_citations("拿破仑 Napoleon？", "Napoleon 是皇帝[1]。", passages).citations


@pytest.mark.parametrize(
    "hostile",
    [
        " " * 8000,
        "!" * 8000 + "x",
        '."' * 4000 + "x",
        "[" * 8000,
        "\n" * 8000,
        "1) " * 4000,
        "| 1 |" * 4000,
        "*" * 8000,
        "source 1, " * 2000,
        "CONFLICT: " * 2000,
    ],
)
def test_verify_citations__long_runs(hostile: str) -> None:
    said = "Ptolemy founded the library [1]." + hostile
    verified = verify_citations("Who?", said + " [2]", PASSAGES)
    assert verified.text == said.rstrip()
    assert [c.n for c in verified.citations] == [1]
