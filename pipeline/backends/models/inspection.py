"""How a local embedding model runs on this machine, for `refdesk doctor`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pydoc_data import topics

from pipeline.backends.models.encoders import EncoderOptions, explain_torch
from pipeline.backends.models.model_files import find_local_folder, resolve_model
from pipeline.backends.models.openvino_encoder import OpenVinoEmbedder
from pipeline.backends.models.saved_models import DAMAGED, ExportRequest, SavedModels
from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder
from pipeline.errors import ModelUnavailable
from pipeline.ports import Embedder
from pipeline.types import EmbeddingProfile

MEASURE_S = 1.0
"""Seconds that the speed is measured for."""
CHUNK_WORDS = 120
"""Words of a measured chunk, about 200 tokens."""
CHUNKS_PER_CALL = 8


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """How a model runs."""

    detail: str
    is_fallback: bool = False
    """Whether it runs slower than it could, or not yet."""


def inspect_encoder(profile: EmbeddingProfile, options: EncoderOptions) -> EncoderReport:
    """Load a local model if that needs neither a download nor an export, and measure its speed.

    Raises:
        ModelUnavailable: The model cannot be loaded in the precision of its profile.
    """
    if profile.backend != "sentence-transformers":
        return EncoderReport("torch")
    request = ExportRequest(resolve_model(profile.model, options.folder), "encoder", profile.quantization)
    if find_local_folder(request.files) is None:
        return EncoderReport("not downloaded yet; the first worker downloads it")
    reason = explain_torch(options)
    if reason and not profile.quantization:
        torch = SentenceTransformerEmbedder(profile, options.folder, threads=options.threads)
        return EncoderReport(f"{torch.runtime} ({reason}), {_format_speed(torch)}")
    models = SavedModels(options.folder)
    if (saved := models.find(request)) is None:
        return _explain_missing(models, request, options)
    try:
        encoder = OpenVinoEmbedder(profile, saved, threads=options.threads)
    except DAMAGED as error:
        return EncoderReport(
            f"OpenVINO; its saved model is damaged and is exported again at the next start: {error}", is_fallback=True
        )
    precision = "" if encoder.has_bf16 else ", because the CPU has no bf16"
    return EncoderReport(f"{encoder.runtime}{precision}, {_format_speed(encoder)}")


def _explain_missing(models: SavedModels, request: ExportRequest, options: EncoderOptions) -> EncoderReport:
    if problem := models.find_problem(request):
        if request.quantization:
            raise ModelUnavailable(f"It cannot be quantized to {request.quantization}: {problem}")
        return EncoderReport(
            f"torch, because OpenVINO cannot run it: {problem} The next worker tries again.", is_fallback=True
        )
    if not models.is_writable():
        return EncoderReport(
            f"OpenVINO; {options.folder} cannot be written to, so every start exports the model", is_fallback=True
        )
    return EncoderReport("OpenVINO; the first worker exports it, which takes about 15 s")


def _format_speed(embedder: Embedder) -> str:
    return f"{measure_speed(embedder):.0f} chunks of 200 tokens per second"


def measure_speed(embedder: Embedder) -> float:
    """Return how many chunks of about 200 tokens a model embeds per second."""
    words = iter(" ".join(topics.topics[name] for name in sorted(topics.topics)).split())
    chunks = [" ".join(islice(words, CHUNK_WORDS)) for _ in range(CHUNKS_PER_CALL)]
    embedder.encode(chunks[:1])  # the first call of a model is slow
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < MEASURE_S:
        embedder.encode(chunks)
        done += len(chunks)
    return done / elapsed
