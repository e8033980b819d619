"""Rerank unseen passages, against sentence-transformers' `CrossEncoder` with torch; time the first answers.

The cross-encoder has the shape of ms-marco-MiniLM-L6-v2 with random weights, because its weights are in no package.
Weights do not change the time.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.product import build_settings, ingest_path, open_product
from benchmarks.results import BenchmarkResult, Chart, Line, Measurement, Options, format_rounds
from benchmarks.texts import find_model, load_passages, load_questions
from config.settings import Settings
from config.wiring import WorkerParts, build_parts
from db import profiles
from db.recall import PostgresRecall
from pipeline.answer import answer_question
from pipeline.rerank.depth import LATE_INTERACTION_DEPTH
from pipeline.types import AnswerOptions, Candidate

CANDIDATES = 50
CANDIDATE_COUNTS = (10, 20, 50, 100)
QUESTION = "How is the optimum of a function with bounds found?"
LIBRARY = 500
"""Passages in the library of the first answers."""
DEADLINE_S = 300.0
TORCH = "CrossEncoder, torch"
READS = {"late-interaction": f", which reads {LATE_INTERACTION_DEPTH}"}
"""Addition to the name of a method that reads fewer candidates than it gets."""

Rerank = Callable[[Sequence[Candidate]], object]


@dataclass(frozen=True, slots=True)
class Store:
    """A filled library, and the parts of a query worker that remembers no passage."""

    recall: PostgresRecall
    parts: WorkerParts


def run_benchmark(options: Options) -> BenchmarkResult:
    """Measure reranking by number of candidates, and whole answers."""
    rounds = options.pick_rounds(3)
    library = options.pick_chunks(LIBRARY, 60)
    counts = CANDIDATE_COUNTS[:2] if options.quick else CANDIDATE_COUNTS
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder:
        cross_encoder = save_cross_encoder(Path(folder) / "cross-encoder")
        with open_store(Path(folder), cross_encoder, library) as store:
            answers_ms = measure_answers(store, load_questions(5 if options.quick else 20))
            times = measure_rerankers(build_rerankers(store, cross_encoder), counts, rounds)
    return summarise(times, answers_ms, library=library, rounds=rounds)


def summarise(
    times: dict[str, dict[int, list[float]]], answers_ms: Sequence[float], *, library: int, rounds: int
) -> BenchmarkResult:
    """Turn seconds by reranker and number of candidates, one per round, into measurements and a chart."""
    count = CANDIDATES if CANDIDATES in times[TORCH] else max(times[TORCH])
    targets = {"late-interaction": 0.35, "cross-encoder": 0.45}
    measurements = [
        Measurement.compare(
            f"{count} passages of 200 tokens, unseen, {name}{READS.get(name, '')}",
            "s", times[name][count], times[TORCH][count], against=TORCH, at_most=target,
        )
        for name, target in targets.items()
    ]  # fmt: skip
    first = Measurement(
        "first answer without a language model, unseen passages, p50",
        statistics.median(answers_ms) / 1000,
        "s",
        at_most=0.4,
    )
    lines = tuple(
        Line(name, tuple((float(size), statistics.median(seconds)) for size, seconds in by_count.items()))
        for name, by_count in times.items()
    )
    return BenchmarkResult(
        part="rerank",
        conditions=(
            f"Passages of at most 200 tokens, {format_rounds(rounds)}; {len(answers_ms)} answers from a library of"
            f" {library:,} passages, with the default reranker."
        ),
        measurements=(*measurements, first),
        charts=(Chart("rerank-candidates", "Reranking unseen passages", "candidates", "seconds", lines),),
    )


def save_cross_encoder(folder: Path) -> Path:
    """Save a model of the shape of ms-marco-MiniLM-L6-v2 with random weights and the packaged tokenizer."""
    import torch
    from transformers import AutoConfig, BertForSequenceClassification

    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(find_model(), num_labels=1)
    BertForSequenceClassification(config).save_pretrained(folder)
    for path in Path(find_model()).glob("*"):
        if path.name.startswith(("tokenizer", "vocab", "special_tokens")):
            shutil.copy(path, folder / path.name)
    return folder


@contextmanager
def open_store(folder: Path, cross_encoder: Path, passages: int) -> Iterator[Store]:
    """Fill a library, and build the parts of a query worker without its cache of token vectors."""
    documents = folder / "documents"
    documents.mkdir()
    for passage in load_passages(passages):
        (documents / f"{passage.name}.txt").write_text(passage.text, encoding="utf-8")
    with open_product(folder / "home") as context:
        workspace_id = context.workspace("benchmark")
        ingest_path(context, workspace_id, documents)
        with context.database.system() as session:
            profile = profiles.find_live(session)
        assert profile is not None
        settings = forget_passages(build_settings(folder / "home"), cross_encoder)
        yield Store(
            PostgresRecall(context.database, workspace_id, profile), build_parts(settings, profile, role="query")
        )


def forget_passages(settings: Settings, cross_encoder: Path) -> Settings:
    """Return settings with this cross-encoder and without a cache of token vectors: every passage is unseen."""
    models = settings.models.model_copy(update={"token_cache_mb": 0, "cross_encoder_model": str(cross_encoder)})
    return settings.model_copy(update={"models": models})


def build_rerankers(store: Store, cross_encoder: Path) -> dict[str, Rerank]:
    """Return the product's rerankers, and the library's cross-encoder with its defaults."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(cross_encoder), device="cpu")
    rerankers = store.parts.answer_with(store.recall).rerankers

    def run_torch(candidates: Sequence[Candidate]) -> object:
        pairs = [(QUESTION, candidate.text) for candidate in candidates]
        return model.predict(pairs, show_progress_bar=False)

    def run_product(name: str) -> Rerank:
        def run(candidates: Sequence[Candidate]) -> object:
            result = rerankers[name].rerank(QUESTION, candidates, deadline_s=DEADLINE_S)
            assert result.method == name, result.fallbacks
            return result

        return run

    return {TORCH: run_torch} | {name: run_product(name) for name in ("late-interaction", "cross-encoder")}


