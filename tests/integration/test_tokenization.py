"""Which parts of a text real tokenizers know, in several languages, and the weight that recall derives from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.backends.models.model_files import resolve_model
from pipeline.backends.models.tokenization import build_text_units
from pipeline.recall import compute_dense_weight


@pytest.fixture(scope="module")
def packaged():
    from transformers import AutoTokenizer

    return build_text_units(
        AutoTokenizer.from_pretrained(resolve_model("all-MiniLM-L6-v2", Path()).location, local_files_only=True)
    )


@pytest.mark.parametrize(
    "question",
    [
        "How many points did the Panthers defense surrender?",
        "What is a 12 V relay?",
        "Combien de points la défense a-t-elle cédés ?",
        "2015-09-01",
    ],
)
def test_dense_weight__full_for_languages_of_the_packaged_model(packaged, question):
    assert compute_dense_weight(question, packaged) > 0.9


@pytest.mark.parametrize(
    "question",
    [
        "黑豹队的防守丢了多少分？",
        "東京タワーの高さは何メートルですか",
        "팬서스 수비는 몇 점을 내줬습니까?",
        "Сколько очков пропустила защита?",
        "كم عدد النقاط التي خسرها الدفاع؟",
        "แนวรับเสียไปกี่แต้ม",
        "पैंथर्स की रक्षा ने कितने अंक दिए?",
    ],
)
def test_dense_weight__small_for_other_languages(packaged, question):
    assert compute_dense_weight(question, packaged) < 0.4


def test_dense_weight__between_for_a_question_in_two_languages(packaged):
    assert 0.3 < compute_dense_weight("如何使用 Redis 队列 queue？", packaged) < 0.9


def test_known_units__long_texts_are_not_cut_and_have_no_special_tokens(packaged):
    text = "word " * 2000
    assert len(packaged.known_units(text)) == 2000
    assert packaged.known_units("") == []


def byte_level_tokenizer(texts):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet))
    return build_text_units(tokenizer)


def test_dense_weight__bytes_do_not_count_as_known_words():
    english = byte_level_tokenizer(["how many points did the defense surrender"] * 50)
    chinese = byte_level_tokenizer(["黑豹队的防守丢了多少分"] * 50)
    assert compute_dense_weight("how many points", english) == 1.0
    assert compute_dense_weight("黑豹队的防守", english) == 0.0
    assert compute_dense_weight("黑豹队的防守", chinese) == 1.0


def test_dense_weight__full_for_a_tokenizer_without_positions():
    assert compute_dense_weight("黑豹队的防守", build_text_units(object())) == 1.0
