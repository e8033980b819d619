"""The encoder on OpenVINO, with a tiny graph that looks up one vector per token."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from pipeline.backends.models.openvino_model import (
    GRAPH_FILE,
    TOKENIZER_FILE,
    OpenVinoModel,
    SavedModel,
    import_openvino,
    load_tokenizer,
)
from pipeline.errors import ProfileMismatch
from pipeline.types import EmbeddingProfile

pytest.importorskip("openvino", reason="needs the worker extra")
pytest.importorskip("tokenizers", reason="needs the worker extra")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "gate", "opens", "at", "nine"]
TABLE = np.random.default_rng(3).normal(size=(len(WORDS), 4)).astype(np.float32)


def save_model(folder: Path, **changes) -> Path:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    openvino = import_openvino()
    from openvino import opset8

    ids = opset8.parameter([-1, -1], np.int64, name="input_ids")
    mask = opset8.parameter([-1, -1], np.int64, name="attention_mask")
    states = opset8.gather(opset8.constant(TABLE), ids, opset8.constant(0))
    weighted = opset8.multiply(states, opset8.convert(opset8.unsqueeze(mask, opset8.constant(2)), "f32"))
    for port, name in ((ids, "input_ids"), (mask, "attention_mask")):
        port.output(0).get_tensor().set_names({name})
    openvino.save_model(openvino.Model([weighted], [ids, mask]), str(folder / GRAPH_FILE), compress_to_fp16=False)
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=7)
    tokenizer.save(str(folder / TOKENIZER_FILE))
    values = {
        "inputs": ("input_ids", "attention_mask"),
        "dimensions": 4,
        "max_tokens": 6,
        "padding_id": 0,
        "special_ids": (0, 1, 2, 3),
        "unknown_ids": (1,),
        **changes,
    }
    SavedModel(**values).write(folder)
    return folder


def load(folder: Path, *, normalize=False, dimensions=4, **options):
    from pipeline.backends.models.openvino_encoder import OpenVinoEmbedder

    profile = EmbeddingProfile(1, "p", "m", dimensions, 6, normalize=normalize)
    return OpenVinoEmbedder(profile, folder, threads=1, **options)


def states(*words: str):
    return TABLE[[WORDS.index(word) for word in ("[CLS]", *words, "[SEP]")]]


POOLED = {
    "mean": lambda rows: rows.mean(axis=0),
    "mean_sqrt_len_tokens": lambda rows: rows.sum(axis=0) / np.sqrt(len(rows)),
    "cls": lambda rows: rows[0],
    "lasttoken": lambda rows: rows[-1],
    "max": lambda rows: rows.max(axis=0),
}


@pytest.mark.parametrize("pooling", list(POOLED))
def test_encode__pools_without_padding(tmp_path, pooling):
    embedder = load(save_model(tmp_path, pooling=pooling), batch_size=2)
    found = embedder.encode(["The gate", "", "the gate opens at"])
    expected = [
        POOLED[pooling](rows) for rows in (states("the", "gate"), states(), states("the", "gate", "opens", "at"))
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32
    assert embedder.encode([]).shape == (0, 4)


@pytest.mark.parametrize(("profile", "model"), [(True, False), (False, True)])
def test_encode__normalises_for_the_profile_or_the_model(tmp_path, profile, model):
    vectors = load(save_model(tmp_path, normalize=model), normalize=profile).encode(["the gate", "nine"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_encode__cuts_a_long_text_and_keeps_its_special_tokens(tmp_path):
    long = "the gate opens at nine the gate"
    save_model(tmp_path)
    np.testing.assert_allclose(load(tmp_path).encode([long])[0], states(*long.split()[:4]).mean(axis=0), atol=1e-6)
    save_model(tmp_path, max_tokens=None)
    np.testing.assert_allclose(load(tmp_path).encode([long])[0], states(*long.split()).mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(("max_tokens", "widths"), [(None, {16, 32, 48}), (40, {16, 32, 40})])
def test_run__pads_batches_to_few_lengths(tmp_path, max_tokens, widths):
    model = OpenVinoModel(save_model(tmp_path, max_tokens=max_tokens), threads=1)
    encodings = load_tokenizer(tmp_path).encode_batch([" ".join(["gate"] * length) for length in range(1, 39)])
    assert {batch.ids.shape[1] for batch in model.run(encodings, batch_size=1)} == widths


def test_encode_tokens__without_special_tokens_and_cut(tmp_path):
    embedder = load(save_model(tmp_path, max_tokens=20), token_limit=5)
    tokens = embedder.encode_tokens(["the unknown gate", "", "the gate opens at nine"])
    assert [matrix.shape for matrix in tokens] == [(2, 4), (0, 4), (3, 4)]
    expected = TABLE[[WORDS.index("the"), WORDS.index("gate")]]
    np.testing.assert_allclose(tokens[0], expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_count_and_known_units__are_not_cut(tmp_path):
    embedder = load(save_model(tmp_path))
    assert embedder.count("the gate " * 100) == 200
    assert embedder.known_units("The lamp opens") == [(0, 3), (9, 14)]


def test_encode__from_many_threads(tmp_path):
    embedder = load(save_model(tmp_path), batch_size=2)
    texts = [" ".join(WORDS[4 : 5 + n % 5]) for n in range(40)]
    expected, tokens = embedder.encode(texts), embedder.encode_tokens(texts)
    problems: list[str] = []

    def work() -> None:
        for _ in range(5):
            if not np.array_equal(embedder.encode(texts), expected):
                problems.append("vectors")
            if not all(map(np.array_equal, embedder.encode_tokens(texts), tokens)):
                problems.append("tokens")

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_load__profile_with_other_dimensions(tmp_path):
    with pytest.raises(ProfileMismatch, match="returns vectors of 4 dimensions, the profile p has 8"):
        load(save_model(tmp_path), dimensions=8)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (GRAPH_FILE, b"<net"),
        (GRAPH_FILE.replace(".xml", ".bin"), b""),
        (TOKENIZER_FILE, b"{}"),
        ("encoder.json", b"{"),
        ("encoder.json", b'{"format": 1}'),
    ],
)
def test_load__damaged_files_are_errors_that_cause_a_new_export(tmp_path, file, content):
    save_model(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises((RuntimeError, ValueError, OSError)):
        load(tmp_path)


def test_load__files_of_another_format(tmp_path):
    with pytest.raises(ValueError, match="has the format 99, not 1"):
        load(save_model(tmp_path, format=99))


@pytest.mark.parametrize(("capabilities", "hint"), [(["FP32", "INT8"], "f32"), (["FP32", "BF16", "INT8"], "bf16")])
def test_load__bf16_only_where_the_cpu_has_it(tmp_path, monkeypatch, capabilities, hint):
    openvino = import_openvino()
    used = {}

    class Core:
        def get_property(self, device, name):
            assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
            return capabilities

        def compile_model(self, path, device, options):
            used.update(options)
            return openvino.Core().compile_model(path, device, options | {"INFERENCE_PRECISION_HINT": "f32"})

    core = openvino.Core()
    monkeypatch.setattr(openvino, "Core", lambda: Core() if not used else core)
    embedder = load(save_model(tmp_path))
    assert used["INFERENCE_PRECISION_HINT"] == hint
    assert used["ENABLE_CPU_PINNING"] is False
    assert embedder.runtime == ("OpenVINO, bf16" if hint == "bf16" else "OpenVINO, fp32")


def test_token_spans__one_for_each_row_of_encode_tokens(tmp_path):
    embedder = load(save_model(tmp_path))
    texts = ["The gate, opens", "", "the gate opens at nine the gate opens"]
    spans = embedder.token_spans(texts)
    assert [len(of_text) for of_text in spans] == [len(rows) for rows in embedder.encode_tokens(texts)]
    assert [texts[0][start:end] for start, end in spans[0]] == ["The", "gate", "opens"]
