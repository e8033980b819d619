"""Cross-encoders of sentence-transformers, on torch or from a saved model on OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.backends.models.loading import prepare_library, report_load_errors
from pipeline.backends.models.model_files import ModelFiles, resolve_files
from pipeline.backends.models.openvino_model import OpenVinoModel, load_tokenizer
from pipeline.backends.models.turns import torch_turns
from pipeline.errors import ModelUnavailable

FIX_HINT = (
    "Set REFDESK_CROSS_ENCODER_MODEL to the folder of a cross-encoder, fetch one with `refdesk models pull` where the"
    " hub can be reached, or use the reranker late-interaction."
)


class SentenceTransformersCrossEncoder:
    """A `PairScorer`. Its scores are logits, regardless of the activation in the model's files."""

    def __init__(self, name: str, *, threads: int = 0, batch_size: int = 16, device: str | None = None) -> None:
        """Load the model.

        Args:
            name: A folder, or a name in the cache or at the hub.
            threads: Threads for computing; 0 keeps the library's default.
            batch_size: Pairs per batch.
            device: For example `cpu`; None lets the library choose.

        Raises:
            ModelUnavailable: The model cannot be found or loaded, or returns several scores per pair.
        """
        self._name = name
        self._batch_size = batch_size
        self._model = load_sentence_transformers_cross_encoder(
            locate_cross_encoder(name), threads=threads, device=device
        )
        _require_one_score(name, self._model.num_labels)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return one logit per passage; larger is better."""
        import torch

        if not passages:
            return []
        scores = [0.0] * len(passages)
        # Similar lengths in a batch need little padding, and the turn is given up between batches.
        order = sorted(range(len(passages)), key=lambda row: len(passages[row]), reverse=True)
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            with torch_turns.take():
                # Identity, because the saved activation differs between models; the reranker applies the sigmoid.
                logits = self._model.predict(
                    [(question, passages[row]) for row in rows],
                    batch_size=self._batch_size,
                    activation_fn=torch.nn.Identity(),
                    show_progress_bar=False,
                )
            for row, logit in zip(rows, logits, strict=True):
                scores[row] = float(logit)
        return scores


class OpenVinoCrossEncoder:
    """A `PairScorer` from a saved model, without torch and transformers; safe for several threads."""

    def __init__(self, name: str, folder: Path, *, threads: int = 0, batch_size: int = 16) -> None:
        """Load a saved model.

        Args:
            name: The model's name.
            folder: Folder of the saved model.
            threads: Threads for computing; 0 uses all cores.
            batch_size: Maximum pairs per inference.

        Raises:
            RuntimeError: OpenVINO cannot read the model.
            ValueError: The tokenizer or the description is damaged.
            ModelUnavailable: The model returns several scores per pair.
        """
        self._name = name
        self._batch_size = batch_size
        self._model = OpenVinoModel(folder, threads=threads)
        _require_one_score(name, self._model.saved.dimensions)
        self._tokenizer = load_tokenizer(folder)
        if self._model.saved.max_tokens:  # set once, because it is state of the tokenizer
            self._tokenizer.enable_truncation(self._model.saved.max_tokens, strategy="longest_first")

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return one logit per passage; larger is better."""
        scores = [0.0] * len(passages)
        encodings = self._tokenizer.encode_batch([(question, passage) for passage in passages])
        for batch in self._model.run(encodings, batch_size=self._batch_size):
            for row, logits in zip(batch.rows, batch.output, strict=True):
                scores[row] = float(logits[0])
        return scores


def _require_one_score(name: str, scores: int) -> None:
    if scores != 1:
        raise ModelUnavailable(
            f"The cross-encoder {name} returns {scores} scores per pair, but a reranker needs one. {FIX_HINT}"
        )


def locate_cross_encoder(name: str, *, ask_hub: bool = True) -> ModelFiles:
    """Find a cross-encoder's files without loading it.

    Raises:
        ModelUnavailable: There is no such model, or the hub cannot be reached.
    """
    return resolve_files(name, kind="cross-encoder", fix_hint=FIX_HINT, ask_hub=ask_hub)


def load_sentence_transformers_cross_encoder(files: ModelFiles, *, threads: int = 0, device: str | None = None) -> Any:
    """Load a cross-encoder with torch.

    Raises:
        ModelUnavailable: The files contain no such model.
        MissingExtra: The model library is not installed.
    """
    prepare_library(threads)
    import torch
    from sentence_transformers import CrossEncoder

    with report_load_errors("cross-encoder", files.name, FIX_HINT):
        return CrossEncoder(
            files.location, device=device, local_files_only=files.local_only, model_kwargs={"dtype": torch.float32}
        )
