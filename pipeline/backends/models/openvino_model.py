"""Transformers on OpenVINO: the saved model of an encoder or a cross-encoder, and its inference on the CPU."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from pipeline.backends.models.turns import ModelTurns
from pipeline.errors import MissingExtra

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

FORMAT = 1
"""Version of the files of a saved model; files of another version are exported again."""
GRAPH_FILE = "openvino_model.xml"
TOKENIZER_FILE = "tokenizer.json"
DESCRIPTION_FILE = "encoder.json"
BATCH_TOKENS = 1024
"""Maximum tokens per inference, padding included. Larger ones are not faster and use more memory."""
LENGTH_STEP = 16
"""Batches are padded to a multiple of this many tokens.

OpenVINO compiles code for every shape of its input and keeps it, about 1 MB per shape. Without this padding, an ingest
worker that had embedded 40,000 notes used 600 MB more than at its start.
"""
SHORT_TOKENS = 64
"""Maximum tokens of an inference that counts as short, such as one question."""

SavedPooling = Literal["mean", "cls", "lasttoken", "max", "mean_sqrt_len_tokens"]


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What the files of a saved model do not contain: inputs, limits and special tokens."""

    inputs: tuple[str, ...]
    """Names of the inputs: `input_ids`, `attention_mask` and, for some models, `token_type_ids`."""
    dimensions: int
    """Width of a token vector, or the number of logits."""
    max_tokens: int | None
    """Longest input, special tokens included; None for no limit."""
    padding_id: int
    special_ids: tuple[int, ...]
    unknown_ids: tuple[int, ...]
    pooling: SavedPooling = "mean"
    normalize: bool = False
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write the description into the folder of the saved model."""
        (folder / DESCRIPTION_FILE).write_text(json.dumps(dataclasses.asdict(self), indent=1), encoding="utf-8")


def read_saved_model(folder: Path) -> SavedModel:
    """Read the description of a saved model; raise `ValueError` or `OSError` if it is damaged."""
    path = folder / DESCRIPTION_FILE
    saved = TypeAdapter(SavedModel).validate_json(path.read_text(encoding="utf-8"))
    if saved.format != FORMAT:
        raise ValueError(f"{path} has the format {saved.format}, not {FORMAT}.")
    return saved


def import_openvino() -> Any:
    """Import OpenVINO; raise `MissingExtra` if it is not installed."""
    # Importing OpenVINO sends usage data to its maker and writes to the home folder, unless this package is missing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra.for_part("the models", "worker") from error
    return openvino


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load the tokenizer of a saved model, without truncation and padding; raise `ValueError` if it is damaged."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises nothing more specific
        raise ValueError(f"{folder / TOKENIZER_FILE} is damaged: {error}.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@dataclass(frozen=True, slots=True)
class Batch:
    """The output of one inference."""

    rows: list[int]
    """Places of the texts in the input."""
    ids: npt.NDArray[np.int64]
    """Token IDs, shape (texts, tokens)."""
    mask: npt.NDArray[np.int64]
    """1 for a token, 0 for padding, shape (texts, tokens)."""
    output: npt.NDArray[np.float32]
    """First output of the model, shape (texts, …)."""


class OpenVinoModel:
    """A saved model, compiled for the CPU; safe for several threads.

    Several inferences run at the same time, each on a part of the cores ("streams" in OpenVINO): an inference on all
    cores waits after each layer for the core that is slowest at the moment. With two cores, two inferences at a time
    embed 1.3 times as many texts as one (1.4 times while another process takes a third of a core).
    """

    def __init__(self, folder: Path, *, threads: int = 0) -> None:
        """Read and compile the saved model.

        Args:
            folder: Folder of the saved model.
            threads: Threads for computing; 0 uses all cores.

        Raises:
            RuntimeError: OpenVINO cannot read or compile the model.
            ValueError: The description is damaged.
            MissingExtra: OpenVINO is not installed.
        """
        openvino = import_openvino()
        self.saved = read_saved_model(folder)
        core = openvino.Core()
        # The hint for bf16 is set only where the CPU has it: elsewhere OpenVINO emulates it, much slower than fp32.
        self.precision: Literal["bf16", "fp32"] = (
            "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
        )
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
            "ENABLE_CPU_PINNING": False,  # two processes would pin their threads to the same cores
            "PERFORMANCE_HINT": "THROUGHPUT",
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        compiled = core.compile_model(str(folder / GRAPH_FILE), "CPU", options)
        self._streams = int(compiled.get_property("NUM_STREAMS"))
        self._turns = ModelTurns(self._streams)
        self._requests = SimpleQueue[Any]()
        one_token = np.ones((1, 1), dtype=np.int64)
        for _ in range(self._streams):
            request = compiled.create_infer_request()
            # The first inference of a process initialises OpenVINO's access to NumPy. Two threads that do this at the
            # same time wait for each other forever.
            request.infer(dict.fromkeys(self.saved.inputs, one_token))
            self._requests.put(request)

    def run(self, encodings: Sequence[Encoding], *, batch_size: int) -> Iterator[Batch]:
        """Run the model on encoded texts, longest first, so that the texts of a batch have similar lengths.

        Texts without tokens are left out. If the caller stops early, batches that have not started are dropped.
        """
        lengths = [self._pad(len(encoding)) for encoding in encodings]
        batches = split_batches(lengths, streams=self._streams, batch_size=batch_size)
        infer = partial(self._infer, encodings)
        if min(len(batches), self._streams) < 2:
            yield from map(infer, batches)
            return
        with ThreadPoolExecutor(min(len(batches), self._streams), thread_name_prefix="inference") as pool:
            yield from pool.map(infer, batches)

    def _pad(self, tokens: int) -> int:
        padded = math.ceil(tokens / LENGTH_STEP) * LENGTH_STEP
        return padded if self.saved.max_tokens is None else max(tokens, min(padded, self.saved.max_tokens))

    def _infer(self, all_encodings: Sequence[Encoding], rows: list[int]) -> Batch:
        encodings = [all_encodings[row] for row in rows]
        shape = (len(rows), self._pad(max(map(len, encodings))))
        ids = np.full(shape, self.saved.padding_id, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for place, encoding in enumerate(encodings):
            length = len(encoding)
            ids[place, :length], types[place, :length], mask[place, :length] = encoding.ids, encoding.type_ids, 1
        features = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        with self._turns.take(short=ids.size <= SHORT_TOKENS):
            request = self._requests.get()
            try:
                outputs = request.infer({name: features[name] for name in self.saved.inputs})
            finally:
                self._requests.put(request)
            return Batch(rows, ids, mask, outputs[0])


def split_batches(lengths: Sequence[int], *, streams: int, batch_size: int) -> list[list[int]]:
    """Return the rows of each batch, longest first: few batches of similar size, about equally many for each stream.

    Args:
        lengths: Tokens of each text, padding included; texts without tokens are left out.
        streams: Inferences that run at the same time.
        batch_size: Maximum texts of a batch.
    """
    order = sorted((row for row, length in enumerate(lengths) if length), key=lambda row: lengths[row], reverse=True)
    total = sum(lengths)
    count = math.ceil(total / BATCH_TOKENS)
    if total > SHORT_TOKENS:
        count = math.ceil(count / streams) * streams
    batches = []
    while order:
        longest = lengths[order[0]]
        size = min(batch_size, max(1, BATCH_TOKENS // longest), math.ceil(total / count / longest))
        batches.append(order[:size])
        order = order[size:]
    return batches
