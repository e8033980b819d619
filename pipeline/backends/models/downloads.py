"""Download the files of models ahead, so that no worker waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.backends.models.model_files import ModelFiles, find_hub_problem, find_local_folder, has_weights
from pipeline.errors import ModelUnavailable

FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
"""Configuration, tokenizer and weights; hubs also store copies of the weights for other libraries."""
OLD_WEIGHTS = "*.bin"
"""Weights of models without safetensors."""
OTHER_RUNTIMES = ["onnx/*", "openvino/*"]
PULL_HINT = (
    "Run the command where the hub can be reached and copy the model's folder to this machine, or set HF_ENDPOINT to a"
    " mirror of the hub."
)
"""The end of the error message if a model cannot be found."""


@dataclass(frozen=True, slots=True)
class PulledModel:
    """A model on this machine."""

    name: str
    folder: Path
    megabytes: float
    downloaded: bool
    """Whether the hub was asked for missing files."""


def pull_model(files: ModelFiles) -> PulledModel:
    """Download the missing files of a model, showing the progress on standard error.

    Args:
        files: Where the model was found.

    Raises:
        ModelUnavailable: The hub does not have the model, the download failed, or a folder contains no weights.
    """
    folder = find_local_folder(files)
    is_hub_model = not Path(files.location).is_dir()
    downloaded = is_hub_model and (folder is None or not find_hub_problem())
    if downloaded or folder is None:
        folder = _download(files)
    if not has_weights(folder):  # without a connection, the library returns what an earlier download has left
        raise ModelUnavailable(
            f"The folder {folder} of the model {files.name} contains no weights or only a part of them"
            f" (model.safetensors or pytorch_model.bin). {PULL_HINT}"
        )
    return _describe(files.name, folder, downloaded=downloaded)


def _download(files: ModelFiles) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(files.location, allow_patterns=FILES, ignore_patterns=OTHER_RUNTIMES))
        if not has_weights(folder):  # a dense layer may be without safetensors, too
            snapshot_download(files.location, allow_patterns=OLD_WEIGHTS, ignore_patterns=OTHER_RUNTIMES)
    except Exception as error:
        # The library raises errors of many classes for a missing model, a refused download and a full disk.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ModelUnavailable(
            f"The model {files.location} cannot be downloaded: {reason}. Check the name and the free disk space, and"
            " run the command again; it continues where it stopped."
        ) from error
    return folder


def _describe(name: str, folder: Path, *, downloaded: bool) -> PulledModel:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return PulledModel(name, folder, size / 1e6, downloaded)
