"""What a model reads for a passage and for a question."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.backends.models.model_files import find_prefixes
from pipeline.embed import build_passage_input, embed_question, fill_zeros, hash_input
from pipeline.ports import Matrix
from pipeline.text.passages import build_passage
from tests.answer_fakes import PROFILE, WordEmbedder


@pytest.mark.parametrize(
    ("model", "question", "passage"),
    [
        ("all-MiniLM-L6-v2", "Where?", "A > B\nThere."),
        ("intfloat/multilingual-e5-small", "query: Where?", "passage: A > B\nThere."),
        ("intfloat/e5-base-v2", "query: Where?", "passage: A > B\nThere."),
        (
            "BAAI/bge-small-en-v1.5",
            "Represent this sentence for searching relevant passages: Where?",
            "A > B\nThere.",
        ),
        ("BAAI/bge-base-zh-v1.5", "为这个句子生成表示以用于检索相关文章：Where?", "A > B\nThere."),
        ("BAAI/bge-m3", "Where?", "A > B\nThere."),
    ],
)
def test_prefixes__golden(model: str, question: str, passage: str) -> None:
    query_prefix, passage_prefix = find_prefixes(model)
    profile = replace(PROFILE, query_prefix=query_prefix, passage_prefix=passage_prefix)
    assert profile.query_input("Where?") == question
    assert build_passage_input(profile, ("A", "B"), "There.") == passage


def test_input_hash__tells_headings_apart() -> None:
    assert hash_input(build_passage(("A",), "x")) != hash_input(build_passage(("B",), "x"))
    assert hash_input("x") == bytes.fromhex("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")


def test_embed_question__uses_the_query_prefix() -> None:
    class Recording(WordEmbedder):
        profile = replace(PROFILE, query_prefix="query: ")
        seen: tuple[str, ...] = ()

        def encode(self, texts: Sequence[str]) -> Matrix:
            self.seen = tuple(texts)
            return super().encode(texts)

    embedder = Recording()
    vector = embed_question(embedder, "Where?")
    assert embedder.seen == ("query: Where?",)
    assert len(vector) == PROFILE.dimensions


def test_fill_zeros__a_text_of_which_a_model_knows_nothing_is_similar_to_something() -> None:
    vectors = np.array([[0.6, 0.8, 0, 0], [0, 0, 0, 0]], dtype=np.float32)
    filled = fill_zeros(vectors)
    assert filled.tolist() == [vectors[0].tolist(), [0.5] * 4]
    assert filled.dtype == np.float32
    assert not vectors[1].any(), "what was given stays as it is"
