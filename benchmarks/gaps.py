"""Measure how well questions without an answer are grouped, on a store with 500 of them.

    .venv/bin/python -m benchmarks.gaps COLLECTIONS [--library noveleval] [--show 40] [--threshold 0.7 ...]

The questions come from the collections wikiqa_dev, xquad_en and cmrc2018_dev: 49 of them with two paraphrases each
(`gap_paraphrases.json`, written by hand before anything was measured), 20 per collection about the same passages as
these, and others, 500 in total. They are asked to a library of another collection. Those that Refdesk answers get a
vote against the answer, so that every question is a gap. A pair of questions is right if both are paraphrases of one
question. `--show` prints groups of several questions, to be checked by hand.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path

from benchmarks.abstention import Library, open_libraries, take_evenly
from cli.context import CommandContext, open_context, start_command
from db import feedback, gaps, jobs, traces, workspaces
from db.gaps import Gap
from evaluation.datasets import load_dataset
from pipeline.answer import answer_question
from pipeline.text import similar_questions
from pipeline.types import AnswerOptions
from tasks.startup import ensure_live_profile

QUESTIONS = 500
SAME_PASSAGES = 20
PARAPHRASES = Path(__file__).with_name("gap_paraphrases.json")


def build_questions(folder: Path) -> list[tuple[str, str]]:
    """Return the questions, shuffled, each with the name of the question that it is a paraphrase of."""
    paraphrases = json.loads(PARAPHRASES.read_text(encoding="utf-8"))
    asked: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for name, questions in paraphrases.items():
        dataset = load_dataset(folder / name)
        texts = {question.id: question.text for question in dataset.judged_questions}
        passages = {document for question in questions for document in dataset.qrels.get(question, {})}
        for question, variants in questions.items():
            asked += [(f"{name} {question}", text) for text in (texts[question], *variants)]
        rest = [question for question in texts if question not in questions]
        near = [question for question in rest if passages & dataset.qrels.get(question, {}).keys()][:SAME_PASSAGES]
        asked += [(f"{name} {question}", texts[question]) for question in near]
        others += [(f"{name} {question}", texts[question]) for question in rest if question not in near]
    chosen = set(take_evenly([name for name, _ in others], QUESTIONS - len(asked)))
    asked += [(name, text) for name, text in others if name in chosen]
    random.Random(1).shuffle(asked)
    return asked


def ask_all(context: CommandContext, library: Library, asked: Sequence[tuple[str, str]]) -> tuple[int, dict[int, str]]:
    """Answer and store the questions in a new workspace; return its ID, and the name of each trace's question."""
    with context.database.system() as session:
        workspace_id = workspaces.ensure_workspace(session, f"gaps:{time.time():.0f}")
    names: dict[int, str] = {}
    for name, text in asked:
        answer = answer_question(text, AnswerOptions(reranker="none"), library.parts, lambda *_: None)
        with context.database.tenant(workspace_id) as session:
            job = jobs.submit(session, jobs.NewJob(workspace_id, "ask", {"question": text}))
        with context.database.system() as session:
            lease = jobs.claim(session, job, worker="benchmark", stage="start", lease_s=60)
        if lease is None:
            raise SystemExit("A query worker took the question. Stop the query workers and run the benchmark again.")
        with context.database.tenant(workspace_id) as session:
            names[traces.store_trace(session, lease, answer)] = name
            jobs.succeed(session, lease, {})
        if not answer.generated.abstained:
            with context.database.tenant(workspace_id) as session:
                feedback.store_vote(session, workspace_id, job, "benchmark", -1)
    return workspace_id, names


def measure_pairs(groups: Sequence[Gap], names: dict[int, str]) -> tuple[float, float]:
    """Return precision and recall of the pairs of questions in one group."""
    pairs = [pair for gap in groups for pair in combinations((names[each.id] for each in gap.questions), 2)]
    right = sum(first == second for first, second in pairs)
    sizes: dict[str, int] = {}
    for name in names.values():
        sizes[name] = sizes.get(name, 0) + 1
    return right / max(1, len(pairs)), right / sum(size * (size - 1) // 2 for size in sizes.values())


def main(arguments: argparse.Namespace) -> None:
    """Print one row per threshold, as a Markdown table, and the groups to check."""
    settings = start_command()
    with open_context(settings, roles=("ingest",)) as context:
        profile = ensure_live_profile(context.database, settings)
        (library,) = open_libraries(context, profile, [arguments.collections / arguments.library])
        workspace_id, names = ask_all(context, library, build_questions(arguments.collections))
        started = time.perf_counter()
        with context.database.tenant(workspace_id) as session:
            questions = gaps.list_questions(session, workspace_id)
        read_ms = (time.perf_counter() - started) * 1000
        print("| model | threshold | questions | groups | precision | recall | read ms | group ms |")
        print("| --- |" + " ---: |" * 7)
        groups: list[Gap] = []
        for threshold in arguments.threshold:
            similar_questions.SAME_QUESTION = threshold
            started = time.perf_counter()
            groups = gaps.group(questions)
            group_ms = (time.perf_counter() - started) * 1000
            precision, recall = measure_pairs(groups, names)
            row = (profile.model, threshold, len(questions), len(groups), f"{precision:.3f}", f"{recall:.3f}")
            print("| " + " | ".join(map(str, (*row, f"{read_ms:.0f}", f"{group_ms:.0f}"))) + " |")
        for n, gap in enumerate([gap for gap in groups if len(gap.questions) > 1][: arguments.show], 1):
            wrong = len({names[each.id] for each in gap.questions}) > 1
            print(f"\n{n}.{' (several questions)' if wrong else ''}")
            print("\n".join(f"   - {each.question}" for each in gap.questions))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("collections", type=Path, metavar="COLLECTIONS", help="Folder with the collections.")
    parser.add_argument("--library", default="noveleval", help="Collection whose documents are the library.")
    parser.add_argument("--show", type=int, default=0, help="Number of groups to print.")
    parser.add_argument(
        "--threshold", type=float, nargs="+", default=[similar_questions.SAME_QUESTION], help="Minimum similarities."
    )
    with suppress(KeyboardInterrupt):
        main(parser.parse_args())
