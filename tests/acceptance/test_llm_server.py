"""A third-party OpenAI-compatible server, `transformers serve`, with a model that generates random text.

The model is a tiny Llama with random weights, built here. Every question is still answered, and the fallbacks are
recorded.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from pipeline.answer import answer_question
from pipeline.answer_parts import AnswerParts
from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.errors import LlmRejected
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.results import is_full_permutation
from pipeline.types import AnswerOptions, ChatMessage
from tests.answer_fakes import FakeStore, WordEmbedder, candidate

REQUIRED_MODULES = ("torch", "transformers", "fastapi", "uvicorn", "openai")
START_TIMEOUT_S = 240

# Runs in a separate process, because the model library emits warnings and pytest turns warnings into errors.
BUILD_MODEL = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
set_seed(7)
words = "the library gate opens at nine score reason [1] [2] 7 10 passage question { } and of to is".split()
tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
alphabet = pre_tokenizers.ByteLevel.alphabet()
special = ["<unk>", "<s>", "</s>"]
trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
tokenizer.train_from_iterator([" ".join(words)] * 10, trainer)
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
fast.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\\n{% endfor %}assistant:"
config = LlamaConfig(
    vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
    max_position_embeddings=8192, bos_token_id=1, eos_token_id=2, pad_token_id=2,
)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
fast.save_pretrained(sys.argv[1])
"""

CANDIDATES = [
    candidate(1, "The gate of the library opens at nine.", dense_score=0.8),
    candidate(2, "Lamps are lit in the evening.", dense_score=0.6),
    candidate(3, "Bread is sold in the yard.", dense_score=0.5),
]
QUESTION = "When does the gate of the library open?"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a tiny Llama with random weights, a tokenizer and a chat template."""
    missing = [name for name in REQUIRED_MODULES if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; run `scripts/install worker dev`")
    folder = tmp_path_factory.mktemp("tiny-llama")
    build = subprocess.run(
        [sys.executable, "-c", BUILD_MODEL, str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    assert build.returncode == 0, build.stderr
    return folder


@pytest.fixture(scope="module")
def server_url(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `transformers serve` on loopback."""
    # The bound socket reserves the port: the server can share it, but other programs are not assigned it.
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    port = reserved.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [str(Path(sys.executable).parent / "transformers"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [*command, "--device", "cpu", str(model_folder)],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_DISABLE_TELEMETRY": "1"},
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        reserved.close()


@pytest.fixture
def chat(server_url: str, model_folder: Path) -> Iterator[OpenAIChat]:
    """Refdesk's client for that server."""
    client = OpenAIChat(server_url, str(model_folder))
    yield client
    client.close()


def test_server__answers_and_streams(chat: OpenAIChat) -> None:
    seen: list[str] = []
    messages = [ChatMessage("user", "Say something.")]
    streamed = chat.complete(messages, max_tokens=12, timeout_s=60, on_text=seen.append)
    whole = chat.complete(messages, max_tokens=12, timeout_s=60)
    assert whole.text
    assert streamed.text == seen[-1]
    assert len(seen) > 1
    assert whole.usage.completion_tokens == 12


def test_server__json_schema_still_returns_a_reply(chat: OpenAIChat) -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    reply = chat.complete([ChatMessage("user", "Rate.")], max_tokens=8, timeout_s=60, json_schema=schema)
    assert reply.text


def test_server__unknown_model_is_rejected(server_url: str) -> None:
    chat = OpenAIChat(server_url, "no-such/model")
    with pytest.raises(LlmRejected, match="no-such/model"):
        chat.complete([ChatMessage("user", "Hello")], max_tokens=8, timeout_s=60)
    chat.close()


def test_random_text__every_stage_falls_back_and_records_it(chat: OpenAIChat) -> None:
    reranker = FallbackReranker(
        LlmPointwiseReranker(chat, limits=LlmLimits(call_timeout_s=60, reply_tokens=16)), RecallOrderReranker()
    )
    parts = AnswerParts(
        store=FakeStore(CANDIDATES),
        embedder=WordEmbedder(),
        rerankers={reranker.method: reranker},
        chat=chat,
        rerank_deadline_s=200,
        llm_max_tokens=60,
    )
    shown: list[str] = []
    result = answer_question(
        QUESTION, AnswerOptions(reranker="llm-pointwise"), parts, lambda _stage, _done, _total, note: shown.append(note)
    )
    assert is_full_permutation(result.reranking.ranked, CANDIDATES)
    assert [(f.stage, f.used) for f in result.fallbacks] == [("rerank", "none"), ("generate", "extractive")]
    assert "Only 0 of 3 passages got a usable rating" in result.fallbacks[0].reason
    assert "cites nothing" in result.fallbacks[1].reason
    assert result.reranking.usage.calls >= 4
    assert result.generated.text == "The gate of the library opens at nine. [1]"
    assert [c.chunk_id for c in result.generated.citations] == [1]
    assert not any(shown), "unverified text was shown while it streamed"


@pytest.mark.parametrize("method", [LlmPointwiseReranker, LlmPairwiseReranker, LlmListwiseReranker])
def test_random_text__every_reranker_falls_back(
    chat: OpenAIChat, method: type[LlmPointwiseReranker | LlmPairwiseReranker | LlmListwiseReranker]
) -> None:
    reranker = method(chat, limits=LlmLimits(call_timeout_s=60, reply_tokens=16))
    result = FallbackReranker(reranker, RecallOrderReranker()).rerank(QUESTION, CANDIDATES, deadline_s=200)
    assert [ranked.candidate.chunk_id for ranked in result.ranked] == [1, 2, 3]
    assert [(f.method, f.used) for f in result.fallbacks] == [(method.method, "none")]
    assert result.usage.calls >= 2


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    pytest.fail(f"the server did not start: {log.read_text(encoding='utf-8')}")
