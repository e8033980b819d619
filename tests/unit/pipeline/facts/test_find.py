"""Equal facts in different notations, and different facts that look alike."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from pipeline.facts import find_facts, write_in_digits
from pipeline.facts.find import stated_values
from pipeline.text.sentences import split_sentences


def is_stated(claim: str, source: str) -> bool:
    """Return True if the source states every fact of the claim."""
    numbers = find_facts(claim)
    assert numbers
    return all(number.is_stated_by(stated_values(source)) for number in numbers)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,200", "1200"),
        ("1 200", "1\u202f200"),
        ("1'200", "1200"),
        ("1.200.000", "1,200,000"),
        ("1.200,50", "1,200.5"),
        ("3.0", "3"),
        ("1,5", "1.50"),
        ("12 %", "12%"),
        ("１２％", "12 percent"),
        ("１，２００", "1200"),
        ("١٢", "12"),
        ("€5", "5 euros"),
        ("v1.2.3", "version 1.2.3"),
        ("6 pm", "18:00"),
        ("9:00 a.m.", "9 am"),
        ("18.30", "6:30 pm"),
        ("12 am", "0:00"),
        ("18:00", "下午6点"),
        ("9:30", "上午9点半"),
        ("5 March 2024", "2024-03-05"),
        ("March 5, 2024", "2024年3月5日"),
        ("5th of May 1999", "5.5.1999"),
        ("Sept. 2024", "2024年9月"),
        ("3万", "30,000"),
        ("1.2 million", "1200000"),
        ("2,5 Millionen", "2.5 million"),
        ("3k", "3000"),
        ("3.5M", "3.5 million"),
        ("$2B", "2 billion"),
        ("0.5", ".5"),
        ("5 March 2024", "05/03/24"),
        ("2019-2020", "2019/20"),
        ("1/2", "0.5"),
        ("9:30", "9h30"),
        ("+1 555 123 4567", "+15551234567"),
        ("+1 555 123 4567", "+1-555-123-4567"),
        ("Python 3.10", "python 3.10 and later"),
        ("9" * 60, f"{'999,' * 19}999"),
    ],
)
def test_find_facts__equal_in_another_notation(one: str, other: str) -> None:
    assert is_stated(one, f"It is {other}.")
    assert is_stated(other, f"It is {one}.")


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("6", "six"),
        ("25", "twenty-five"),
        ("150", "one hundred and fifty"),
        ("2003000", "two million three thousand"),
        ("18:00", "下午六点"),
        ("2024-03-05", "二〇二四年三月五日"),
        ("35000", "三万五千"),
        ("12%", "百分之十二"),
        ("12:00", "noon"),
        ("0:00", "midnight"),
        ("21:00", "每星期一21:00"),
        ("2024", "on 5 March 2024"),
        ("5 March", "2024-03-05"),
        ("the 5th", "5 March 2024"),
        ("3 and 4", "3:45 and three to four"),
        ("03/05/2024", "5 March 2024"),
        ("03/05/2024", "3 May 2024"),
        ("6 o'clock", "18:00"),
        ("6:30", "18:30"),
        ("1.5亿", "1亿5千万"),
        ("12000", "1万2千"),
        ("1亿5千万", "150 million"),
        ("4亿5000万", "共4亿5000万元"),
        ("28小时半", "共28小时半"),
        ("12000", "一万二"),
        ("105", "一百零五"),
        ("9:00", "周一至周五九点"),
        ("9:00", "星期一到星期五九点"),
        ("8:15", "八点一刻"),
        ("8:45", "八点三刻"),
        ("6:30", "half past six"),
        ("6:15", "a quarter past six"),
        ("5:45", "quarter to 6"),
        ("12:45", "a quarter to one"),
        ("6:10", "ten past six"),
        ("3月", "三月"),
        ("3月", "in March"),
        ("12月", "from December on"),
        ("50%", "half of the members"),
        ("50%", "一半的会员"),
        ("50%", "五成的会员"),
        ("1/2", "half a cup"),
        ("1/2", "½ cup"),
        ("1.5", "1½ cups"),
        ("1.5", "one and a half hours"),
        ("1.5", "一个半小时"),
        ("75%", "three quarters of them"),
        ("19th", "the nineteenth century"),
        ("21st", "the twenty-first of them"),
        ("the 5th", "on 5 March"),
        ("2024", "the budget of March 2024"),
        ("6 pm", "it closes at 6"),
        ("from 5 to 7", "5 March to 7 March"),
        ("9 to 17", "from 9:00 to 17:00"),
        ("from 10:00 to 14:00", "Saturday 10-2"),
        ("18:00", "it closes at 6"),
        ("£0.20", "20p per day"),
        ("$1.25", "125 cents"),
        ("from 2003 to 2005", "renovated 2003-05"),
        ("5日", "3月5日"),
    ],
)
def test_find_facts__implied_by_the_source(claim: str, source: str) -> None:
    assert is_stated(claim, source)


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("1200", "120"),
        ("1,200", "1.2"),
        ("3.5", "3"),
        ("18:00", "20:00"),
        ("18:30", "18:00"),
        ("6 am", "6 pm"),
        ("5", "15:00"),
        ("21 %", "9:00"),
        ("12 %", "12:00"),
        ("5 March 2024", "5 April 2024"),
        ("5 March 2024", "5 March 2023"),
        ("March 2024", "April 2024"),
        ("2024", "March 2023"),
        ("1.2 billion", "1.2 million"),
        ("3", "3 thousand"),
        ("3", "3万"),
        ("1.2.3", "1.2.4"),
        ("5", "千米"),
        ("5 rooms", "on 5 March"),
        ("12 rooms", "at 12:00"),
        ("9 dollars", "at 9 pm"),
        ("5间房", "3月5日"),
        ("6 pm", "6 rooms"),
        ("version 3.1", "version 3.10"),
        ("Python 3.1", "Python 3.10"),
        ("3.10版", "3.1版"),
        ("3月", "3 rooms"),
        ("4月", "in March"),
        ("3.5M", "3.5 thousand"),
        ("2B", "2 million"),
        ("15000", "一万二"),
        ("10002", "一万二"),
        ("1亿5千万", "1亿"),
        ("6:15", "half past six"),
        ("6:00", "half past six"),
        ("9:00", "a quarter to nine"),
        ("50", "one hundred and fifty"),
        ("50%", "a third of the members"),
        ("40%", "五成的会员"),
        ("5", "5 Millionen"),
        ("2.5", "one and a half hours"),
        ("+1 555 123 4567", "+1 555 123 4568"),
        ("2020", "2018/19"),
        ("1/3", "½ cup"),
        ("£0.30", "20p per day"),
        ("2006", "renovated 2003-05"),
        ("15:00", "it closes at 6"),
    ],
)
def test_find_facts__different(claim: str, source: str) -> None:
    assert not is_stated(claim, source)


def test_find_facts__positions() -> None:
    text = "On 5 May 2024 at 18:00, １２ of 1,200 people; 5千米."
    found = find_facts(text)
    assert [number.text for number in found] == ["5 May 2024", "18:00", "１２", "1,200", "5"]
    assert all(text[number.start : number.end] == number.text for number in found)


def test_write_in_digits() -> None:
    written = write_in_digits("Twenty-one of three; 5 million; 十八点, 一二三号, 5万, 千米, 百分之五, hundred of them")
    assert written == "21 of 3; 5 million; 18点, 123号, 5万, 千米, 百分之5, 100 of them"


@pytest.mark.parametrize(
    "unit",
    [
        "1 ",
        "12:",
        "1,",
        "2024-",
        "1 234 ",
        "one ",
        "hundred and ",
        "一",
        "万",
        "9",
        "May ",
        "half past ",
        "+1",
        ".1",
        "周一",
        "1万",
        "1/",
        "½",
    ],
)
def test_stated_values__long_runs(unit: str) -> None:
    """An expression with unlimited lookahead would take minutes."""
    assert isinstance(stated_values(unit * 8_000), frozenset)


@pytest.mark.parametrize("collection", ["trec_dl19_pool", "xquad_zh", "xquad_en", "cmrc2018_dev", "wikiqa_dev"])
def test_find_facts__real_passages_state_their_own_facts(shared: Path, collection: str) -> None:
    """A passage supports every fact of its own sentences."""
    with (shared / "collections" / collection / "corpus.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in islice(lines, 400)]
    found = [(text, number) for text in texts for s in split_sentences(text) for number in find_facts(s)]
    assert len(found) > 200
    assert [number.text for text, number in found if not number.is_stated_by(stated_values(text))] == []
