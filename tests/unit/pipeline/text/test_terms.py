"""Keywords of texts and questions, in several scripts."""

import pytest

from pipeline.recall import build_query, extract_query_words, extract_terms
from pipeline.text.terms import (
    content_terms,
    main_script,
    reading_share,
    search_forms,
    search_terms,
    split_terms,
    term_id,
    term_overlap,
)
from pipeline.types import AnswerOptions


def test_split_terms__stems_and_folds_english() -> None:
    assert list(split_terms("Running RUNS, the dog's libraries don't")) == [
        "run",
        "run",
        "the",
        "dog",
        "librari",
        "don",
    ]


def test_split_terms__normalises_width_and_ligatures() -> None:
    assert list(split_terms("ＰＤＦ ﬁle")) == ["pdf", "file"]


def test_split_terms__identifiers_and_numbers() -> None:
    assert list(split_terms("REFDESK_TOP_N=50, GPT4, v2.1")) == ["refdesk", "top", "n", "50", "gpt4", "v2", "1"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("数据库", ["数", "据", "库", "数据", "据库"]),
        ("使用Redis队列", ["使", "用", "使用", "redi", "队", "列", "队列"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ", "カタ", "タカ", "カナ"]),
        ("한국어", ["한", "국", "어", "한국", "국어"]),
    ],
)
def test_split_terms__spaceless_scripts(text: str, terms: list[str]) -> None:
    assert list(split_terms(text)) == terms


def test_split_terms__keeps_words_of_other_scripts_whole() -> None:
    assert list(split_terms("Привет мир हिन्दी café")) == ["привет", "мир", "हिन्दी", "café"]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("図書館は何時に開きますか？", "CJK"),
        ("カタログはどこにありますか？", "CJK"),
        ("中央図書館開館時間：午前九時から", "CJK"),
        ("图书馆几点开门？", "CJK"),
        ("When does it open?", "LATIN"),
        ("Когда открывается?", "CYRILLIC"),
        ("4711?", ""),
    ],
)
def test_main_script__kana_and_chinese_characters_are_one(text: str, script: str) -> None:
    assert main_script(text) == script


def test_content_terms__drops_what_only_asks() -> None:
    assert content_terms("What is the capital of France?") == {"capit", "franc"}
    assert content_terms("法国的首都是什么？") == {"法国", "首都"}


def test_content_terms__keeps_something() -> None:
    assert content_terms("who is who") == {"who", "is"}
    assert content_terms("水") == {"水"}


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("猫吃什么？", {"猫", "吃", "什", "猫吃", "吃什"}),  # short: its pairs may be written otherwise
        ("水的沸点", {"水", "沸", "点", "沸点"}),
        (
            "京都タワーの高さは何メートル",
            {"京都", "都タ", "タワ", "ワー", "ーの", "の高", "高さ", "さは", "は何", "何メ"},
        ),
        ("黑豹队的防守丢了多少分", {"黑豹", "豹队", "防守", "守丢", "少分"}),
        ("서울의 수도", {"서", "울", "의", "수", "도", "서울", "울의", "수도"}),
        ("Redis 队列", {"redi", "队", "列", "队列"}),
        ("Who wrote it?", {"wrote"}),
    ],
)
def test_search_terms__pairs_and_where_they_are_few_characters(question: str, terms: set[str]) -> None:
    found = search_terms(question)
    assert terms <= found
    assert all(term in found or len(term) == 1 for term in content_terms(question))


def test_search_terms__long_questions_are_not_searched_by_characters_that_pairs_hold() -> None:
    assert not {"黑", "豹", "防"} & search_terms("黑豹队的防守丢了多少分")


def spans(*words: str) -> tuple[str, list[tuple[int, int]]]:
    """Join units (a bar before one means that it goes on the word before) and say where they stand; `~` is unknown."""
    text, units = "", []
    for word in words:
        text += "" if word.startswith("|") or not text else " "
        unit = word.removeprefix("|").removeprefix("~")
        if "~" not in word:
            units.append((len(text), len(text) + len(unit)))
        text += unit
    return text, units


