"""Static quantization of a saved model to int8 with NNCF, calibrated on English text that Python contains."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np

from pipeline.backends.models.openvino_model import GRAPH_FILE, import_openvino, load_tokenizer, read_saved_model
from pipeline.errors import MissingExtra

CALIBRATION_TEXTS = 300
"""Texts that the ranges of the activations are measured with."""
CALIBRATION_WORDS = (5, 10, 20, 40, 80, 120)
"""Lengths of these texts, in words: questions, sentences and passages."""


def quantize_graph(folder: Path) -> None:
    """Quantize the graph of a saved model in place.

    Raises:
        MissingExtra: NNCF is not installed.
    """
    openvino = import_openvino()
    try:
        import nncf
    except ImportError as error:
        raise MissingExtra.for_part("int8 quantization", "int8") from error
    nncf.set_log_level(logging.ERROR)
    quantized = nncf.quantize(
        openvino.Core().read_model(str(folder / GRAPH_FILE)),
        nncf.Dataset(list(_build_inputs(folder))),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=CALIBRATION_TEXTS,
    )
    # The original weights are mapped from the file that is replaced, so the new ones are written next to it.
    openvino.save_model(quantized, str(folder / "quantized.xml"), compress_to_fp16=True)
    del quantized
    for suffix in (".xml", ".bin"):
        (folder / "quantized").with_suffix(suffix).replace((folder / GRAPH_FILE).with_suffix(suffix))


def list_calibration_texts() -> list[str]:
    """Return texts of different lengths from the help topics of Python; always the same ones."""
    words = iter(" ".join(topics.topics[name] for name in sorted(topics.topics)).split())
    lengths = cycle(CALIBRATION_WORDS)
    return [" ".join(next(words) for _ in range(next(lengths))) for _ in range(CALIBRATION_TEXTS)]


def _build_inputs(folder: Path) -> Iterator[dict[str, Any]]:
    saved, tokenizer = read_saved_model(folder), load_tokenizer(folder)
    if saved.max_tokens:
        tokenizer.enable_truncation(saved.max_tokens)
    for encoding in tokenizer.encode_batch(list_calibration_texts()):
        features = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        yield {name: np.array([features[name]], dtype=np.int64) for name in saved.inputs}
