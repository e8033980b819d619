"""Stems of words in several languages."""

import sys
import threading
import time

import pytest
import snowballstemmer

from pipeline.text.stemming import LATIN, OTHER_SCRIPTS, load_stemmer


@pytest.mark.parametrize(
    ("language", "words", "stem"),
    [
        ("en", ("library", "libraries"), "librari"),
        ("de", ("häuser", "haus"), "haus"),
        ("ru", ("библиотеки", "библиотеками"), "библиотек"),
        ("el", ("βιβλιοθήκη", "βιβλιοθήκες"), "βιβλιοθηκ"),
        ("ar", ("الكتاب", "كتاب"), "كتاب"),
        ("tr", ("kütüphaneler", "kütüphanede"), "kütüphane"),
    ],
)
def test_stemmer__forms_of_a_word_have_one_stem(language: str, words: tuple[str, ...], stem: str) -> None:
    assert {load_stemmer(language)(word) for word in words} == {stem}


def test_stemmer__knows_every_language_of_the_library() -> None:
    assert {*LATIN.values(), *OTHER_SCRIPTS.values()} <= set(snowballstemmer.algorithms())


def test_stemmer__numbers_and_short_words_stay() -> None:
    assert [load_stemmer("de")(word) for word in ("50er", "ab", "gpt4s")] == ["50er", "ab", "gpt4s"]


@pytest.mark.parametrize(("language", "letters"), [("en", "national"), ("de", "häuser"), ("ru", "библиотеки")])
def test_stemmer__very_long_words_stay_and_take_no_time(language: str, letters: str) -> None:
    stem = load_stemmer(language)
    word = letters * 16_000
    start = time.perf_counter()
    assert stem(word) is word
    assert time.perf_counter() - start < 0.05


def test_stemmer__latin_words_of_other_scripts_are_stemmed_as_english() -> None:
    assert load_stemmer("ru")("windows") == load_stemmer("en")("windows") == "window"


def test_stemmer__without_one_the_language_is_stemmed_as_english() -> None:
    assert load_stemmer("vi") is load_stemmer("en")


def test_stemmer__threads_do_not_change_each_others_words() -> None:
    stem = load_stemmer("en")
    words = [
        [f"{letter}{'x' * (n // 20)}{'z' * (n % 20)}ational{'ing' * (n % 3)}" for n in range(400)]
        for letter in "abcdefgh"
    ]
    expected = [[str(snowballstemmer.stemmer("english").stemWord(word)) for word in part] for part in words]
    found: dict[int, list[str]] = {}
    start = threading.Barrier(len(words))

    def run(thread: int) -> None:
        start.wait()
        found[thread] = [stem(word) for word in words[thread]]

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(len(words))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert [found[thread] for thread in range(len(words))] == expected
