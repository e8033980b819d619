"""Character classes of East Asian scripts."""

import re
import unicodedata

import pytest

from pipeline.text import scripts
from pipeline.text.scripts import is_spaceless, separator_of_lines, starts_east_asian


@pytest.mark.parametrize(
    ("characters", "names"),
    [
        (
            scripts.HAN,
            ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC ITERATION", "IDEOGRAPHIC NUMBER ZERO"),
        ),
        (scripts.KANA, ("HIRAGANA", "KATAKANA", "COMBINING KATAKANA", "VOICED", "SEMI-VOICED")),
        (scripts.HANGUL, ("HANGUL",)),
        (scripts.SOUTHEAST_ASIAN, ("THAI", "LAO", "MYANMAR", "KHMER")),
    ],
)
def test_classes__contain_the_letters_of_their_script_only(characters: str, names: tuple[str, ...]) -> None:
    letters = [c for c in re.findall(f"[{characters}]", EVERY_CHARACTER) if c.isalpha()]
    assert len(letters) > 50
    others = {unicodedata.name(c, "") for c in letters if not unicodedata.name(c, "").startswith(names)}
    assert {name for name in others if "KATAKANA-HIRAGANA" not in name and "KANA" not in name} == set()


EVERY_CHARACTER = "".join(map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x32400))))


def test_classes__scripts_do_not_overlap() -> None:
    classes = (scripts.HAN, scripts.KANA, scripts.HANGUL, scripts.SOUTHEAST_ASIAN, scripts.FULLWIDTH_FORMS)
    for number, characters in enumerate(classes):
        rest = re.sub(f"[{''.join(classes[:number] + classes[number + 1 :])}]", "", EVERY_CHARACTER)
        assert len(re.findall(f"[{characters}]", rest)) == len(re.findall(f"[{characters}]", EVERY_CHARACTER))


@pytest.mark.parametrize("character", "中々〇かカㇰ한ㄱ\u1100。「㎡Ａ！𠀀豈")
def test_starts_east_asian(character: str) -> None:
    assert starts_east_asian(f"{character} and more")


@pytest.mark.parametrize("text", ["", "a中", "é", "→中", "5"])
def test_starts_east_asian__other_beginnings(text: str) -> None:
    assert not starts_east_asian(text)


def test_is_spaceless() -> None:
    assert is_spaceless("如何使用 Redis 队列？")
    assert not is_spaceless("What does 北京 mean in English?")


@pytest.mark.parametrize(
    ("line", "following", "separator"),
    [
        ("中文", "换行", ""),
        ("中文，", "换行", ""),
        ("中文", "word", " "),
        ("word", "中文", " "),
        ("도서관은", "매일", " "),
        ("a", "", " "),
    ],
)
def test_separator_of_lines(line: str, following: str, separator: str) -> None:
    assert separator_of_lines(line, following) == separator
