"""Measure LLM rerankers with a simulated model: quality with faulty replies, number of calls, tokens.

    .venv/bin/python scripts/install benchmarks dev
    .venv/bin/python -m benchmarks.rerank_noise ../shared/collections/trec_dl19_pool [--questions 43] [--top-n 50]
        [--over port|http] [--fault wrong|unusable] [--noise 0,10,20,30] [--json FILE]

The candidates are the first documents of the collection's run (without a run: the judged documents of the question,
ordered by ID). The simulated model answers from the relevance judgements, except for a share of faulty replies. These
are wrong (a random rating, the worse of two passages, a random order) or unusable (a refusal in prose). Without faults
every method must produce the best order that the candidates allow. `--over http` calls the model through a server on
loopback, with the same figures. `--serve PORT` only runs this server, with the first share of `--noise`, for use by
Refdesk:

    REFDESK_LLM_BASE_URL=http://127.0.0.1:PORT/v1 REFDESK_LLM_MODEL=judge refdesk evaluate DIR --reranker llm-listwise
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from evaluation.datasets import CorpusDocument, Dataset, Question, load_dataset, load_run
from evaluation.metrics import measure_quality
from pipeline.backends.endpoints.openai_chat import OpenAIChat
from pipeline.backends.models.model_files import resolve_model
from pipeline.ports import ChatModel, Reranker
from pipeline.rerank import estimate_usage
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_listwise import LlmListwiseReranker, list_windows
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.pairwise_sorting import max_comparisons
from pipeline.text.tokens import estimate_tokens
from pipeline.types import Candidate, Usage
from tests.judging_llm import JudgingLlm, text_key
from tests.loopback_llm import LoopbackLlm, count_tokens

DEPTH = {"sort": 20, "sliding": 10, "all-pairs": 0}
"""Number of top places that a strategy determines: the default of the product, and the values in the literature."""
WINDOW, STEP = 20, 10
PER_CALL = 5
LIMITS = LlmLimits(concurrency=4)


@dataclass(frozen=True)
class Method:
    """A reranker with its theoretical number of calls."""

    name: str
    formula: str
    build: Callable[[ChatModel], Reranker]
    calls: Callable[[int], int]
    read: Callable[[int], int]
    """Total number of passages in all calls."""


def comparison_counter(strategy: str) -> Callable[[int], int]:
    """Return a function that counts the comparisons of a strategy for n candidates."""
    return lambda n: max_comparisons(strategy, n, DEPTH[strategy])  # type: ignore[arg-type]


def pairwise(strategy: str, formula: str) -> Method:
    """Build the method for one strategy of pairwise comparison."""
    count = comparison_counter(strategy)
    return Method(
        f"llm-pairwise, {strategy}",
        formula,
        lambda chat: LlmPairwiseReranker(chat, limits=LIMITS, strategy=strategy, depth=DEPTH[strategy]),  # type: ignore[arg-type]
        lambda n: 2 * count(n),
        lambda n: 4 * count(n),
    )


METHODS = (
    Method("llm-pointwise", "N", lambda c: LlmPointwiseReranker(c, limits=LIMITS), lambda n: n, lambda n: n),
    Method(
        f"llm-pointwise, {PER_CALL} per call",
        f"⌈N/{PER_CALL}⌉",
        lambda c: LlmPointwiseReranker(c, limits=LIMITS, passages_per_call=PER_CALL),
        lambda n: math.ceil(n / PER_CALL),
        lambda n: n,
    ),
    pairwise("sort", "≤ 2·Σ min(l+r-1, K) over all merges, K=20"),
    pairwise("sliding", "≤ 2·(K(N-1) - K(K-1)/2), K=10"),
    pairwise("all-pairs", "N(N-1)"),
    Method(
        "llm-listwise",
        f"⌈(N-{WINDOW})/{STEP}⌉+1",
        lambda c: LlmListwiseReranker(c, limits=LIMITS, window=WINDOW, step=STEP),
        lambda n: max(1, math.ceil((n - WINDOW) / STEP) + 1),
        lambda n: sum(end - start for start, end in list_windows(n, WINDOW, STEP)),
    ),
)


@dataclass(frozen=True)
class Task:
    """A question with its candidates."""

    question: Question
    candidates: tuple[Candidate, ...]


def collect_tasks(dataset: Dataset, top_n: int, limit: int) -> list[Task]:
    """Collect the candidates of each question."""
    documents = {document.id: document for document in dataset.documents()}
    run = load_run(dataset, dataset.run_names[0]) if dataset.run_names else None
    tasks = []
    for question in dataset.judged_questions[:limit]:
        if run is not None:
            names: Sequence[str] = [entry.document_id for entry in run.rankings.get(question.id, ())]
        else:
            names = sorted(dataset.qrels[question.id])
        candidates = tuple(_candidate(rank, documents[name]) for rank, name in enumerate(names[:top_n], 1))
        tasks.append(Task(question, candidates))
    return tasks


def serve(dataset: Dataset, judge: JudgingLlm, port: int) -> None:
    """Serve the simulated model with all judgements of a collection until it is interrupted."""
    documents = {document.id: text_key(document.text) for document in dataset.documents()}
    grades = {
        text_key(question.text): {documents[name]: grade for name, grade in dataset.qrels[question.id].items()}
        for question in dataset.judged_questions
    }
    with LoopbackLlm(replace(judge, grades=grades), port) as server:
        print(f"judging {dataset.name} at {server.url}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


def _candidate(rank: int, document: CorpusDocument) -> Candidate:
    return Candidate(rank, rank, document.title, document.text, rank, 1.0 / rank, source=document.id)


def build_judge(dataset: Dataset, tasks: Sequence[Task]) -> JudgingLlm:
    """Build the simulated model for these tasks."""
    grades = {
        text_key(task.question.text): {
            text_key(candidate.text): dataset.qrels[task.question.id].get(candidate.source, 0)
            for candidate in task.candidates
        }
        for task in tasks
    }
    return JudgingLlm(grades, highest=max(grade for of_one in grades.values() for grade in of_one.values()))


@contextmanager
def open_chat(judge: JudgingLlm, over: str) -> Iterator[ChatModel]:
    """Yield the model itself, or a client that calls it over HTTP on loopback."""
    if over == "port":
        yield judge
        return
    with LoopbackLlm(judge) as server:
        chat = OpenAIChat(server.url, judge.name)
        yield chat
        chat.close()


@dataclass(frozen=True)
class MethodResult:
    """The results of one method."""

    ndcg_at_10: float
    usage: Usage
    unscored: int
    fallbacks: int


def measure(
    method: Method, chat: ChatModel, tasks: Sequence[Task], qrels: Mapping[str, Mapping[str, int]]
) -> MethodResult:
    """Rerank the candidates of all questions with one method."""
    reranker = method.build(chat)
    rankings, usage, unscored, fallbacks = {}, Usage(), 0, 0
    for task in tasks:
        result = reranker.rerank(task.question.text, task.candidates, deadline_s=600)
        assert sorted(r.candidate.chunk_id for r in result.ranked) == [c.chunk_id for c in task.candidates]
        rankings[task.question.id] = [ranked.candidate.source for ranked in result.ranked]
        usage += result.usage
        unscored += sum("unscored" in ranked.flags for ranked in result.ranked)
        fallbacks += bool(result.fallbacks)
    return MethodResult(measure_quality(qrels, rankings).ndcg_at_10, usage, unscored, fallbacks)


def best_possible(tasks: Sequence[Task], qrels: Mapping[str, Mapping[str, int]]) -> tuple[float, float]:
    """Return nDCG@10 of the incoming order and of the best possible order."""
    incoming = {task.question.id: [c.source for c in task.candidates] for task in tasks}
    best = {
        question: sorted(names, key=lambda name: -qrels[question].get(name, 0)) for question, names in incoming.items()
    }
    return measure_quality(qrels, incoming).ndcg_at_10, measure_quality(qrels, best).ndcg_at_10


def main() -> None:
    """Measure and print the tables."""
    options = _options()
    dataset = load_dataset(options.collection)
    tasks = collect_tasks(dataset, options.top_n, options.questions)
    qrels = {task.question.id: dataset.qrels[task.question.id] for task in tasks}
    judge = build_judge(dataset, tasks)
    if options.serve:
        first = int(options.noise.split(",")[0])
        serve(dataset, replace(judge, fault_rate=first / 100, fault=options.fault), options.serve)
        return
    incoming, best = best_possible(tasks, qrels)
    shares = [int(share) for share in options.noise.split(",")]
    print(f"{dataset.name}: {len(tasks)} questions, {options.top_n} candidates, over {options.over}")
    print(
        f"nDCG@10 incoming {incoming:.4f}, best order of the candidates {best:.4f}; faulty replies: {options.fault}\n"
    )
    rows: dict[str, list[MethodResult]] = {}
    for method in METHODS:
        if options.only and not any(name in method.name for name in options.only.split(",")):
            continue
        rows[method.name] = []
        for share in shares:
            started = time.perf_counter()
            faulty = replace(judge, fault_rate=share / 100, fault=options.fault)
            with open_chat(faulty, options.over) as chat:
                rows[method.name].append(measure(method, chat, tasks, qrels))
            print(f"  {method.name}, {share} %: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    _print_quality(rows, shares)
    _print_costs(rows, tasks)
    _print_estimates(rows, tasks)
    if options.json:
        document = {name: [vars(m) | {"usage": str(m.usage)} for m in row] for name, row in rows.items()}
        options.json.write_text(json.dumps({"incoming": incoming, "best": best, "shares": shares, "rows": document}))


def _print_quality(rows: Mapping[str, Sequence[MethodResult]], shares: Sequence[int]) -> None:
    print("| method | " + " | ".join(f"{share} %" for share in shares) + " |")
    print("| --- |" + " ---: |" * len(shares))
    for name, row in rows.items():
        cells = [f"{m.ndcg_at_10:.4f}" + (f" ({m.unscored} unscored)" if m.unscored else "") for m in row]
        print(f"| {name} | " + " | ".join(cells) + " |")


def _print_costs(rows: Mapping[str, Sequence[MethodResult]], tasks: Sequence[Task]) -> None:
    count = round(statistics.fmean(len(task.candidates) for task in tasks))
    print(f"\n| method | calls for N = {count} in theory | | measured | passages read | prompt tokens | of theory |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for method in METHODS:
        if method.name not in rows:
            continue
        usage = rows[method.name][0].usage
        calls, read = method.calls(count), method.read(count)
        overhead, passage = _prompt_sizes(method, tasks)
        theory = calls * overhead + read * passage
        prompts = usage.prompt_tokens / len(tasks)
        print(
            f"| {method.name} | {method.formula} | {calls:,} | {usage.calls / len(tasks):,.1f} | {read:,} "
            f"| {prompts:,.0f} | {prompts / theory:.2f} |"
        )


def _print_estimates(rows: Mapping[str, Sequence[MethodResult]], tasks: Sequence[Task]) -> None:
    print("\n| method | calls | of measured | prompt tokens | of measured | reply tokens | of measured |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for method in METHODS:
        if method.name not in rows:
            continue
        used = rows[method.name][0].usage
        reranker = method.build(JudgingLlm({}))
        estimates = [estimate_usage(reranker, task.question.text, task.candidates) for task in tasks]
        cells = []
        for name in ("calls", "prompt_tokens", "completion_tokens"):
            estimated, measured = sum(getattr(one, name) for one in estimates), getattr(used, name)
            cells.append(f"{estimated / len(tasks):,.0f} | {estimated / measured:.2f}")
        print(f"| {method.name} | {' | '.join(cells)} |")
    passages = [candidate.text for task in tasks for candidate in task.candidates]
    tokenizer = Tokenizer.from_file(str(Path(resolve_model("all-MiniLM-L6-v2", Path()).location) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    counted = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in passages)
    print(f"\npassages alone, estimated of WordPiece: {sum(map(estimate_tokens, passages)) / counted:.2f}")


def _prompt_sizes(method: Method, tasks: Sequence[Task]) -> tuple[float, float]:
    """Return the average prompt tokens of a call without passages, and of one passage."""
    empty = [replace(candidate, text="", title="") for candidate in tasks[0].candidates]
    judge = JudgingLlm({})
    usage = method.build(judge).rerank(tasks[0].question.text, empty, deadline_s=600).usage
    questions = [len(task.question.text.split()) for task in tasks]
    overhead = usage.prompt_tokens / usage.calls - questions[0] + statistics.fmean(questions)
    passages = [count_tokens(f"{c.title} {c.text}") for task in tasks for c in task.candidates]
    return overhead, statistics.fmean(passages)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("collection", type=Path)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--top-n", type=int, default=50)
    parser.add_argument("--over", choices=("port", "http"), default="port")
    parser.add_argument("--fault", choices=("wrong", "unusable"), default="wrong")
    parser.add_argument("--noise", default="0,10,20,30")
    parser.add_argument("--only", default="", help="Comma-separated parts of method names.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=int, default=0, metavar="PORT")
    return parser.parse_args()


if __name__ == "__main__":
    main()
