"""Describing and checking embedding profiles."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from config.embedding import check_profile
from config.settings import Settings
from pipeline.errors import ModelUnavailable, ProfileMismatch
from tests.answer_fakes import PROFILE
from tests.loopback_llm import LoopbackLlm, ScriptedReply
from tests.unit.pipeline.backends.models.test_model_files import write_model_folder

DEFAULTS = Settings(_env_file=None)


def test_check_profile__local_model_with_other_dimensions(tmp_path: Path) -> None:
    profile = replace(PROFILE, model=str(write_model_folder(tmp_path)), dimensions=96)
    check_profile(DEFAULTS, profile)
    with pytest.raises(ProfileMismatch, match="returns vectors of 96 dimensions"):
        check_profile(DEFAULTS, replace(profile, dimensions=384))


def test_check_profile__missing_model() -> None:
    with pytest.raises(ModelUnavailable, match="does not exist"):
        check_profile(DEFAULTS, replace(PROFILE, model="/no/such/folder"))


def test_check_profile__endpoint_with_other_dimensions() -> None:
    body = json.dumps({"data": [{"index": 0, "embedding": [1.0, 2.0]}]})
    with LoopbackLlm(lambda _: ScriptedReply(body=body)) as server:
        profile = replace(PROFILE, backend="openai", base_url=server.url, dimensions=2)
        check_profile(DEFAULTS, profile)
        with pytest.raises(ProfileMismatch, match="returns vectors of 2 dimensions"):
            check_profile(DEFAULTS, replace(profile, dimensions=3))
