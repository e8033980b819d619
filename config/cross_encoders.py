"""The cross-encoder of a worker: which model fits the store, where its files are, and when it is loaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from config.embedding import build_encoder_options
from config.settings import Settings
from db import documents
from db.engine import Database
from pipeline.cascades import parse_cascade
from pipeline.errors import ModelUnavailable, RefdeskError
from pipeline.ports import PairScorer
from pipeline.text.terms import is_english

if TYPE_CHECKING:
    from pipeline.backends.models.downloads import PulledModel
    from pipeline.backends.models.encoders import EncoderOptions

log = structlog.get_logger(__name__)

ENGLISH_MODEL = "cross-encoder/ms-marco-MiniLM-L6-v2"
"""Cross-encoder for English: 22 million parameters, 90 MB."""
MULTILINGUAL_MODEL = "BAAI/bge-reranker-v2-m3"
"""Cross-encoder for other languages: 568 million parameters, 2.3 GB."""
SLOW_MODEL_DEPTH = 10
"""Candidates that `auto` lets the multilingual model read on a CPU: about half a second each on two cores."""


@dataclass(frozen=True, slots=True)
class CrossEncoderChoice:
    """The cross-encoder of a store."""

    model: str
    reason: str
    """Why this model."""
    may_download: bool = True
    """Whether `auto` downloads its files: not 2 GB for a model that is slow on this machine."""
    depth: int | None = None
    """Candidates that `auto` lets it read; None: all."""


def choose_cross_encoder(settings: Settings, texts: Sequence[str]) -> CrossEncoderChoice:
    """Choose the cross-encoder for the language of some texts of the store; English if there are none."""
    from pipeline.backends.models.encoders import has_gpu

    if settings.models.cross_encoder_model:
        return CrossEncoderChoice(settings.models.cross_encoder_model, "REFDESK_CROSS_ENCODER_MODEL names it")
    if not texts:
        return CrossEncoderChoice(ENGLISH_MODEL, "the store is empty")
    if is_english("\n".join(texts)):
        return CrossEncoderChoice(ENGLISH_MODEL, "the documents are in English")
    reason = "the documents are in other languages than English"
    if has_gpu():
        return CrossEncoderChoice(MULTILINGUAL_MODEL, reason)
    return CrossEncoderChoice(MULTILINGUAL_MODEL, reason, may_download=False, depth=SLOW_MODEL_DEPTH)


def uses_cross_encoder(reranker: str) -> bool:
    """Return whether a reranker or cascade reads passages with the cross-encoder, if it can be loaded."""
    return any(stage.method in {"auto", "cross-encoder"} for stage in parse_cascade(reranker).stages)


def locate_choice(choice: CrossEncoderChoice) -> str:
    """Return where the files of a choice are, for example `in the folder /models/ranker`.

    Raises:
        ModelUnavailable: They are not within reach.
    """
    from pipeline.backends.models.cross_encoder import locate_cross_encoder
    from pipeline.backends.models.model_files import describe_location

    return describe_location(locate_cross_encoder(choice.model, ask_hub=choice.may_download))


class LazyCrossEncoder:
    """A `PairScorer` that loads its model at the first question or before. A failed load is not retried."""

    def __init__(self, model: str, options: EncoderOptions, *, auto_depth: int | None = None) -> None:
        """Create it without loading.

        Args:
            model: Name or folder of the model.
            options: How local models run.
            auto_depth: Candidates that `auto` lets it read; None: all.
        """
        self._model = model
        self._options = options
        self.auto_depth = auto_depth
        self._lock = threading.Lock()
        self._start_lock = threading.Lock()
        self._is_started = False
        self._is_awaited = False
        self._loaded: PairScorer | RefdeskError | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model

    @property
    def is_loaded(self) -> bool:
        """Whether the model is loaded."""
        return self._loaded is not None and not isinstance(self._loaded, RefdeskError)

    def start(self) -> None:
        """Load the model on a thread, once. `auto` waits for a model on this machine, but not for a download."""
        from pipeline.backends.models.model_files import is_local

        with self._start_lock:
            if self._is_started:
                return
            self._is_awaited = is_local(self._model)
            self._is_started = True
        threading.Thread(target=self._load_once, name="cross-encoder", daemon=True).start()

    def load(self) -> None:
        """Load the model now, also from the hub. Without effect if it cannot be loaded."""
        self._load_once()

    def is_usable(self) -> bool:
        """Return whether the model can be used, loading it first unless it has to be downloaded."""
        self.start()
        if self._is_awaited:
            self._load_once()
        return self.is_loaded

    def score(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """Return one logit per passage, loading the model if necessary.

        Raises:
            ModelUnavailable: The model cannot be loaded.
        """
        loaded = self._load_once()
        if isinstance(loaded, RefdeskError):
            raise type(loaded)(str(loaded))
        return loaded.score(question, passages)

    def _load_once(self) -> PairScorer | RefdeskError:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> PairScorer | RefdeskError:
        from pipeline.backends.models.encoders import load_cross_encoder

        try:
            scorer = load_cross_encoder(self._model, self._options)
            scorer.score("warm up", ["warm up"])  # the first call of a model is slow and must not delay a question
        except RefdeskError as error:
            log.info("cross-encoder unavailable", model=self._model, reason=str(error))
            return error
        except Exception as error:
            # Model libraries raise errors of many classes; without a stored failure every question would load again.
            log.exception("cross-encoder unavailable", model=self._model)
            return ModelUnavailable(f"The cross-encoder {self._model} cannot be run: {error}")
        return scorer


def build_cross_encoder(settings: Settings, choice: CrossEncoderChoice) -> LazyCrossEncoder:
    """Build the cross-encoder of a worker, which is not loaded yet."""
    options = replace(build_encoder_options(settings), ask_hub=choice.may_download)
    return LazyCrossEncoder(choice.model, options, auto_depth=choice.depth)


def read_choice(settings: Settings, database: Database) -> CrossEncoderChoice:
    """Choose the cross-encoder for the documents of a store."""
    with database.system() as session:
        return choose_cross_encoder(settings, documents.sample_texts(session))


def list_used_models(settings: Settings, choice: CrossEncoderChoice) -> list[str]:
    """Return the names of the local models that the configuration uses."""
    embedding = [] if settings.embedding.base_url else [settings.embedding.model]
    return [*embedding, choice.model]


def pull_named_model(settings: Settings, name: str) -> PulledModel:
    """Download the missing files of a model.

    Raises:
        ModelUnavailable: The hub cannot be reached, does not have the model, or the download failed.
    """
    from pipeline.backends.models.downloads import PULL_HINT, pull_model
    from pipeline.backends.models.model_files import resolve_model, select_source

    folder = build_encoder_options(settings).folder
    return pull_model(resolve_model(select_source(name, folder), folder, kind="model", fix_hint=PULL_HINT))
