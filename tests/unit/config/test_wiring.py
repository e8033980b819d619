"""Building the parts of a worker."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from config.settings import Settings
from config.wiring import list_working_rerankers
from pipeline.types import EmbeddingProfile
from tests.answer_fakes import PROFILE


@pytest.mark.parametrize(
    ("profile", "works"), [(PROFILE, True), (replace(PROFILE, backend="openai"), False), (None, False)]
)
def test_working_rerankers__late_interaction_needs_a_loaded_local_model(
    profile: EmbeddingProfile | None, works: bool
) -> None:
    shared: Any = SimpleNamespace(cross_encoder=SimpleNamespace(is_loaded=False), chat=None)
    assert list_working_rerankers(Settings(_env_file=None), profile, shared) == (("late-interaction",) if works else ())
