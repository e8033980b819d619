"""The cache of parts by profile: load once, remember failures for a while, load profiles independently."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from config import profile_parts
from config.profile_parts import ProfilePartsCache, build_parts_cache
from config.setting_groups import AnswerSettings
from config.settings import Settings
from pipeline.errors import LlmUnreachable, MissingExtra, ModelUnavailable, ProfileMismatch
from pipeline.types import EmbeddingProfile

ONE, TWO = (EmbeddingProfile(number, f"p{number}", "m", 8, 64) for number in (1, 2))


def do_nothing() -> None:
    pass


def test_parts__are_built_once_and_unloaded() -> None:
    built: list[str] = []

    def build(profile: EmbeddingProfile) -> Any:
        built.append(profile.name)
        return SimpleNamespace(name=profile.name)

    parts = ProfilePartsCache(build, do_nothing)
    assert parts.get(ONE) is parts.get(ONE)
    parts.get(TWO)
    assert (built, parts.loaded()) == (["p1", "p2"], frozenset({1, 2}))
    parts.retain([2, 3])
    assert parts.loaded() == {2}
    parts.get(ONE)
    assert built == ["p1", "p2", "p1"]


def test_failure__is_remembered_for_a_while_and_then_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []

    def build(profile: EmbeddingProfile) -> Any:
        attempts.append(profile.id)
        raise LlmUnreachable("The endpoint is unreachable.") if len(attempts) == 1 else OSError("no such file")

    parts = ProfilePartsCache(build, do_nothing)
    with pytest.raises(LlmUnreachable):
        parts.get(ONE)
    with pytest.raises(ModelUnavailable, match="is unreachable"):
        parts.get(ONE)
    assert attempts == [1]
    monkeypatch.setattr(profile_parts, "RETRY_AFTER_S", 0.0)
    with pytest.raises(ModelUnavailable, match="p1 could not be loaded: no such file"):
        parts.get(ONE)
    assert attempts == [1, 1]


def test_loading__of_one_profile_does_not_block_another() -> None:
    started, resume = threading.Event(), threading.Event()

    def build(profile: EmbeddingProfile) -> Any:
        if profile is ONE:
            started.set()
            resume.wait(10)
        return SimpleNamespace(name=profile.name)

    parts = ProfilePartsCache(build, do_nothing)
    threads = [threading.Thread(target=parts.get, args=(ONE,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert started.wait(10)
    assert parts.get(TWO).name == "p2"  # type: ignore[attr-defined]
    resume.set()
    for thread in threads:
        thread.join(10)
    assert parts.loaded() == {1, 2}


def test_answers__work_by_keywords_while_the_model_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[Exception] = [
        MissingExtra("Run `scripts/install worker`."),
        OSError("damaged file"),
        ProfileMismatch("The model returns vectors of 4 dimensions."),
    ]
    reasons: list[str] = []

    def build(profile: EmbeddingProfile) -> Any:
        if failures:
            raise failures.pop(0)
        return SimpleNamespace(answer_with="by vectors and keywords")

    def build_without_model(reason: str) -> Any:
        reasons.append(reason)
        return "by keywords"

    parts = ProfilePartsCache(build, do_nothing, build_without_model)
    monkeypatch.setattr(profile_parts, "RETRY_AFTER_S", 0.0)
    answers: list[Any] = [parts.get_answers(ONE) for _ in range(4)]
    assert answers == ["by keywords", "by keywords", "by keywords", "by vectors and keywords"]
    assert reasons == [
        "Run `scripts/install worker`.",
        "The embedding profile p1 could not be loaded: damaged file",
        "The model returns vectors of 4 dimensions.",
    ]
    assert parts.loaded() == {1}


def test_answers__of_a_worker_that_answers_no_questions_need_the_model() -> None:
    def build(profile: EmbeddingProfile) -> Any:
        raise ModelUnavailable("There is no model.")

    with pytest.raises(ModelUnavailable, match="There is no model"):
        ProfilePartsCache(build, do_nothing).get_answers(ONE)


@pytest.mark.parametrize(
    ("reranker", "role", "loads"),
    [
        ("auto", "query", True),
        ("cross-encoder", "query", True),
        ("cross-encoder:50>late-interaction:20", "query", True),
        ("late-interaction", "query", False),
        ("auto", "ingest", False),
    ],
)
def test_cross_encoder__is_loaded_at_the_start_if_the_default_reranker_uses_it(
    reranker: str, role: Any, loads: bool
) -> None:
    started: list[str] = []
    cross_encoder: Any = SimpleNamespace(start=lambda: started.append("cross-encoder"))
    settings = Settings(_env_file=None, answer=AnswerSettings(reranker=reranker))
    shared: Any = SimpleNamespace(cross_encoder=cross_encoder, close=do_nothing)
    build_parts_cache(settings, role=role, shared=shared)
    assert bool(started) is loads
