"""Steps shared by loading all kinds of models: the library, its threads, and errors with a fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import MissingExtra, ModelUnavailable, ProfileMismatch
from pipeline.types import EmbeddingProfile


def prepare_library(threads: int) -> None:
    """Import the model library, set the number of threads (0 keeps the default) and disable its progress bars.

    Raises:
        MissingExtra: The library is not installed.
    """
    try:
        import sentence_transformers  # noqa: F401 - the callers' own import must not fail
        import torch
        import transformers
    except ImportError as error:
        copy = "copy the folder `models` from the data folder of a host that has exported the model"
        raise MissingExtra.for_part("the models", "worker", alternative=copy) from error
    if threads:
        torch.set_num_threads(threads)
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def report_load_errors(kind: str, name: str, fix_hint: str) -> Iterator[None]:
    """Raise `ModelUnavailable` for every error inside the context.

    The library raises errors of nearly any class for a folder that contains no model.
    """
    try:
        yield
    except Exception as error:
        raise ModelUnavailable(f"The {kind} {name} cannot be loaded: {first_line(error)} {fix_hint}") from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message as a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if lines[0].endswith((".", "!", "?")) else f"{lines[0]}."


def require_dimensions(profile: EmbeddingProfile, dimensions: int) -> None:
    """Raise `ProfileMismatch` if a model has other dimensions than its profile."""
    if dimensions != profile.dimensions:
        raise ProfileMismatch(
            f"The model {profile.model} returns vectors of {dimensions} dimensions, the profile {profile.name} has "
            f"{profile.dimensions}. Add a profile for this model."
        )
