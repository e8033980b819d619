"""Saved models: a model that is exported from torch once and then run by OpenVINO, without torch.

A saved model is a folder below the data folder. Its name contains a hash of the original files, so a changed model is
exported again. The export runs in a process of its own, so that a worker does not import torch.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from pipeline import errors
from pipeline.backends.models.model_files import ModelFiles, find_local_folder
from pipeline.errors import RefdeskError
from pipeline.types import Quantization

log = structlog.get_logger(__name__)

EXPORT_TIMEOUT_S = 1800.0
"""Seconds before an export is stopped; a model of 600 MB takes less than a minute."""
SUFFIXES = (".safetensors", ".bin", ".json", ".txt", ".model")
"""File names of weights, configurations and tokenizers."""
ERROR_FILE = "failed.txt"
"""Reason why the last export of a model failed; in the folder of saved models, after the model's name."""
DAMAGED = (RuntimeError, ValueError, KeyError, OSError)
"""Errors of OpenVINO and of the readers for a damaged saved model."""
Loaded = TypeVar("Loaded")


class ExportFailed(RefdeskError):
    """The model could not be exported for OpenVINO."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A model to export."""

    files: ModelFiles
    kind: Literal["encoder", "cross-encoder"]
    quantization: Quantization = ""


class SavedModels:
    """The saved models in a folder, shared by all workers on this machine."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is created with the first saved model."""
        self._folder = folder

    def find(self, request: ExportRequest) -> Path | None:
        """Return the folder of a saved model; None if there is none."""
        name = _build_name(request)
        if name is None or not (self._folder / name).is_dir():
            return None
        return self._folder / name

    def find_problem(self, request: ExportRequest) -> str:
        """Return why the last export of a model failed; empty if it did not."""
        name = _build_name(request)
        try:
            return (self._folder / f"{name}.{ERROR_FILE}").read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def is_writable(self) -> bool:
        """Return whether models can be saved."""
        folder = self._folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return folder.is_dir() and os.access(folder, os.W_OK)

    def load(self, request: ExportRequest, build: Callable[[Path], Loaded]) -> Loaded:
        """Build an object from a saved model, which is exported first if there is none.

        A damaged saved model is exported again, once. Where the folder cannot be written to, the model is exported for
        this process only.

        Args:
            request: The model.
            build: Loads a saved model from its folder.

        Raises:
            ExportFailed: The model cannot be exported, or OpenVINO cannot run it.
            RefdeskError: `build` raised it.
        """
        damaged: Path | None = None
        if (saved := self.find(request)) is not None:
            try:
                return build(saved)
            except DAMAGED as error:
                log.warning("saved model is damaged and is exported again", folder=str(saved), error=str(error)[:500])
                damaged = saved
        with self._export(request, damaged) as folder:
            try:
                return build(folder)
            except DAMAGED as error:
                raise self._record_problem(request, f"OpenVINO cannot run it: {error}") from error

    @contextmanager
    def _export(self, request: ExportRequest, damaged: Path | None) -> Iterator[Path]:
        """Export a model and yield its folder: the saved one, or a temporary one where nothing can be saved."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / ".lock").open("w")
        except OSError as error:
            log.warning(
                "saved models cannot be written, so the model is exported at every start",
                folder=str(self._folder),
                error=str(error),
            )
            with tempfile.TemporaryDirectory(prefix="refdesk-model-") as temporary:
                run_export(request, Path(temporary))
                yield Path(temporary)
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # workers that start together export once
            try:
                saved = self._save(request, damaged)
            except OSError as error:  # for example a full disk
                raise ExportFailed(f"The saved model cannot be written to {self._folder}: {error}.") from error
        yield saved

    def _save(self, request: ExportRequest, damaged: Path | None) -> Path:
        saved = self.find(request)
        if saved is not None and saved != damaged:
            return saved
        if damaged is not None:
            shutil.rmtree(damaged, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=self._folder) as temporary:
            folder = Path(temporary) / "model"
            folder.mkdir()
            try:
                run_export(request, folder)
            except ExportFailed as error:
                raise self._record_problem(request, str(error)) from error
            _sync(folder)
            name = _build_name(request)  # a model of the hub is downloaded by the export
            if name is None:
                raise ExportFailed(f"The files of {request.files.name} cannot be found after the download.")
            folder.rename(self._folder / name)
        (self._folder / f"{name}.{ERROR_FILE}").unlink(missing_ok=True)
        log.info("saved model written", model=request.files.name, folder=str(self._folder / name))
        return self._folder / name

    def _record_problem(self, request: ExportRequest, problem: str) -> ExportFailed:
        """Record a failure for `refdesk doctor` and return it as an error."""
        try:
            (self._folder / f"{_build_name(request)}.{ERROR_FILE}").write_text(f"{problem}\n", encoding="utf-8")
        except OSError as error:
            log.debug("export problem not recorded", error=str(error))
        return ExportFailed(problem)


def run_export(request: ExportRequest, folder: Path) -> None:
    """Export a model into an empty folder, in a child process.

    Raises:
        ExportFailed: The export failed.
        RefdeskError: The model or a library is missing.
    """
    command = [sys.executable, "-m", "pipeline.backends.models.export_model", str(folder), json.dumps(asdict(request))]
    log.info("exporting model for OpenVINO", model=request.files.name, quantization=request.quantization or "none")
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=EXPORT_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ExportFailed(f"The export took longer than {EXPORT_TIMEOUT_S:.0f} s.") from None
    except OSError as error:
        raise ExportFailed(f"The export could not be started: {error}.") from error
    if done.returncode == 0:
        return
    try:
        reply = json.loads(done.stdout)
        kind, message = str(reply["error"]), str(reply["message"])
    except (ValueError, KeyError, TypeError):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise ExportFailed(f"The export ended with status {done.returncode}: {last[0][:300]}") from None
    known = getattr(errors, kind, None)
    raise known(message) if known is not None else ExportFailed(message)


def _build_name(request: ExportRequest) -> str | None:
    """Return the folder name of a saved model; None if the original files are not on this machine."""
    source = find_local_folder(request.files)
    if source is None:
        return None
    digest = hashlib.sha256(request.kind.encode())
    for path in sorted(_list_files(source)):
        stat = path.stat()
        digest.update(f"{path.relative_to(source)}\0{hash_file(path, stat.st_size, stat.st_mtime_ns)}\n".encode())
    return f"{digest.hexdigest()[:16]}-{request.quantization or 'fp32'}"


def _list_files(source: Path) -> Iterator[Path]:
    """Yield the files of a model and of its modules, without exports for other libraries (`onnx`, `openvino`)."""
    for folder in (source, *(path for path in source.iterdir() if path.is_dir() and path.name[:1].isdigit())):
        yield from (path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())


@lru_cache(maxsize=256)
def hash_file(path: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001 - both identify the file's content
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    """Write files to the disk, so that a power failure after the rename leaves no empty ones."""
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
