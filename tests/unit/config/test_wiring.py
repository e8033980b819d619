"""The wiring builds what people can choose."""

from config.settings import Settings
from config.wiring import build_rerankers, build_shared
from pipeline.types import RERANKERS
from tests.answer_fakes import WordEmbedder


def test_rerankers__one_for_each_name_that_people_can_choose() -> None:
    shared = build_shared(Settings())
    built = build_rerankers(Settings(), WordEmbedder(), shared)
    shared.close()
    assert set(built) == set(RERANKERS)
    assert all(reranker.method == name for name, reranker in built.items())
