"""The wiring builds what people can choose."""

from config.settings import Settings
from config.wiring import build_rerankers
from pipeline.types import RERANKERS
from tests.answer_fakes import PROFILE, WordEmbedder


def test_rerankers__one_for_each_name_that_people_can_choose() -> None:
    built = build_rerankers(Settings(), PROFILE, WordEmbedder(), None)
    assert set(built) == set(RERANKERS)
    assert all(reranker.method == name for name, reranker in built.items())
