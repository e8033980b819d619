"""Measure the hidden states of a language model as embeddings next to embedding models: speed, memory and size.

    .venv/bin/python -m benchmarks.hidden_states [--model FOLDER] [--chunks 32]

Without --model, the language model has the shape of Qwen2-0.5B (Yang et al., "Qwen2 Technical Report", 2024, table 1:
24 layers, hidden size 896, 14 heads, 2 of them for keys and values) and random weights. Speed and memory do not depend
on the values of the weights. Quality does, so `refdesk evaluate` measures it only with real weights. Every model runs
in its own process with the encoder that the product would use.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contender_process import read_peak_mb
from benchmarks.texts import find_model, load_passages
from config import settings as configuration
from config.embedding import ProfileRequest, build_embedder, describe_profile
from pipeline.errors import RefdeskError

SHAPE: dict[str, Any] = {
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151_936,
    "tie_word_embeddings": True,
}

MARKER = "@@RESULT "
BATCH = 8


def write_random_model(folder: Path) -> str:
    """Write a causal model of the shape `SHAPE` with random weights, and a tokenizer of English words."""
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2Model

    torch.manual_seed(7)
    # The words of the packaged model: every text has the same number of tokens in all models.
    words = Tokenizer.from_file(str(Path(find_model()) / "tokenizer.json"))
    words.no_truncation()
    words.no_padding()
    special: dict[str, Any] = {"pad_token": "[PAD]", "eos_token": "[SEP]", "unk_token": "[UNK]"}
    tokenizer_class: Any = PreTrainedTokenizerFast
    tokenizer_class(tokenizer_object=words, model_max_length=512, **special).save_pretrained(folder)
    model: Any = Qwen2Model(Qwen2Config(**SHAPE))
    model.float().save_pretrained(folder)
    return str(folder)


def measure(model: str, pooling: str, chunks: int) -> dict[str, object]:
    """Embed passages with one model in this process; the model is loaded and warm."""
    settings = configuration.load()
    profile = describe_profile(settings, ProfileRequest("measured", model, pooling="mean" if pooling else ""))
    embedder = build_embedder(settings, profile)
    texts = [profile.passage_input(passage.text) for passage in load_passages(chunks)]
    embedder.encode(texts[:1])
    started = time.perf_counter()
    for start in range(0, len(texts), BATCH):
        embedder.encode(texts[start : start + BATCH])
    seconds = time.perf_counter() - started
    return {
        "dimensions": profile.dimensions,
        "chunks/s": round(len(texts) / seconds, 2),
        "peak MB": round(read_peak_mb()),
        "bytes per vector": profile.dimensions * 2,
    }


def measure_in_process(model: str, pooling: str, chunks: int) -> dict[str, object]:
    """Measure one model in a new process, so that its peak memory is its own."""
    command = [sys.executable, "-m", "benchmarks.hidden_states", "--measure", model, "--chunks", str(chunks)]
    done = subprocess.run([*command, "--pooling", pooling], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith(MARKER):
            measured: dict[str, object] = json.loads(line.removeprefix(MARKER))
            return measured
    raise RefdeskError(f"{model} could not be measured: {done.stderr.strip()[-500:]}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row per model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="Folder of a causal language model (default: random weights).")
    parser.add_argument("--chunks", type=int, default=32, help="Number of passages of at most 200 tokens.")
    parser.add_argument("--measure", default="", help=argparse.SUPPRESS)
    parser.add_argument("--pooling", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        print(MARKER + json.dumps(measure(options.measure, options.pooling, options.chunks)))
        return
    with tempfile.TemporaryDirectory() as folder:
        language_model = options.model or write_random_model(Path(folder))
        name = options.model or "language model, 0.5 B parameters, random weights"
        rows = [
            ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2", ""),
            ("multilingual-e5-small", "multilingual-e5-small", ""),
            (f"{name}, mean of the hidden states", language_model, "mean"),
        ]
        for label, model, pooling in rows:
            try:
                measured = measure_in_process(model, pooling, options.chunks)
            except RefdeskError as error:
                print(f"{label}: {error}")
                continue
            print(f"{label}: " + ", ".join(f"{value} {name}" for name, value in measured.items()), flush=True)


if __name__ == "__main__":
    main()
