"""Which library runs a model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pipeline.backends.models import encoders
from pipeline.backends.models.encoders import EncoderOptions, run_with_openvino
from pipeline.backends.models.model_files import ModelFiles
from pipeline.backends.models.saved_models import ExportFailed, ExportRequest, SavedModels
from pipeline.errors import ModelUnavailable

REQUEST = ExportRequest(ModelFiles("some/model", "some/model", local_only=True), "encoder")


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch):
    """Return a function that chooses the library for a setting, with or without a GPU and a successful export."""

    def run(runtime, *, gpu=False, export_error="", request=REQUEST):
        def load(models, request, build):
            if export_error:
                raise ExportFailed(export_error)
            return build(Path())

        monkeypatch.setattr(SavedModels, "load", load)
        monkeypatch.setattr(encoders, "has_gpu", lambda: gpu)
        options = EncoderOptions(runtime, Path("models"))
        return run_with_openvino(lambda: request, lambda _: "openvino", lambda: "torch", options)

    return run


@pytest.mark.parametrize(
    ("runtime", "gpu", "expected"),
    [
        ("auto", False, "openvino"),
        ("auto", True, "torch"),
        ("openvino", True, "openvino"),
        ("torch", False, "torch"),
    ],
)
def test_run_with_openvino__choice(choose, runtime, gpu, expected):
    assert choose(runtime, gpu=gpu) == expected


def test_run_with_openvino__torch_after_a_failed_export_is_logged(choose):
    with capture_logs() as logs:
        assert choose("auto", export_error="tracing failed") == "torch"
    assert [(log["event"], log["log_level"], log["reason"]) for log in logs] == [
        ("OpenVINO cannot run the model, torch runs it", "warning", "tracing failed")
    ]
    with pytest.raises(ModelUnavailable, match=r"some/model: tracing failed Set REFDESK_ENCODER=auto"):
        choose("openvino", export_error="tracing failed")


INT8 = ExportRequest(REQUEST.files, "encoder", "int8")


def test_run_with_openvino__a_quantized_model_never_runs_in_another_precision(choose):
    assert choose("auto", gpu=True, request=INT8) == "openvino"
    with pytest.raises(ModelUnavailable, match=r"only OpenVINO runs some/model in int8\. Set REFDESK_ENCODER=auto\."):
        choose("torch", request=INT8)
    with pytest.raises(ModelUnavailable, match=r"some/model cannot be quantized to int8: tracing failed Use a profile"):
        choose("auto", export_error="tracing failed", request=INT8)


def test_has_gpu__without_a_device_file_torch_is_not_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(encoders, "GPU_DEVICES", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setitem(sys.modules, "torch", None)
    assert encoders.has_gpu() is False