def measure_rerankers(
    rerankers: dict[str, Rerank], counts: Sequence[int], rounds: int
) -> dict[str, dict[int, list[float]]]:
    """Return the seconds of each reranker and number of candidates; the rerankers alternate."""
    candidates = build_candidates(max(counts))
    times: dict[str, dict[int, list[float]]] = {name: {count: [] for count in counts} for name in rerankers}
    for rerank in rerankers.values():
        rerank(candidates[:4])  # loads the model
    for _ in range(rounds):
        for count in counts:
            for name, rerank in rerankers.items():
                started = time.perf_counter()
                rerank(candidates[:count])
                times[name][count].append(time.perf_counter() - started)
    for name, by_count in times.items():
        print(f"{name:20}", {count: round(statistics.median(seconds), 2) for count, seconds in by_count.items()})
    return times


def build_candidates(count: int) -> list[Candidate]:
    """Return passages as recall returns them."""
    passages = load_passages(count)
    return [
        Candidate(
            chunk_id=rank, document_id=rank, title=passage.name, text=passage.text,
            recall_rank=rank, recall_score=1 / rank, dense_rank=rank, dense_score=1 / rank,
        )
        for rank, passage in enumerate(passages, start=1)
    ]  # fmt: skip


def measure_answers(store: Store, questions: Sequence[str]) -> list[float]:
    """Return the milliseconds of whole answers in this process; the first question only warms up."""
    parts = store.parts.answer_with(store.recall)
    times_ms = []
    for question in [QUESTION, *questions]:
        started = time.perf_counter()
        answer_question(question, AnswerOptions(), parts, on_stage=lambda *_: None)
        times_ms.append((time.perf_counter() - started) * 1000)
    print(f"answers: {statistics.median(times_ms[1:]):.0f} ms")
    return times_ms[1:]
