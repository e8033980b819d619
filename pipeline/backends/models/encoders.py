"""Which library runs a local model: torch on a GPU, OpenVINO on a CPU, torch where OpenVINO cannot run the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from pipeline.backends.models.cross_encoder import (
    OpenVinoCrossEncoder,
    SentenceTransformersCrossEncoder,
    locate_cross_encoder,
)
from pipeline.backends.models.model_files import resolve_model
from pipeline.backends.models.openvino_encoder import OpenVinoEmbedder
from pipeline.backends.models.saved_models import ExportFailed, ExportRequest, SavedModels
from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder
from pipeline.errors import MissingExtra, ModelUnavailable
from pipeline.types import EmbeddingProfile

log = structlog.get_logger(__name__)

GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Device files of NVIDIA and AMD GPUs, and of GPUs in WSL. Without any of them torch is not asked for a GPU."""
Saved = TypeVar("Saved")
Original = TypeVar("Original")


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How local models run."""

    runtime: Literal["auto", "openvino", "torch"]
    folder: Path
    """Folder of the saved models."""
    threads: int = 0
    """Threads for computing; 0 uses all cores."""
    ask_hub: bool = True
    """Whether a cross-encoder may be loaded from the hub."""


def load_embedder(
    profile: EmbeddingProfile, options: EncoderOptions, *, batch_size: int = 32
) -> OpenVinoEmbedder | SentenceTransformerEmbedder:
    """Load the model of a profile.

    Raises:
        ModelUnavailable: The model cannot be found or loaded.
        ProfileMismatch: The model has other dimensions than the profile.
        MissingExtra: The model library is not installed.
    """

    def load_with_torch() -> SentenceTransformerEmbedder:
        return SentenceTransformerEmbedder(profile, options.folder, threads=options.threads, batch_size=batch_size)

    if profile.backend != "sentence-transformers":
        return load_with_torch()
    return run_with_openvino(
        lambda: ExportRequest(resolve_model(profile.model, options.folder), "encoder", profile.quantization),
        lambda folder: OpenVinoEmbedder(profile, folder, threads=options.threads, batch_size=batch_size),
        load_with_torch,
        options,
    )


def load_cross_encoder(name: str, options: EncoderOptions) -> OpenVinoCrossEncoder | SentenceTransformersCrossEncoder:
    """Load a cross-encoder.

    Raises:
        ModelUnavailable: The model cannot be found or loaded, or returns several scores per pair.
        MissingExtra: The model library is not installed.
    """
    return run_with_openvino(
        lambda: ExportRequest(locate_cross_encoder(name, ask_hub=options.ask_hub), "cross-encoder"),
        lambda folder: OpenVinoCrossEncoder(name, folder, threads=options.threads),
        lambda: SentenceTransformersCrossEncoder(name, threads=options.threads),
        options,
    )


def run_with_openvino(
    describe: Callable[[], ExportRequest],
    load_saved: Callable[[Path], Saved],
    load_with_torch: Callable[[], Original],
    options: EncoderOptions,
) -> Saved | Original:
    """Load a model with OpenVINO or, where it cannot run the model, with torch. Only OpenVINO runs quantized models.

    Raises:
        ModelUnavailable: OpenVINO cannot run the model, and torch may not or cannot replace it.
    """
    request = describe()
    if (reason := explain_torch(options)) and not request.quantization:
        return load_with_torch()
    if reason and options.runtime == "torch":
        raise ModelUnavailable(
            f"REFDESK_ENCODER is torch, but only OpenVINO runs {request.files.name} in {request.quantization}. Set"
            " REFDESK_ENCODER=auto."
        )
    try:
        return SavedModels(options.folder).load(request, load_saved)
    except ExportFailed as error:
        if request.quantization:
            raise ModelUnavailable(
                f"The model {request.files.name} cannot be quantized to {request.quantization}: {error} Use a profile"
                " without quantization."
            ) from error
        if options.runtime == "openvino":
            raise ModelUnavailable(
                f"OpenVINO cannot run the model {request.files.name}: {error} Set REFDESK_ENCODER=auto to run it with"
                " torch."
            ) from error
        log.warning("OpenVINO cannot run the model, torch runs it", model=request.files.name, reason=str(error))
        return load_with_torch()


def explain_torch(options: EncoderOptions) -> str:
    """Return why torch runs the local models, before any export; empty if OpenVINO does."""
    if options.runtime == "torch":
        return "REFDESK_ENCODER is torch"
    if options.runtime == "auto" and has_gpu():
        return "it runs on the GPU"
    return ""


def has_gpu() -> bool:
    """Return whether torch can use a GPU. Imports torch only where a GPU's device file exists."""
    if not any(Path(device).exists() for device in GPU_DEVICES):
        return False
    try:
        import torch
    except ImportError as error:
        raise MissingExtra.for_part("the models", "worker") from error
    return bool(torch.cuda.is_available())