@pytest.mark.parametrize(
    ("words", "share"),
    [
        (("how", "many", "points"), 1.0),
        (("a", "bc"), 1.0),
        (("def", "|end", "|er", "|s"), 8 / 9),  # one letter at the end of a word says nothing
        (("~防", "|~守", "|的", "|~分"), 0.25),
        (("防", "|守", "|分"), 1.0),  # a Chinese character is a word
        (("д", "|о", "|м"), 0.0),
        (("до", "|м"), 2 / 3),
        (("ト", "|ー", "|ク"), 0.0),
        (("トー", "|ク"), 2 / 3),
        (("प", "|ा", "|न"), 0.0),  # a vowel sign does not make a letter a word
        (("redis", "~队", "|~列"), 5 / 7),
        (("42", ",", "7"), 1.0),
        ((), 1.0),
    ],
)
def test_reading_share__letters_in_units_that_say_something(words: tuple[str, ...], share: float) -> None:
    assert reading_share(*spans(*words)) == pytest.approx(share)


def test_reading_share__bytes_of_a_character_are_no_character() -> None:
    assert reading_share("防守", [(0, 1), (0, 1), (0, 1), (1, 2)]) == 0.5


def test_term_id__is_the_same_for_ever() -> None:
    assert term_id("librari") == 1_322_443_228
    assert 0 <= term_id("数据") < 2**31


def test_extract_terms__counts() -> None:
    terms = {term.id: term.frequency for term in extract_terms("Dogs and a dog.")}
    assert terms == {term_id("dog"): 2, term_id("and"): 1, term_id("a"): 1}


def test_extract_terms__frequency_fits_the_column() -> None:
    assert [term.frequency for term in extract_terms("x " * 40_000)] == [32_767]


def test_query_terms__distinct_and_found_in_the_passage() -> None:
    passage = {term.id for term in extract_terms("Libraries were opened in Alexandria.")}
    asked = extract_query_words("When was the library of Alexandria, the library, opened?")
    assert len(asked) == len(set(asked)) == 3
    assert {term for (term,) in asked} <= passage


def test_extract_terms__in_the_language_of_the_chunk() -> None:
    assert {term.id for term in extract_terms("Bücher", "de")} == {term_id("buch")}


def test_search_forms__english_stems_and_those_of_the_language() -> None:
    assert set(search_forms("Welche Bücher verleiht die Bibliothek?", ["de"])) == {
        frozenset({"bücher", "buch"}),
        frozenset({"verleiht"}),
        frozenset({"bibliothek"}),
    }


def test_build_query__the_forms_of_a_word_belong_together() -> None:
    query = build_query("Welche Bücher verleiht die Bibliothek?", None, AnswerOptions())
    books = tuple(sorted((term_id("bücher"), term_id("buch"))))
    assert set(query.words) == {books, (term_id("verleiht"),), (term_id("bibliothek"),)}


def test_build_query__an_english_question_has_one_form_of_each_word() -> None:
    query = build_query("Which books does the library lend?", None, AnswerOptions())
    assert query.words == tuple(sorted((term_id(term),) for term in ("book", "librari", "lend")))


class Knows:
    """A vocabulary of Latin words only."""

    def known_units(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))] if text.isascii() else []


def test_build_query__vector_leg_counts_by_what_the_model_reads() -> None:
    assert build_query("red lamps", [0.1], AnswerOptions(), Knows()).dense_weight == 1.0
    assert build_query("红灯", [0.1], AnswerOptions(), Knows()).dense_weight == 0.0
    assert build_query("红灯", [0.1], AnswerOptions()).dense_weight == 1.0


def test_term_overlap__share() -> None:
    assert term_overlap(content_terms("red green blue lamps"), "A green lamp") == 0.5
    assert term_overlap(frozenset(), "anything") == 0.0


def test_build_query__modes() -> None:
    hybrid = build_query("Which are the red lamps?", [0.1], AnswerOptions(top_n=9))
    assert (hybrid.mode, hybrid.vector, hybrid.top_n, len(hybrid.words)) == ("hybrid", [0.1], 9, 2)
    assert build_query("red lamps", [0.1], AnswerOptions(recall="dense")).words == ()
    keyword = build_query("red lamps", [0.1], AnswerOptions(recall="keyword"))
    assert (keyword.mode, keyword.vector) == ("keyword", None)
    assert build_query("red lamps", None, AnswerOptions()).mode == "keyword"


def test_content_terms__german_function_words_in_german_only() -> None:
    assert content_terms("Wer leitet die Kita?") == {"leitet", "kita"}
    assert {"die", "war"} <= content_terms("Did many die in the war?")
