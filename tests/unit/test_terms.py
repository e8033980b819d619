"""Keywords of texts and questions, in several scripts."""

import pytest

from pipeline.recall import build_query, extract_terms, query_terms
from pipeline.terms import content_terms, is_spaceless, split_terms, term_id, term_overlap
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


def test_content_terms__drops_what_only_asks() -> None:
    assert content_terms("What is the capital of France?") == {"capit", "franc"}
    assert content_terms("法国的首都是什么？") == {"法国", "首都"}


def test_content_terms__keeps_something() -> None:
    assert content_terms("who is who") == {"who", "is"}
    assert content_terms("水") == {"水"}


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
    asked = query_terms("When was the library of Alexandria, the library, opened?")
    assert len(asked) == len(set(asked)) == 3
    assert set(asked) <= passage


def test_term_overlap__share() -> None:
    assert term_overlap(content_terms("red green blue lamps"), "A green lamp") == 0.5
    assert term_overlap(frozenset(), "anything") == 0.0


def test_is_spaceless() -> None:
    assert is_spaceless("如何使用 Redis 队列？")
    assert not is_spaceless("What does 北京 mean in English?")


def test_build_query__modes() -> None:
    hybrid = build_query("red lamps", [0.1], AnswerOptions(top_n=9))
    assert (hybrid.mode, hybrid.vector, hybrid.top_n, len(hybrid.terms)) == ("hybrid", [0.1], 9, 2)
    assert build_query("red lamps", [0.1], AnswerOptions(recall="dense")).terms == ()
    keyword = build_query("red lamps", [0.1], AnswerOptions(recall="keyword"))
    assert (keyword.mode, keyword.vector) == ("keyword", None)
    assert build_query("red lamps", None, AnswerOptions()).mode == "keyword"
