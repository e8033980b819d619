"""The child process that exports a model for OpenVINO.

    python -m pipeline.backends.models.export_model FOLDER REQUEST

FOLDER is an empty folder for the saved model, REQUEST an `ExportRequest` as JSON. If the export fails, the exit status
is 1 and standard output contains a JSON object with `error` (the name of an error class) and `message`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from pipeline.backends.models.cross_encoder import OpenVinoCrossEncoder, load_sentence_transformers_cross_encoder
from pipeline.backends.models.loading import first_line
from pipeline.backends.models.model_files import ModelFiles
from pipeline.backends.models.openvino_encoder import OpenVinoEmbedder
from pipeline.backends.models.openvino_model import (
    GRAPH_FILE,
    TOKENIZER_FILE,
    SavedModel,
    SavedPooling,
    import_openvino,
)
from pipeline.backends.models.quantization import quantize_graph
from pipeline.backends.models.saved_models import ExportFailed
from pipeline.backends.models.sentence_transformer import load_sentence_transformer
from pipeline.backends.models.tokenization import find_unknown_ids, get_fast_tokenizer
from pipeline.errors import RefdeskError
from pipeline.types import EmbeddingProfile, Quantization

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
MIN_COSINE = 0.9995
"""Least cosine between the vectors of torch and OpenVINO."""
MIN_COSINE_INT8 = 0.95
"""The same after quantization; on average it is 0.997."""
MAX_LOGIT_DIFFERENCE = 0.1
"""Largest difference between the scores of torch and OpenVINO, which is below 0.001 in fp32 and 0.05 in bf16."""
PROBES = (
    "",
    "When does the reading room open?",
    "The reading room opens at nine o'clock on weekdays. Bring your library card. " * 40,
    "Die Bücherei öffnet um neun Uhr. L'été à Paris. 閲覧室は九時に開きます。阅览室九点开门。",
    "x" * 300,
)
"""Texts that the exported model is checked with: empty, short, longer than most limits, other scripts."""


def main() -> int:
    """Export the model that the arguments describe; return the exit status."""
    folder, request = Path(sys.argv[1]), json.loads(sys.argv[2])
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not reach the reply
    try:
        files = ModelFiles(**request["files"])
        if request["kind"] == "cross-encoder":
            export_cross_encoder(files, folder)
        else:
            export_encoder(files, folder, quantization=request["quantization"])
    except RefdeskError as error:
        problem = {"error": error.name, "message": str(error)}
    except Exception as error:  # noqa: BLE001 - tracing a model raises errors of any class
        problem = {"error": ExportFailed.__name__, "message": f"{type(error).__name__}: {first_line(error)}"}
    else:
        return 0
    with reply:
        json.dump(problem, reply)
    return 1


def export_encoder(files: ModelFiles, folder: Path, *, quantization: Quantization) -> None:
    """Export an embedding model: its transformer and tokenizer, with a description of the pooling.

    Args:
        files: The original files.
        folder: An empty folder.
        quantization: Precision to quantize the transformer to, if any.

    Raises:
        ExportFailed: The model has modules or a tokenizer that the runtime does not have, or its vectors differ.
        ModelUnavailable: The model cannot be loaded.
    """
    model = load_sentence_transformer(files, device="cpu")
    pooling, normalize = _read_modules(model)
    saved = export_transformer(model, "last_hidden_state", int(model.get_embedding_dimension()), folder)
    replace(saved, pooling=pooling, normalize=normalize).write(folder)
    _check_vectors(model, folder, MIN_COSINE)
    if quantization:
        quantize_graph(folder)
        _check_vectors(model, folder, MIN_COSINE_INT8)


def _read_modules(model: Any) -> tuple[SavedPooling, bool]:
    """Return the pooling of a model and whether it normalises; raise `ExportFailed` for any other module."""
    names = [type(module).__name__ for module in model]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ExportFailed(f"Its modules are {', '.join(names)}; only Transformer, Pooling and Normalize are exported.")
    mode = model[1].pooling_mode
    if mode not in get_args(SavedPooling):
        raise ExportFailed(f"Its pooling is {mode}; only {', '.join(get_args(SavedPooling))} are exported.")
    return cast("SavedPooling", mode), len(names) == 3


def export_cross_encoder(files: ModelFiles, folder: Path) -> None:
    """Export a cross-encoder.

    Raises:
        ExportFailed: The model has modules or a tokenizer that the runtime does not have, or its scores differ.
        ModelUnavailable: The model cannot be loaded.
    """
    import torch

    model = load_sentence_transformers_cross_encoder(files, device="cpu")
    names = [type(module).__name__ for module in model.children()]
    if names != ["Transformer"] or model[0].transformer_task != "sequence-classification":
        raise ExportFailed(f"Its modules are {', '.join(names)}; only a Transformer that classifies is exported.")
    export_transformer(model, "logits", int(model.num_labels), folder).write(folder)
    pairs = [(PROBES[1], probe) for probe in PROBES]
    expected = model.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)
    if model.num_labels == 1:  # others are rejected when they are loaded
        found = OpenVinoCrossEncoder(files.name, folder).score(PROBES[1], PROBES)
        difference = float(np.abs(np.array(found) - np.array(expected)).max())
        if not difference <= MAX_LOGIT_DIFFERENCE:
            raise ExportFailed(f"Its scores differ from those of torch by {difference:.4f}.")


def export_transformer(model: Any, output: str, dimensions: int, folder: Path) -> SavedModel:
    """Export the transformer and the tokenizer of a model and describe them."""
    tokenizer = model.tokenizer
    fast = get_fast_tokenizer(tokenizer)
    if fast is None:
        raise ExportFailed("Its tokenizer is written in Python; only tokenizers of the library `tokenizers` are used.")
    inputs = _export_graph(model[0].auto_model, tokenizer, output, folder)
    fast.save(str(folder / TOKENIZER_FILE))
    return SavedModel(
        inputs=inputs,
        dimensions=dimensions,
        max_tokens=model.max_seq_length,
        padding_id=int(tokenizer.pad_token_id or 0),
        special_ids=tuple(sorted(tokenizer.all_special_ids)),
        unknown_ids=tuple(find_unknown_ids(tokenizer, fast)),
    )


def _export_graph(transformer: Any, tokenizer: Any, output: str, folder: Path) -> tuple[str, ...]:
    """Convert a transformer into OpenVINO's format and return the names of its inputs.

    The weights are saved in half precision, which takes half of the memory: OpenVINO computes in the precision of
    `OpenVinoModel` in any case.
    """
    import torch

    openvino = import_openvino()
    example = tokenizer(list(PROBES[1:3]), padding=True, truncation=True, max_length=16, return_tensors="pt")
    inputs = tuple(name for name in INPUTS if name in example)
    if missing := set(example) - set(inputs):
        raise ExportFailed(f"It has the inputs {', '.join(sorted(missing))}, which are not exported.")

    class Graph(torch.nn.Module):
        """The transformer with one output."""

        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
        ) -> torch.Tensor:
            """Return the output."""
            types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            reply = self.transformer(input_ids=input_ids, attention_mask=attention_mask, return_dict=True, **types)
            return cast("torch.Tensor", reply[output])

    with torch.inference_mode():
        graph = openvino.convert_model(Graph().eval(), example_input={name: example[name] for name in inputs})
    openvino.save_model(graph, str(folder / GRAPH_FILE), compress_to_fp16=True)
    return inputs


def _check_vectors(model: Any, folder: Path, min_cosine: float) -> None:
    profile = EmbeddingProfile(0, "export", "export", int(model.get_embedding_dimension()), 0)
    exported = OpenVinoEmbedder(profile, folder).encode(PROBES)
    # An empty prompt, because profiles have their own prefixes.
    expected = model.encode(list(PROBES), prompt="", show_progress_bar=False, batch_size=len(PROBES))
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(exported, axis=1)
    cosine = float(((expected * exported).sum(axis=1) / lengths).min())
    if not cosine >= min_cosine:
        raise ExportFailed(f"Its vectors differ from those of torch (cosine {cosine:.4f}).")


if __name__ == "__main__":
    sys.exit(main())
