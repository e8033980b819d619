"""Choosing the cross-encoder of a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.cross_encoders import (
    ENGLISH_MODEL,
    MULTILINGUAL_MODEL,
    choose_cross_encoder,
    list_used_models,
    locate_choice,
    pull_named_model,
)
from config.setting_groups import EmbeddingSettings, LocalModelSettings
from config.settings import Settings
from pipeline.errors import ModelUnavailable

ENGLISH = ["The gate of the castle opens at nine, and it is closed on Mondays.", "You can reset it with the button."]
GERMAN = ["Das Tor der Burg wird um neun Uhr geöffnet und ist am Montag geschlossen."]
CHINESE = ["城堡的大门九点打开，星期一关闭。"]
DEFAULTS = Settings(_env_file=None)


@pytest.mark.parametrize(
    ("texts", "model"),
    [([], ENGLISH_MODEL), (ENGLISH, ENGLISH_MODEL), (GERMAN, MULTILINGUAL_MODEL), (CHINESE, MULTILINGUAL_MODEL)],
)
def test_choose__by_the_language_of_the_documents(texts: list[str], model: str) -> None:
    assert choose_cross_encoder(DEFAULTS, texts).model == model


def test_choose__the_setting_takes_precedence(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, models=LocalModelSettings(cross_encoder_model=str(tmp_path)))
    choice = choose_cross_encoder(settings, CHINESE)
    assert (choice.model, choice.may_download, choice.depth) == (str(tmp_path), True, None)
    assert locate_choice(choice) == f"in the folder {tmp_path}"


@pytest.mark.parametrize("gpu", [True, False])
def test_choose__the_large_model_is_downloaded_for_a_gpu_only(monkeypatch: pytest.MonkeyPatch, gpu: bool) -> None:
    monkeypatch.setattr("pipeline.backends.models.encoders.has_gpu", lambda: gpu)
    choice = choose_cross_encoder(DEFAULTS, CHINESE)
    assert (choice.may_download, choice.depth is None) == (gpu, gpu)


def test_locate__a_model_that_may_not_be_downloaded_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.backends.models.encoders.has_gpu", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/no/such/folder")
    with pytest.raises(ModelUnavailable, match=f"`refdesk models pull {MULTILINGUAL_MODEL}`"):
        locate_choice(choose_cross_encoder(DEFAULTS, CHINESE))


def test_list_used_models__without_those_of_endpoints() -> None:
    choice = choose_cross_encoder(DEFAULTS, ())
    assert list_used_models(DEFAULTS, choice) == ["multilingual-e5-small", ENGLISH_MODEL]
    endpoint = Settings(_env_file=None, embedding=EmbeddingSettings(base_url="http://127.0.0.1:9/v1", model="x"))
    assert list_used_models(endpoint, choice) == [ENGLISH_MODEL]


def test_pull__folder_is_shown_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(2_000_000))
    pulled = pull_named_model(DEFAULTS, str(tmp_path))
    assert (pulled.folder, pulled.megabytes, pulled.downloaded) == (tmp_path, 2.0, False)


def test_pull__unreachable_hub_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/no/such/folder")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match=r"cannot be reached.*set HF_ENDPOINT to a mirror"):
        pull_named_model(DEFAULTS, ENGLISH_MODEL)
