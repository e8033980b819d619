"""Measure the extractive answer: the share of questions whose answer contains the fact that was asked for.

    .venv/bin/python -m benchmarks.extractive [DIR ...] [--files] [--json FILE]

A collection's right answers are in `queries.jsonl` (`metadata.answers`). `--files` adds generated files of everyday
kinds in one library, each with questions that only this file answers (`tests/everyday_files`). Every question runs
through the answer flow with default recall and reranker and without a language model. `in passages` is the share of
questions with the fact in a passage that the answer was extracted from, the best possible share. Every second question
is for development (`dev`), the others (`test`) for checking: rules of the extractive answer are chosen on the first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cli.context import CommandContext, open_context, start_command
from config.wiring import WorkerParts, build_parts
from db import workspaces
from db.recall import PostgresRecall
from evaluation.datasets import load_dataset
from evaluation.ingestion import ingest_dataset, open_workspace
from pipeline.answer import answer_question
from pipeline.rerank import top_distinct
from pipeline.types import Answer, AnswerOptions, EmbeddingProfile
from tasks.startup import ensure_live_profile
from tests.everyday_files import build_files
from tests.everyday_files.facts import FactQuestion, mentions, states_fact
from tests.everyday_files.library import add_files

OPTIONS = AnswerOptions()
COLUMNS = ("questions", "share", "dev", "test", "in passages", "abstained", "characters", "generate p50 ms")


@dataclass(frozen=True, slots=True)
class Measured:
    """A question with its answer."""

    kind: str
    question: FactQuestion
    answer: Answer

    @property
    def is_right(self) -> bool:
        """Whether the answer contains the fact, and none of the wrong ones."""
        return states_fact(self.answer.generated.text, self.question)

    @property
    def is_in_passages(self) -> bool:
        """Whether one of the passages contains the fact."""
        passages = top_distinct(self.answer.reranking.ranked, self.answer.options.top_k)
        return any(mentions(ranked.candidate.text, self.question.facts) for ranked in passages)


def measure_collection(
    context: CommandContext, profile: EmbeddingProfile, parts: WorkerParts, folder: Path
) -> list[Measured]:
    """Ingest a collection, or reuse it, and answer its questions."""
    dataset = load_dataset(folder)
    tokens, overlap = parts.ingest.chunk_tokens, parts.ingest.chunk_overlap
    workspace_id = open_workspace(context.database, dataset, chunk_tokens=tokens, chunk_overlap=overlap)
    ingest_dataset(
        dataset,
        context.database,
        context.submitter,
        workspace_id=workspace_id,
        document_ids=dataset.document_ids,
        max_attempts=context.settings.jobs.max_attempts,
        on_progress=lambda _done, _total: None,
    )
    questions = [(dataset.name, question) for question in _read_questions(folder)]
    return list(_answer(questions, PostgresRecall(context.database, workspace_id, profile), parts))


def measure_files(context: CommandContext, profile: EmbeddingProfile, parts: WorkerParts) -> list[Measured]:
    """Add the generated files to a new workspace and answer their questions."""
    files = build_files()
    with context.database.system() as session:
        workspace_id = workspaces.ensure_workspace(session, f"benchmark:files:{time.time_ns()}")
    add_files(files, context.database, workspace_id, profile, parts)
    questions = [(file.kind, question) for file in files for question in file.questions]
    return list(_answer(questions, PostgresRecall(context.database, workspace_id, profile), parts))


def _read_questions(folder: Path) -> Iterator[FactQuestion]:
    for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        yield FactQuestion(record["text"], tuple(map(str, record["metadata"]["answers"])))


def _answer(
    questions: Sequence[tuple[str, FactQuestion]], store: PostgresRecall, parts: WorkerParts
) -> Iterator[Measured]:
    answer_parts = replace(parts.answer_with(store), chat=None)
    for kind, question in questions:
        answer = answer_question(question.text, OPTIONS, answer_parts, lambda *_: None)
        yield Measured(kind, question, answer)


def summarise(measured: Sequence[Measured]) -> list[str]:
    """Return the columns of a row."""
    halves = (measured, measured[::2], measured[1::2])
    shares = [statistics.fmean(m.is_right for m in half) if half else 1.0 for half in halves]
    return [
        str(len(measured)),
        *(f"{share:.3f}" for share in shares),
        f"{statistics.fmean(m.is_in_passages for m in measured):.3f}",
        f"{statistics.fmean(m.answer.generated.abstained for m in measured):.3f}",
        f"{statistics.fmean(len(m.answer.generated.text) for m in measured):.0f}",
        f"{statistics.median(m.answer.timings_ms.get('generate', 0.0) for m in measured):.0f}",
    ]


def print_table(measured: Sequence[Measured]) -> None:
    """Print one row per kind, and one for all of them if there are several."""
    kinds = list(dict.fromkeys(m.kind for m in measured))
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(summarise([m for m in measured if m.kind == kind])) + " |", flush=True)
    if len(kinds) > 1:
        print("| all files | " + " | ".join(summarise(measured)) + " |", flush=True)


def write_answers(path: Path, measured: Sequence[Measured]) -> None:
    """Write the questions with their answers, one JSON object per line."""
    with path.open("a", encoding="utf-8") as file:
        for m in measured:
            record = {
                "kind": m.kind,
                "question": m.question.text,
                "facts": m.question.facts,
                "wrong": m.question.wrong,
                "answer": m.answer.generated.text,
                "right": m.is_right,
                "in_passages": m.is_in_passages,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def main(arguments: argparse.Namespace) -> None:
    """Measure and print a Markdown table."""
    settings = start_command()
    print("| kind | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    with open_context(settings, roles=("ingest",) if arguments.collections else ()) as context:
        profile = ensure_live_profile(context.database, settings)
        parts = build_parts(settings, profile, role="query")
        runs = [measure_files(context, profile, parts)] if arguments.files else []
        runs.extend(measure_collection(context, profile, parts, folder) for folder in arguments.collections)
        for measured in runs:
            print_table(measured)
            if arguments.json:
                write_answers(arguments.json, measured)
        parts.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("collections", nargs="*", type=Path, metavar="DIR", help="Folders of the collections.")
    parser.add_argument("--files", action="store_true", help="Also measure the generated files.")
    parser.add_argument("--json", type=Path, help="Append the answers to this file, one JSON object per line.")
    with suppress(KeyboardInterrupt):
        main(parser.parse_args())
