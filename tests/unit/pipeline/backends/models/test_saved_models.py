"""Saved models: exported once, found again, rebuilt when damaged, used without being saved. The export is a fake."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from pipeline.backends.models import saved_models
from pipeline.backends.models.model_files import ModelFiles
from pipeline.backends.models.saved_models import ExportFailed, ExportRequest, SavedModels
from pipeline.errors import ModelUnavailable, ProfileMismatch


@pytest.fixture
def request_(tmp_path: Path) -> ExportRequest:
    original = tmp_path / "original"
    (original / "1_Pooling").mkdir(parents=True)
    (original / "model.safetensors").write_bytes(b"weights")
    (original / "1_Pooling" / "config.json").write_text("{}")
    return ExportRequest(ModelFiles("m", str(original), local_only=True), "encoder")


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replace the export by one that writes a file, and return the list of its folders."""
    folders: list[Path] = []

    def export(request: ExportRequest, folder: Path) -> None:
        folders.append(folder)
        (folder / "graph").write_text("good")

    monkeypatch.setattr(saved_models, "run_export", export)
    return folders


def read(folder: Path) -> str:
    content = (folder / "graph").read_text()
    if content != "good":
        raise RuntimeError("cannot read the graph")
    return content


def test_load__exports_once(tmp_path, request_, exports):
    models = SavedModels(tmp_path / "home" / "models")
    assert models.find(request_) is None
    assert [models.load(request_, read) for _ in range(2)] == ["good", "good"]
    assert len(exports) == 1
    found = models.find(request_)
    assert found is not None
    assert found.name.endswith("-fp32")
    assert [path.name for path in found.parent.iterdir() if path.name != ".lock"] == [found.name]


def test_load__other_files_are_another_model(tmp_path, request_, exports):
    models = SavedModels(tmp_path / "models")
    models.load(request_, read)
    for name, content in (("model.safetensors", "other weights"), ("1_Pooling/config.json", '{"mode": "cls"}')):
        (Path(request_.files.location) / name).write_text(content)
        assert models.find(request_) is None
        models.load(request_, read)
    models.load(ExportRequest(request_.files, "encoder", "int8"), read)
    models.load(ExportRequest(request_.files, "cross-encoder"), read)
    assert len(exports) == 5


def test_load__two_at_the_same_time_export_once(tmp_path, request_, exports):
    results: list[str] = []
    models = SavedModels(tmp_path / "models")
    threads = [threading.Thread(target=lambda: results.append(models.load(request_, read))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results, len(exports)) == (["good"] * 4, 1)


def test_load__damaged_model_is_exported_again(tmp_path, request_, exports):
    models = SavedModels(tmp_path / "models")
    models.load(request_, read)
    saved = models.find(request_)
    assert saved is not None
    (saved / "graph").write_text("damaged")
    assert models.load(request_, read) == "good"
    assert read(saved) == "good"
    assert len(exports) == 2


def test_load__model_that_cannot_be_read_after_a_second_export(tmp_path, request_, exports):
    models = SavedModels(tmp_path / "models")
    models.load(request_, read)

    def fail(folder: Path) -> str:
        raise RuntimeError("cannot compile")

    with pytest.raises(ExportFailed, match="OpenVINO cannot run it: cannot compile"):
        models.load(request_, fail)
    assert len(exports) == 2
    assert "cannot compile" in models.find_problem(request_)


def test_load__own_errors_of_the_caller_are_not_a_damaged_model(tmp_path, request_, exports):
    def fail(folder: Path) -> str:
        raise ProfileMismatch

    models = SavedModels(tmp_path / "models")
    for _ in range(2):
        with pytest.raises(ProfileMismatch):
            models.load(request_, fail)
    assert len(exports) == 1


def test_load__folder_that_cannot_be_written(tmp_path, request_, exports):
    (tmp_path / "home").write_text("a file")
    models = SavedModels(tmp_path / "home" / "models")
    assert models.load(request_, read) == "good"
    assert not exports[0].exists(), "the temporary files are deleted"
    assert not models.is_writable()
    assert models.find(request_) is None


def test_load__failed_export_is_recorded_until_one_succeeds(tmp_path, request_, exports, monkeypatch):
    def fail(request: ExportRequest, folder: Path) -> None:
        raise ExportFailed("tracing failed")

    models = SavedModels(tmp_path / "models")
    with monkeypatch.context() as patch:
        patch.setattr(saved_models, "run_export", fail)
        with pytest.raises(ExportFailed, match="tracing failed"):
            models.load(request_, read)
    assert models.find_problem(request_) == "tracing failed"
    models.load(request_, read)
    assert models.find_problem(request_) == ""


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ('print(\'{"error": "ModelUnavailable", "message": "no weights"}\'); exit(1)', ModelUnavailable, "no weig"),
        ('print(\'{"error": "ExportFailed", "message": "traced"}\'); exit(1)', ExportFailed, "traced"),
        ("import os; os.kill(os.getpid(), 9)", ExportFailed, "status -9"),
        ("raise SystemExit('no memory')", ExportFailed, "no memory"),
    ],
)
def test_run_export__reports_why_it_failed(tmp_path, request_, monkeypatch, script, error, message):
    run = subprocess.run
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **options: run([command[0], "-c", script], **options),
    )
    with pytest.raises(error, match=message):
        saved_models.run_export(request_, tmp_path)
